"""The deployment kit of ``examples/deploy`` in a folder of a test, and a gateway from it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
KIT = ROOT / "examples" / "deploy"
HOST = "llm.example.org"
PROGRAM = [sys.executable, "-m", "corvus"]


def environment(**more: str) -> dict[str, str]:
    """Variables without the keys of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CORVUS_")}
    return kept | {"PYTHONPATH": str(ROOT / "policy"), "OPENAI_API_KEY": "k"} | more


def config_in(folder: Path, upstream: str = "http://127.0.0.1:9") -> Path:
    """Write the config of the kit into a folder, with its ledger there and another provider."""
    text = (KIT / "corvus.toml").read_text(encoding="utf-8")
    text = text.replace("/var/lib/corvus/", f"{folder}/")
    for real in ("https://api.openai.com", "https://api.anthropic.com"):
        assert real in text
        text = text.replace(real, upstream)
    config = folder / "corvus.toml"
    config.write_text(text, encoding="utf-8")
    return config


def corvus(*words: str, **variables: str) -> str:
    """Run a command that succeeds, and return what it prints."""
    done = subprocess.run(
        [*PROGRAM, *words],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_force(config: Path, variables: Mapping[str, str]) -> dict[str, object]:
    """Return what variables have put in force above a config."""
    code = """
import json, sys
from corvus import open_runtime
runtime = open_runtime([sys.argv[1]])
names = ("host", "allowed_hosts", "allowed_origins")
gateway = {name: getattr(runtime.gateway, name) for name in names}
print(json.dumps({"url": runtime.store_url, **gateway}, default=list))
"""
    command = [sys.executable, "-c", code, str(config)]
    env = environment(**variables)
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True).stdout)


def token(config: Path, name: str, scope: str) -> str:
    """Make a token."""
    words = ("token", "create", name, "--scope", scope, "--config", str(config))
    found = re.search(r"cvk_\S+", corvus(*words))
    assert found is not None
    return found[0]


@contextmanager
def serving(
    config: Path, *words: str, variables: Mapping[str, str] | None = None
) -> Generator[int]:
    """Serve a gateway; yield its port."""
    command = [*PROGRAM, "gateway", "--config", str(config), "--port", "0", *words]
    with subprocess.Popen(
        command, env=environment(**(variables or {})), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = re.fullmatch(r"listening on http://[\d.]+:(\d+)\n", line)
            assert found is not None, line + process.stderr.read()
            yield int(found[1])
        finally:
            process.terminate()
            process.communicate()


def program(*names: str) -> str | None:
    """Return the first of some programs that is installed."""
    return next((found for name in names if (found := shutil.which(name))), None)
