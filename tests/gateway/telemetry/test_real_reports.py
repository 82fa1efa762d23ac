"""The telemetry of the real Claude Code and the real Codex reaches the ledger once (PRX-9)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.gateway.looping import Looping
from tests.gateway.proxied import Proxied
from tests.gateway.real_agents import QUIET, RUN_SECONDS_MAX, installed

pytestmark = pytest.mark.nightly
TURNS = 3
FORMS = pytest.mark.parametrize("form", ["json", "protobuf"])
AGENTS = pytest.mark.parametrize("agent", ["claude", "codex"])
CODEX_CONFIG = """
model_provider = "here"
[model_providers.here]
name = "here"
base_url = "{base}/v1"
env_key = "AGENT_KEY"
wire_api = "responses"
[otel]
exporter = {{ otlp-http = {{ endpoint = "{gateway}/v1/logs", protocol = "{protocol}", headers = {{ "x-corvus-token" = "{token}" }} }} }}
"""  # noqa: E501 - a line of TOML


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return installed(tmp_path_factory.mktemp("agents"))


def run(
    folder: Path, gateway: Proxied, program: Path, *, base: str, key: str, form: str
) -> subprocess.CompletedProcess[str]:
    """Run an agent against a provider, and have it report to the gateway."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    node = Path(shutil.which("node") or "node").parent
    environment = {"PATH": f"{node}:/usr/bin:/bin", "HOME": str(home), "AGENT_KEY": key, **QUIET}
    if program.name == "codex":
        protocol = "json" if form == "json" else "binary"
        (home / ".codex").mkdir()
        (home / ".codex/config.toml").write_text(
            CODEX_CONFIG.format(
                base=base, gateway=gateway.url, protocol=protocol, token=gateway.secret
            )
        )
        command = ["exec", "--skip-git-repo-check", "-m", "gpt-5.1-codex", "Say turn"]
    else:
        environment |= {
            "ANTHROPIC_BASE_URL": base,
            "ANTHROPIC_API_KEY": key,
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": f"http/{form}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": gateway.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-corvus-token={gateway.secret}",
        }
        command = ["-p", "Say turn, again and again", "--model", "claude-sonnet-4-5"]
        command += ["--allowedTools", "Bash(echo:*)"]
    return subprocess.run(
        [str(program), *command],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=RUN_SECONDS_MAX,
        cwd=work,
        env=environment,
        check=False,
    )


@AGENTS
@FORMS
def test_each_call_that_passes_no_proxy_is_recorded_once(
    tmp_path: Path, gateway: Proxied, programs: dict[str, Path], agent: str, form: str
) -> None:
    script = Looping(TURNS)
    gateway.provider.script = script
    url = gateway.provider.url
    done = run(tmp_path, gateway, programs[agent], base=url, key="sk-own", form=form)
    assert done.returncode == 0, done.stderr
    records = gateway.records()
    assert {one.surface for one in records} == {"telemetry"}
    assert len({one.session_id for one in records}) == 1
    reported = sorted(
        (one.input_tokens, one.cache_read_tokens, one.output_tokens) for one in records
    )
    assert reported == sorted(
        (one.input_tokens, one.cache_read_tokens, one.output_tokens + one.reasoning_tokens)
        for one in script.bill
    )


@AGENTS
def test_what_passes_the_proxy_is_not_recorded_again(
    tmp_path: Path, gateway: Proxied, programs: dict[str, Path], agent: str
) -> None:
    script = Looping(TURNS)
    gateway.provider.script = script
    done = run(
        tmp_path, gateway, programs[agent], base=gateway.url, key=gateway.secret, form="json"
    )
    assert done.returncode == 0, done.stderr
    assert [one.surface for one in gateway.records()] == ["proxy"] * len(script.bill)
    measured = f'corvus_telemetry_records_total{{result="measured"}} {len(script.bill)}.0'
    assert measured in gateway.metrics().splitlines()
