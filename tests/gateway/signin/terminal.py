"""The real Claude Code at a terminal, with managed settings that only it sees.

Those are a file of the system. So it is run in a mount namespace of its own, over a copy of
``/etc``; who may not make one skips the test.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.gateway.real_agents import QUIET

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[()][A-Z0-9]|\x1b.")
_ROWS, _COLUMNS = 40, 120


class Claude:
    """Claude Code with managed settings that name its gateway.

    Args:
        program: The program.
        folder: Gets its home, and the copy of ``/etc``.
        url: Of the gateway.
    """

    def __init__(self, program: Path, folder: Path, url: str) -> None:
        self._program, self._etc = program, folder / "etc"
        self._home, self._work = folder / "home", folder / "work"
        self._home.mkdir()
        self._work.mkdir()
        subprocess.run(["cp", "-a", "/etc", str(self._etc)], check=False, capture_output=True)
        managed = self._etc / "claude-code"
        managed.mkdir(exist_ok=True)
        settings = {"forceLoginMethod": "gateway", "forceLoginGatewayUrl": url}
        (managed / "managed-settings.json").write_text(json.dumps(settings))
        known = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "projects": {str(self._work): {"hasTrustDialogAccepted": True}},
        }
        (self._home / ".claude.json").write_text(json.dumps(known))
        if shutil.which("unshare") is None or self._run(["true"]).returncode:
            pytest.skip("this user may not mount a copy of /etc for Claude Code alone")

    def run_once(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it once, without a terminal."""
        return self._run([str(self._program), *words])

    def open(self) -> Terminal:
        """Start it at a terminal."""
        return Terminal(self._command([str(self._program)]), self._environment(), self._work)

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(command),
            env=self._environment(),
            cwd=self._work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def _command(self, command: list[str]) -> list[str]:
        script = 'mount --bind "$0" /etc && exec "$@"'
        return ["unshare", "-m", "sh", "-c", script, str(self._etc), *command]

    def _environment(self) -> dict[str, str]:
        path = os.environ.get("PATH", "/usr/bin:/bin")
        home = {"HOME": str(self._home), "PATH": path, "TERM": "xterm-256color"}
        return {**home, **QUIET, "BROWSER": "true"}


class Terminal:
    """A program at a terminal."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self._shown = b""
        self._pid, self._end = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        size = struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0)
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, size)

    @property
    def text(self) -> str:
        """All that it has shown, without colours and moves, and without spaces."""
        return re.sub(r"\s+", "", _ESCAPES.sub("", self._shown.decode(errors="replace")))

    def press(self, keys: str) -> None:
        os.write(self._end, keys.encode())
        self.wait_for("", 1)

    def wait_for(self, pattern: str, seconds: float = 60) -> str:
        """Read until something is shown; an empty pattern reads for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if select.select([self._end], [], [], 0.2)[0]:
                self._shown += os.read(self._end, 65_536)
            if pattern and (found := re.search(pattern, self.text)):
                return found[0]
        assert not pattern, f"no {pattern} in {self.text[-2000:]}"
        return ""

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._end)
