"""Agents and SDKs as npm has them, and a place to run them in that is nobody's home.

``TEST_AGENTS_FOLDER`` names a folder that they are installed in already; without it they are
installed for the run. No script of theirs is run to install them. They see no key, no log-in and no
settings but those of the test.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.gateway import wiretap
from tests.gateway.looping import Looping
from tests.gateway.provider import Call, Provider

PACKAGES = (
    "@anthropic-ai/claude-code@2.1.197",
    "@openai/codex@0.171.0",
    "@google/gemini-cli@0.61.0",
    "opencode-ai@1.18.33",
    "ai@7.0.173",
    "@ai-sdk/anthropic@4.0.105",
    "@ai-sdk/google@4.0.121",
    "@ai-sdk/openai@4.0.118",
    "openai@7.59.0",
)
INSTALL_SECONDS_MAX, RUN_SECONDS_MAX = 600, 240
REAL_KEYS = {"OPENAI_API_KEY": "sk-real-of-openai", "ANTHROPIC_API_KEY": "sk-ant-real"}
COST = """
[cost]
enabled = true
session_limit_usd = {limit}
daily_limit_usd = 0
monthly_limit_usd = 0
"""
UPSTREAMS = """
[governance.upstreams.openai]
base_url = "{url}/v1"
api_key_env = "OPENAI_API_KEY"
kind = "openai"

[governance.upstreams.anthropic]
base_url = "{url}"
api_key_env = "ANTHROPIC_API_KEY"
kind = "anthropic"
"""
SHIM = '#!/bin/sh\nenv > "{seen}"\nexec "{python}" "{wiretap}" "{tapped}" "{program}" "$@"\n'
QUIET = {"DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1"}


def installed(folder: Path) -> dict[str, Path]:
    """Return where each agent is; skip the test when it cannot be had."""
    place = Path(os.environ.get("TEST_AGENTS_FOLDER", folder))
    if shutil.which("node") is None:
        pytest.skip("they run on node, which is not there")
    if not (place / "node_modules").is_dir():
        _install(place)
    natives = sorted(place.glob("node_modules/@anthropic-ai/claude-code-*/claude"))
    if not natives:
        pytest.skip("npm has no Claude Code for this machine")
    opencode = sorted(place.glob("node_modules/opencode-*/bin/opencode"))
    if not opencode:
        pytest.skip("npm has no opencode for this machine")
    scripts = {name: place / "node_modules/.bin" / name for name in ("codex", "gemini")}
    return {"claude": natives[0], "opencode": opencode[0], **scripts}


def modules(programs: Mapping[str, Path]) -> Path:
    """Return the folder of the packages that agents were installed with."""
    return programs["codex"].parent.parent


def _install(place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not there to install them with")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(place)]
    done = subprocess.run(
        [npm, "install", *options, *PACKAGES],
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"npm cannot install them: {done.stderr.strip()[-200:]}")


class Recorded(NamedTuple):
    """One usage record, as ``corvus sql`` shows it."""

    requested_model: str
    cost_nano_usd: int
    source: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    reasoning_tokens: int


class Place:
    """Where an agent is run, between corvus and a stand-in for its provider.

    Attributes:
        script: What the stand-in does, and what it has billed.
    """

    def __init__(
        self, folder: Path, provider: Provider, programs: dict[str, Path], script: Looping
    ) -> None:
        self.provider, self.script = provider, script
        provider.script = script
        self._ledger, self._config = folder / "l.duckdb", folder / "corvus.toml"
        self._folders = {name: folder / name for name in ("home", "work", "bin", "seen", "tapped")}
        for one in self._folders.values():
            one.mkdir()
        for name, program in programs.items():
            shim = self._folders["bin"] / name
            where = {"seen": self._folders["seen"] / name, "tapped": self.tapped}
            of_ours = {"python": sys.executable, "wiretap": wiretap.__file__}
            shim.write_text(SHIM.format(program=program, **where, **of_ours))
            shim.chmod(0o755)

    @property
    def tapped(self) -> Path:
        """Where ``tests.gateway.wiretap`` keeps what agents have sent and got."""
        return self._folders["tapped"]

    @property
    def home(self) -> Path:
        """The home of the user who runs an agent."""
        return self._folders["home"]

    @property
    def work(self) -> Path:
        """Where an agent is run."""
        return self._folders["work"]

    def run(
        self,
        command: list[str],
        *,
        limit: str = "1000",
        options: tuple[str, ...] = ("--session", "s"),
        more: Mapping[str, str] = MappingProxyType({}),
        cost: str = COST,
        upstreams: str = UPSTREAMS,
    ) -> subprocess.CompletedProcess[str]:
        """Run an agent under ``corvus code``, as a user does, with more in its environment."""
        text = cost.replace("{limit}", limit) + upstreams.replace("{url}", self.provider.url)
        self._config.write_text(text)
        node = Path(shutil.which("node") or "node").parent
        path = f"{self._folders['bin']}:{node}:/usr/bin:/bin"
        where = ["--config", str(self._config), "--ledger", str(self._ledger)]
        words = [sys.executable, "-m", "corvus", "code", *where, *options]
        return subprocess.run(
            [*words, "--", *command],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=RUN_SECONDS_MAX,
            cwd=self._folders["work"],
            env={"PATH": path, "HOME": str(self._folders["home"]), **REAL_KEYS, **QUIET, **more},
            check=False,
        )

    def sql(self, query: str) -> list[dict[str, str]]:
        command = [sys.executable, "-m", "corvus", "sql", "--ledger", str(self._ledger)]
        words = [*command, "--format", "json", query]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["rows"]

    def tree(self, session: str) -> dict[str, Any]:
        """Return who spent what in a session, as ``corvus cost tree`` says it."""
        command = [sys.executable, "-m", "corvus", "cost", "tree", "--ledger", str(self._ledger)]
        words = [*command, "--format", "json", "--session", session]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def records(self) -> list[Recorded]:
        """Return what was recorded, in order."""
        columns = ", ".join(f"{name}::VARCHAR AS {name}" for name in Recorded._fields)
        columns = columns.replace("AS cost_nano_usd", "AS cost")
        rows = self.sql(f"SELECT {columns} FROM usage_call ORDER BY admitted_at, id")  # noqa: S608 - made of constants of this package
        found: list[Recorded] = []
        for row in rows:
            model, cost, source, *tokens = row.values()
            found.append(Recorded(model, int(cost), source, *(int(one) for one in tokens)))
        return found

    def denials(self) -> int:
        """Return how many calls were refused."""
        query = (
            "SELECT sum(coalesce(times, 1)) AS denials FROM reservation_event WHERE kind = 'denied'"
        )
        return int(self.sql(query)[0]["denials"])

    def environment(self, name: str) -> str:
        """Return the environment that an agent was started with."""
        return (self._folders["seen"] / name).read_text()

    def kept(self) -> bytes:
        """Return all that an agent has left in its home and where it worked."""
        folders = (self._folders["home"], self._folders["work"])
        files = [one for folder in folders for one in folder.rglob("*") if one.is_file()]
        return b"\0".join(one.read_bytes() for one in files)

    def metered(self) -> list[Call]:
        """Return the calls that the stand-in has billed."""
        paths = ("/v1/messages", "/v1/responses")
        return [one for one in self.provider.calls if one.target.partition("?")[0] in paths]
