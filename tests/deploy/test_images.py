"""The image and the compose file of the kit: what they copy is there, what they run works."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.kit import (
    KIT,
    ROOT,
    config_in,
    environment,
    in_force,
    program,
    serving,
    token,
)

yaml: Any = pytest.importorskip(
    "yaml", reason="pyyaml is not installed; the dev dependencies have it"
)

CONTAINERFILE = KIT / "container" / "Containerfile"
COMPOSE = KIT / "container" / "compose.yaml"
INSTRUCTIONS = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN",
    "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip
VALUES = {
    "GATEWAY_HOST": "llm.example.org",
    "POSTGRES_PASSWORD": "pw",
    "ANTHROPIC_API_KEY": "ka",
    "OPENAI_API_KEY": "",
}


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    pairs = [line.partition(" ") for line in lines if line.strip()]
    return [(name, " ".join(rest.split())) for name, _, rest in pairs]


def of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def compose() -> dict[str, Any]:
    """Read the compose file with variables filled in as compose does."""

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":")
        assert name in VALUES, f"{name} is not in .env.example"
        return VALUES[name] or default.removeprefix("-")

    return yaml.safe_load(re.sub(r"\$\{([^}]*)\}", value, COMPOSE.read_text()))


def test_an_image_is_built_of_what_is_there_and_runs_as_nobody() -> None:
    assert {name for name, _ in instructions()} <= INSTRUCTIONS
    for rest in of("COPY"):
        if rest.startswith("--from=build "):
            continue
        *sources, _ = rest.split()
        assert all((ROOT / source).exists() for source in sources), rest
    last = [name for name, _ in instructions()]
    assert last.index("USER") > last.index("RUN"), "root installs, and no more"
    assert of("USER") == ["10001:10001"]
    labels = " ".join(of("LABEL"))
    for name in ("title", "description", "source", "licenses", "revision", "documentation"):
        assert f'org.opencontainers.image.{name}="' in labels
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    extras = re.findall(r"--extra (\S+)", " ".join(of("RUN")))
    assert {"gateway", "postgres"} <= set(extras) <= known.keys()


def test_what_the_image_runs_serves_and_its_check_finds_it_healthy(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    token(config, "ops", "admin")
    (entry,), (words,) = of("ENTRYPOINT"), of("CMD")
    assert json.loads(entry) == ["corvus"]
    command = ["gateway", "--config", "/etc/corvus/corvus.toml", "--host", "0.0.0.0"]
    assert json.loads(words) == command
    (check,) = of("HEALTHCHECK")
    python, *rest = json.loads(check.partition(" CMD ")[2])
    assert python == "python"

    def is_healthy(port: int) -> bool:
        words = [sys.executable, *(word.replace(":8642", f":{port}") for word in rest)]
        return subprocess.run(words, check=False, capture_output=True).returncode == 0

    with serving(config, *command[3:]) as port:
        assert is_healthy(port)
    assert not is_healthy(port)


def test_compose_starts_the_gateway_after_its_store_and_nothing_is_open_but_tls() -> None:
    services = compose()["services"]
    assert services.keys() == {"proxy", "gateway", "store"}
    assert services["gateway"]["depends_on"] == {"store": {"condition": "service_healthy"}}
    assert services["proxy"]["depends_on"] == {"gateway": {"condition": "service_healthy"}}
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    gateway = services["gateway"]
    assert (gateway["read_only"], gateway["cap_drop"]) == (True, ["ALL"])
    folder = COMPOSE.parent
    assert (folder / gateway["build"]["context"]).resolve() == ROOT
    assert (ROOT / gateway["build"]["dockerfile"]) == CONTAINERFILE
    volumes = compose()["volumes"]
    for service in services.values():
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert (folder / source).is_file() if source.startswith(".") else source in volumes
    names = dict(
        line.split("=", 1)
        for line in (folder / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert names.keys() == VALUES.keys()
    assert not any(value for name, value in names.items() if name != "GATEWAY_HOST"), "no secret"


def test_compose_itself_reads_the_file(tmp_path: Path) -> None:
    text = COMPOSE.read_text()
    if (found := program("docker")) and not subprocess.run(
        [found, "compose", "version"], capture_output=True, check=False
    ).returncode:
        command = [found, "compose"]
    elif found := program("docker-compose", "podman-compose"):
        command = [found]
        text = re.sub(r"^name: .*\n", "", text, flags=re.MULTILINE)  # which version 1 does not know
    else:
        pytest.skip("no compose is installed (apt-get install docker-compose)")
    (tmp_path / "compose.yaml").write_text(text)
    for names, code in ((VALUES, 0), ({**VALUES, "POSTGRES_PASSWORD": ""}, 1)):
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **names}
        done = subprocess.run(
            [*command, "--file", "compose.yaml", "config"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert min(done.returncode, 1) == code, done.stderr
    assert "make one in .env" in done.stderr


def test_the_variables_of_compose_are_in_force_above_the_file(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    variables = {
        name: value
        for name, value in compose()["services"]["gateway"]["environment"].items()
        if name.startswith("CORVUS_")
    }
    assert len(variables) == 4
    assert in_force(config, variables) == {
        "url": "postgresql://corvus@store/corvus",
        "host": "0.0.0.0",
        "allowed_hosts": ["llm.example.org"],
        "allowed_origins": ["https://llm.example.org"],
    }


@pytest.mark.nightly
def test_the_environment_of_the_image_is_installed_from_the_lock(tmp_path: Path) -> None:
    uv = program("uv")
    if uv is None:
        pytest.skip("uv is not installed (pip install uv)")
    for rest in of("COPY"):
        *sources, _ = rest.split()
        for source in sources if not rest.startswith("--from") else ():
            subprocess.run(["cp", "-r", ROOT / source, tmp_path], check=True)
    (words,) = (shlex.split(run.partition("&& ")[2]) for run in of("RUN") if "uv sync" in run)
    made = environment(UV_PROJECT_ENVIRONMENT=str(tmp_path / "opt"), UV_LINK_MODE="copy")
    kept = [word for word in words[1:] if word != "--no-cache"]
    subprocess.run([uv, *kept], cwd=tmp_path, env=made, check=True)
    shown = subprocess.run(
        [tmp_path / "opt" / "bin" / "corvus", "gateway", "--help"],
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Serve proxy" in shown.stdout
