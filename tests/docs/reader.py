"""A reader who types what a page shows, in a folder and with a home of its own."""

from __future__ import annotations

import fcntl
import os
import re
import select
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import termios
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from corvus.cli.main import main
from tests.clients.upstream import Upstream
from tests.docs.beginnings import BEGINNINGS
from tests.docs.pages import ROOT

PORT = "8642"
INSTALL = re.compile(r"^(python3? -m venv|\S*pip install|pipx install|uv tool install|uvx) ?")
"""Commands that install: they are not run, but every extra that they name has to exist."""

_EXTRAS = re.compile(r"(?:corvus-policy|'\.)\[([\w,-]+)\]")
_TOKEN = re.compile(r"cvk_[\w-]{8,}")
_BUCKET = "s3://team-usage"
_PLACEHOLDER = re.compile(r"cvk_(?:\.\.\.|…)")
_SHELL = re.compile(r"[|;&<>$`*]")


class Ended(NamedTuple):
    """How a command ended, and all that it printed."""

    code: int
    printed: str


class Reader:
    """Follows the blocks of one page, from the first to the last.

    Providers are played by ``upstream``, and agents by ``programs/``: these make one call each.
    The port of the gateway is a free one, where a page shows the usual one.
    """

    def __init__(
        self, home: Path, upstream: Upstream, capture: pytest.CaptureFixture[str] | None = None
    ) -> None:
        self.home = self.folder = home
        self.port = str(_free_port())
        self._capture = capture
        self._token = ""
        self._serving: list[subprocess.Popen[bytes]] = []
        self._providers: dict[str, str] = {}
        self._sdks = {"OPENAI_BASE_URL": f"{upstream.url}/v1", "ANTHROPIC_BASE_URL": upstream.url}
        programs = home / ".programs"
        programs.mkdir()
        for played in (ROOT / "tests" / "docs" / "programs").iterdir():
            shutil.copy(played, programs)
        (programs / "codex").symlink_to("claude")
        for name in ("python", "python3"):
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            (programs / name).chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "COLUMNS": "100",
            "TZ": "UTC",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "PYTHONPATH": str(ROOT),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it comes over the net
            "OPENAI_API_KEY": "the-real-key",
            "ANTHROPIC_API_KEY": "the-real-key",
        }
        for kind, address in (("OPENAI", f"{upstream.url}/v1"), ("ANTHROPIC", upstream.url)):
            name = f"CORVUS_GOVERNANCE__UPSTREAMS__{kind}__"
            self._providers |= {f"{name}KIND": kind.lower(), f"{name}BASE_URL": address}

    def start(self, name: str) -> None:
        """Do what a page says that its reader has done before."""
        BEGINNINGS[name](self)

    def copy(self, folder: Path) -> None:
        """Work in a copy of a folder from now on."""
        self.folder = self.home / folder.name
        shutil.copytree(folder, self.folder)

    def run(self, command: str) -> Ended:
        """Run one command as a shell would; in this process, if it is a plain one of ours."""
        command = self.played(_PLACEHOLDER.sub(self._token, command.replace(PORT, self.port)))
        if INSTALL.match(command):
            named = {one for found in _EXTRAS.findall(command) for one in found.split(",")}
            assert named <= extras(), command
            return Ended(0, "")
        words = shlex.split(command, comments=True)
        ended = Ended(0, "")
        match words:
            case []:
                pass
            case ["export", *assignments]:
                self.environment |= dict(one.split("=", 1) for one in assignments)
            case ["cd", folder]:
                self.folder = (self.folder / folder).resolve(strict=True)
            case ["corvus", "gateway", *_]:
                ended = Ended(0, self._serve(words))
            case ["corvus", "top", *_]:
                ended = self._look(words)
            case ["corvus", *arguments] if self._capture and not (
                _SHELL.search(command) or "--" in words
            ):
                ended = self._run_here(arguments, self._capture)
            case _:
                ended = self._run_in_shell(command)
        self._token = (_TOKEN.findall(ended.printed) or [self._token])[-1]
        return Ended(ended.code, ended.printed.replace(self.port, PORT))

    def played(self, text: str) -> str:
        """Put a folder in the place of the bucket that pages name."""
        return text.replace(_BUCKET, f"file://{self.home}/bucket")

    def run_program(self, text: str) -> Ended:
        """Run a block of Python; if it has tests, run these with pytest."""
        if "def test_" not in text:
            (self.folder / "shown.py").write_text(text)
            return self._run_in_shell("python -W error shown.py", self._sdks)
        (self.folder / "test_shown.py").write_text(text)
        return self._run_in_shell("python -m pytest -q -p no:cacheprovider test_shown.py")

    def close(self) -> None:
        for process in self._serving:
            process.terminate()
            process.communicate(timeout=30)

    def _run_here(self, arguments: list[str], capture: pytest.CaptureFixture[str]) -> Ended:
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(self.folder)
            for name in [name for name in os.environ if name.startswith("CORVUS_")]:
                patched.delenv(name)
            for name, value in self.environment.items():
                patched.setenv(name, value)
            capture.readouterr()
            code = main(arguments)
        printed = capture.readouterr()
        return Ended(code, printed.out + printed.err)

    def _run_in_shell(self, command: str, more: Mapping[str, str] | None = None) -> Ended:
        if re.match(r"corvus (?:agent|code) ", command):
            more = self._providers
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**self.environment, **(more or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        return Ended(ended.returncode, ended.stdout + ended.stderr)

    def _look(self, words: list[str]) -> Ended:
        """Open what fills a terminal, and leave it with ``q`` once it shows something."""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, 120, 0, 0))
        with subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env=self.environment | {"TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            shown, until = b"", time.monotonic() + 60
            while process.poll() is None and time.monotonic() < until:
                if select.select([ours], [], [], 0.5)[0]:
                    with suppress(OSError):  # it has let go of the terminal
                        shown += os.read(ours, 65_536)
                elif shown:  # it has drawn what there is
                    os.write(ours, b"q")
            code = process.poll()
            process.kill()
            os.close(ours)
        assert code is not None, "it did not end"
        return Ended(code, shown.decode(errors="replace"))

    def _serve(self, words: list[str]) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", *words, "--port", self.port],
            cwd=self.folder,
            env=self.environment | self._providers,
            stderr=subprocess.PIPE,
        )
        self._serving.append(process)
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        assert line.startswith("listening on"), line
        return line.replace(self.port, PORT)


def extras() -> set[str]:
    """The extras that can be installed."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return {*tomllib.load(file)["project"]["optional-dependencies"]}


def commands(text: str) -> Iterator[str]:
    """Split a block of shell into its commands; one may be on several lines."""
    command = ""
    for line in text.splitlines():
        command += line
        if command.endswith("\\"):
            command = command[:-1]
            continue
        try:
            shlex.split(command, comments=True)
        except ValueError:
            command += "\n"  # a quote is open
            continue
        if command.strip():
            yield command.strip()
        command = ""
    assert not command, f"a quote is open: {command}"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
