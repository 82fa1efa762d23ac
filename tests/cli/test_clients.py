"""What each agent is given so that it pays from the budgets of its run (CLI-4)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.agents.child import environment_of
from corvus.cli.agents.clients import CLIENTS, Situation, setup_of, variables_of
from corvus.cli.agents.codex import has_chatgpt_log_in
from corvus.cli.agents.gemini_cli import home_of_run
from corvus.cli.agents.leads import run_keys, with_upstreams
from corvus.model.gateway import GatewayOptions, Kind, Upstream

URL, KEY = "http://127.0.0.1:9", "cvk_run"
ALWAYS = frozenset({Kind.OPENAI, Kind.ANTHROPIC, Kind.GEMINI})
BEDROCK = Upstream("aws", "https://b.example", Kind.BEDROCK, region="eu-west-1")
VERTEX = Upstream("gcp", "https://v.example", Kind.VERTEX, project="acme", location="us-east5")
AZURE = Upstream("az", "https://a.example", Kind.AZURE, "AZURE_OPENAI_API_KEY")
CLAUDE = Upstream("a", "https://c.example", Kind.ANTHROPIC, "ANTHROPIC_API_KEY")


@pytest.fixture
def run(tmp_path: Path) -> Situation:
    """A run without a config, of a user without settings."""
    folder, home = tmp_path / "run", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    return Situation(URL, KEY, (), frozenset(), {"HOME": str(home)}, folder)


def configured(run: Situation, *upstreams: Upstream, **environment: str) -> Situation:
    return replace(
        run,
        upstreams=upstreams,
        configured=frozenset(one.kind for one in upstreams),
        environment={**run.environment, **environment},
    )


def test_any_command_gets_keys_of_the_run_and_addresses_of_the_proxy(run: Situation) -> None:
    found = variables_of(run)
    assert found == {
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_API_KEY": KEY,
        "GEMINI_API_KEY": KEY,
        "GOOGLE_API_KEY": KEY,
        "GOOGLE_GENERATIVE_AI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{URL}/v1",
        "ANTHROPIC_BASE_URL": URL,
        "GOOGLE_GEMINI_BASE_URL": URL,
        "GOOGLE_VERTEX_BASE_URL": URL,
        "ANTHROPIC_VERTEX_BASE_URL": f"{URL}/v1",
        "ANTHROPIC_BEDROCK_BASE_URL": URL,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": URL,
        "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME": URL,
    }


def test_variables_that_would_choose_an_api_are_set_where_they_are_or_where_it_is_configured(
    run: Situation,
) -> None:
    assert "AZURE_OPENAI_ENDPOINT" not in variables_of(run)
    assert "OPENAI_API_BASE" not in variables_of(run)
    own = configured(run, AZURE_OPENAI_ENDPOINT="https://mine.example", OPENAI_API_BASE="x")
    assert variables_of(own)["AZURE_OPENAI_ENDPOINT"] == URL
    assert variables_of(own)["OPENAI_API_BASE"] == f"{URL}/v1"
    assert "AZURE_OPENAI_API_KEY" not in variables_of(own)
    azure = variables_of(configured(run, AZURE))
    assert azure["AZURE_OPENAI_ENDPOINT"] == URL
    assert azure["AZURE_OPENAI_API_KEY"] == azure["AZURE_API_KEY"] == KEY


def test_the_key_of_the_run_is_the_access_key_of_bedrock_where_that_is_configured(
    run: Situation,
) -> None:
    assert not [name for name in variables_of(run) if name.startswith("AWS_ACCESS")]
    found = variables_of(configured(run, BEDROCK))
    assert found["AWS_ACCESS_KEY_ID"] == KEY
    assert KEY not in found["AWS_SECRET_ACCESS_KEY"]
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert "AWS_BEARER_TOKEN_BEDROCK" not in found, "boto3 sends none over http"
    assert set(run_keys(frozenset({Kind.BEDROCK}))) - set(run_keys(frozenset())) == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }


def test_a_command_that_keeps_its_log_in_gets_addresses_and_no_keys(run: Situation) -> None:
    found = variables_of(replace(configured(run, BEDROCK, AZURE), key=None))
    assert not [name for name, text in found.items() if KEY in text or "KEY" in name]
    assert found["ANTHROPIC_BASE_URL"] == URL


def test_a_program_that_no_row_knows_gets_the_variables_alone(run: Situation) -> None:
    words, variables = setup_of(["/usr/bin/python", "agent.py", "codex"], run)
    assert words == ["/usr/bin/python", "agent.py", "codex"]
    assert variables == variables_of(run)


def test_the_machine_itself_is_reached_without_a_proxy_of_the_user() -> None:
    found = environment_of(
        {"no_proxy": "example.org", "A": "1"}, {"A": "2"}, session_id="s", run_id="r"
    )
    assert found == {
        "A": "2",
        "CORVUS_SESSION_ID": "s",
        "CORVUS_RUN": "r",
        "no_proxy": "example.org,127.0.0.1,localhost",
        "NO_PROXY": "127.0.0.1,localhost",
    }


# Claude Code


def settings_of(words: list[str]) -> dict[str, Any]:
    return json.loads(Path(words[words.index("--settings") + 1]).read_text())


def test_settings_of_a_user_do_not_lead_claude_code_elsewhere(run: Situation) -> None:
    words, variables = setup_of(["/bin/claude", "-p", "x"], run)
    assert words[:2] == ["/bin/claude", "--settings"]
    assert words[3:] == ["-p", "x"]
    assert settings_of(words) == {"env": {"ANTHROPIC_BASE_URL": URL, "ANTHROPIC_AUTH_TOKEN": KEY}}
    assert KEY not in "".join(words), "others can read the command line"
    assert Path(words[2]).stat().st_mode & 0o77 == 0
    assert variables["ANTHROPIC_BASE_URL"] == URL


@pytest.mark.parametrize("is_joined", [True, False])
def test_settings_that_the_command_names_are_kept(
    run: Situation, tmp_path: Path, is_joined: bool
) -> None:
    own = tmp_path / "own.json"
    own.write_text('{"model": "opus", "env": {"A": "1", "ANTHROPIC_BASE_URL": "https://past"}}')
    named = [f"--settings={own}"] if is_joined else ["--settings", str(own)]
    words, _ = setup_of(["claude", "-p", *named, "x"], run)
    assert len(words) == 3 + len(named)
    path = words[2].partition("=")[2] if is_joined else words[3]
    env = {"A": "1", "ANTHROPIC_BASE_URL": URL, "ANTHROPIC_AUTH_TOKEN": KEY}
    assert json.loads(Path(path).read_text()) == {"model": "opus", "env": env}
    inline, _ = setup_of(["claude", "--settings", '{"model": "opus"}'], run)
    assert settings_of(inline)["model"] == "opus"
    broken = ["claude", "--settings", "/no/such/file"]
    assert setup_of(broken, run)[0] == broken, "Claude Code says what is wrong with it"


def test_claude_code_gets_the_key_of_the_run_as_a_token_alone(run: Situation) -> None:
    """Of a key that is new to it, it asks at a terminal whether to use it; each run has one."""
    _, variables = setup_of(["claude"], run)
    assert "ANTHROPIC_API_KEY" not in variables
    assert variables["ANTHROPIC_AUTH_TOKEN"] == KEY
    _, variables = setup_of(["python", "x.py"], run)
    assert variables["ANTHROPIC_API_KEY"] == KEY


def test_claude_code_keeps_its_log_in_at_the_address_of_the_proxy(run: Situation) -> None:
    words, variables = setup_of(["claude"], replace(run, key=None))
    assert settings_of(words) == {"env": {"ANTHROPIC_BASE_URL": URL}}
    assert "ANTHROPIC_AUTH_TOKEN" not in variables


@pytest.mark.parametrize(
    ("upstreams", "environment", "switch"),
    [
        ((BEDROCK,), {}, "BEDROCK"),
        ((VERTEX,), {}, "VERTEX"),
        ((BEDROCK, CLAUDE), {}, None),
        ((BEDROCK, CLAUDE), {"CLAUDE_CODE_USE_BEDROCK": "1"}, "BEDROCK"),
        ((BEDROCK, VERTEX), {"CLAUDE_CODE_USE_VERTEX": "true"}, "VERTEX"),
        ((BEDROCK, CLAUDE), {"CLAUDE_CODE_USE_BEDROCK": "0"}, None),
        ((CLAUDE,), {"CLAUDE_CODE_USE_BEDROCK": "1"}, None),
    ],
)
def test_claude_code_uses_a_cloud_that_is_configured(
    run: Situation, upstreams: tuple[Upstream, ...], environment: dict[str, str], switch: str | None
) -> None:
    words, variables = setup_of(["claude"], configured(run, *upstreams, **environment))
    found = {name.removeprefix("CLAUDE_CODE_USE_") for name in variables if "CODE_USE_" in name}
    assert found == ({switch} if switch else set())
    env: dict[str, str] = settings_of(words)["env"]
    if switch is not None:
        assert env[f"CLAUDE_CODE_SKIP_{switch}_AUTH"] == "1"
        assert env[f"ANTHROPIC_{switch}_BASE_URL"].startswith(URL)
    assert env.get("AWS_BEARER_TOKEN_BEDROCK") == (KEY if switch == "BEDROCK" else None)


# Codex


def test_codex_is_told_where_its_provider_is_and_not_to_try_again(run: Situation) -> None:
    words, _ = setup_of(["/usr/bin/codex", "exec", "x"], run)
    assert words[:4] == ["/usr/bin/codex", "-c", 'model_provider="corvus"', "-c"]
    assert f'base_url="{URL}/v1",env_key="OPENAI_API_KEY"' in words[4]
    assert "stream_max_retries=0,request_max_retries=0" in words[4]
    assert words[-2:] == ["exec", "x"]


def test_codex_is_known_by_its_package_too(run: Situation) -> None:
    words, _ = setup_of(["npx", "-y", "@openai/codex@0.171.0", "exec", "x"], run)
    assert words[:4] == ["npx", "-y", "@openai/codex@0.171.0", "-c"]
    other = ["npx", "cowsay", "@openai/codex"]
    assert setup_of(other, run)[0] == other


LOG_INS: list[tuple[dict[str, object] | str, dict[str, str], bool]] = [
    ({"auth_mode": "chatgpt", "tokens": {"access_token": "t"}}, {}, True),
    ({"OPENAI_API_KEY": None, "tokens": {"access_token": "t"}}, {}, True),
    ({"auth_mode": "apikey", "OPENAI_API_KEY": "sk"}, {}, False),
    ({"OPENAI_API_KEY": "sk", "tokens": {"access_token": "t"}}, {}, False),
    ({"auth_mode": "chatgpt", "tokens": {}}, {"CODEX_API_KEY": "sk"}, False),
    ("no json", {}, False),
    ("[]", {}, False),
]


@pytest.mark.parametrize(("said", "environment", "by_chatgpt"), LOG_INS)
def test_a_log_in_of_codex_leads_to_where_it_is_valid(
    run: Situation, said: dict[str, object] | str, environment: dict[str, str], by_chatgpt: bool
) -> None:
    own = replace(run, key=None, environment={**run.environment, **environment})
    (own.home / ".codex").mkdir()
    text = said if isinstance(said, str) else json.dumps(said)
    (own.home / ".codex" / "auth.json").write_text(text)
    assert has_chatgpt_log_in(own.environment) is by_chatgpt
    words, _ = setup_of(["codex"], own)
    base = f"{URL}/chatgpt/v1" if by_chatgpt else f"{URL}/v1"
    assert f'base_url="{base}",requires_openai_auth=true' in words[4]
    assert "request_max_retries=0" in words[4]
    assert words[-1] == "features.enable_request_compression=false"


def test_an_upstream_for_a_log_in_by_chatgpt_is_there_where_it_is_kept(
    run: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run.home / ".codex").mkdir()
    (run.home / ".codex" / "auth.json").write_text('{"auth_mode": "chatgpt"}')
    monkeypatch.setenv("HOME", str(run.home))
    for name in ("CODEX_API_KEY", "CODEX_ACCESS_TOKEN", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert "chatgpt" not in [
        one.name for one in with_upstreams(GatewayOptions(), pass_through=False).upstreams
    ]
    kept = with_upstreams(GatewayOptions(), pass_through=True).upstreams
    (own,) = [one for one in kept if one.name == "chatgpt"]
    assert (own.pass_through, own.models) == (True, ()), "it is only found by its name in a path"
    config = Upstream("chatgpt", "https://chat.example", Kind.OPENAI)
    (named,) = [
        one
        for one in with_upstreams(GatewayOptions(upstreams=(config,)), pass_through=True).upstreams
        if one.kind is Kind.OPENAI
    ]
    assert named.base_url == "https://chat.example"


def test_no_upstream_of_a_run_stands_before_the_paths_of_azure() -> None:
    names = [
        one.name
        for one in with_upstreams(GatewayOptions(upstreams=(AZURE,)), pass_through=False).upstreams
    ]
    assert names == ["az", "openai", "anthropic", "gemini"]


def test_the_key_of_a_user_is_found_under_the_other_names_of_its_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.setenv("GOOGLE_API_KEY", "real")
    upstreams = with_upstreams(GatewayOptions(), pass_through=False).upstreams
    assert {one.kind: one.api_key_env for one in upstreams} == {
        Kind.OPENAI: "OPENAI_API_KEY",
        Kind.ANTHROPIC: "ANTHROPIC_API_KEY",
        Kind.GEMINI: "GOOGLE_API_KEY",
    }


# Gemini CLI and opencode


def test_gemini_cli_pays_by_key_whatever_the_settings_of_its_user_say(run: Situation) -> None:
    of_user = run.home / ".gemini"
    of_user.mkdir()
    said = '{// mine\n"security": {"auth": {"selectedType": "oauth-personal"}}, "ui": "a//b"}'
    (of_user / "settings.json").write_text(said)
    (of_user / "oauth_creds.json").write_text("{}")
    (of_user / "GEMINI.md").write_text("be brief")
    (of_user / "extensions").mkdir()
    words, variables = setup_of(["gemini", "-p", "x"], run)
    assert words == ["gemini", "-p", "x"]
    assert variables["GEMINI_CLI_TRUST_WORKSPACE"] == "true"
    of_run = Path(variables["GEMINI_CLI_HOME"]) / ".gemini"
    assert json.loads((of_run / "settings.json").read_text()) == {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "ui": "a//b",
    }
    assert {one.name for one in of_run.iterdir()} == {"settings.json", "GEMINI.md", "extensions"}
    assert (of_user / "settings.json").read_text() == said
    assert (of_user / "oauth_creds.json").exists()


@pytest.mark.parametrize("said", [None, "no json", "[]", "[" * 9_000])
def test_settings_of_gemini_cli_that_cannot_be_read_are_none(
    tmp_path: Path, said: str | None
) -> None:
    if said is not None:
        (tmp_path / ".gemini").mkdir()
        (tmp_path / ".gemini" / "settings.json").write_text(said)
    of_run = home_of_run(tmp_path, tmp_path / "run") / ".gemini" / "settings.json"
    assert json.loads(of_run.read_text()) == {
        "security": {"auth": {"selectedType": "gemini-api-key"}}
    }


def test_opencode_uses_the_proxy_and_no_log_in_of_its_own(run: Situation) -> None:
    before = '{"theme": "x", "provider": {"openai": {"options": {"timeout": 1}, "name": "o"}}}'
    _, variables = setup_of(["opencode"], configured(run, OPENCODE_CONFIG_CONTENT=before))
    found = json.loads(variables["OPENCODE_CONFIG_CONTENT"])
    options = {"timeout": 1, "baseURL": f"{URL}/v1", "apiKey": KEY}
    assert found["provider"]["openai"] == {"name": "o", "options": options}
    assert found["provider"]["google"]["options"]["baseURL"] == f"{URL}/v1beta"
    assert found["enabled_providers"] == ["anthropic", "google", "openai"]
    assert found["theme"] == "x"
    _, variables = setup_of(["opencode"], replace(run, key=None))
    assert "apiKey" not in variables["OPENCODE_CONFIG_CONTENT"]
    assert "enabled_providers" not in variables["OPENCODE_CONFIG_CONTENT"]


def test_every_agent_of_the_guide_has_a_row() -> None:
    assert set(CLIENTS) == {"claude", "codex", "gemini", "opencode"}
