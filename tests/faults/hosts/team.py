"""Hosts that share one store, and the network between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.governed import CENT, ROOT, config
from tests.faults.hosts import judge


class Team:
    """Processes that each are a host, in a folder of their own.

    Args:
        folder: Where each has its folder.
        limit_cents: Of the one budget that they share, a day.
    """

    def __init__(self, folder: Path, limit_cents: int = 10_000_000) -> None:
        self.folder = folder
        self.limit_cents = limit_cents
        self.config = config(folder, f"{limit_cents / 100:.2f}")
        self.diaries: list[Path] = []
        self.running: list[subprocess.Popen[str]] = []
        self._ready: list[subprocess.Popen[str]] = []

    def task(self, url: str, **more: Any) -> dict[str, Any]:
        """Return what a further host shall do, in words of its program."""
        number = len(self.diaries)
        home = self.folder / f"host{number}"
        home.mkdir()
        self.diaries.append(home / "diary")
        return {
            "url": url,
            "config": self.config,
            "diary": home / "diary",
            "beside": home / "a.store",
            "threads": 8,
            "calls": 1_000_000,
            "cents": [1, 5],
            "seed": number,
            **more,
        }

    def start(self, url: str, *, namespace: str = "", **task: Any) -> subprocess.Popen[str]:
        """Start a host; it waits for ``go``."""
        given = json.dumps(self.task(url, **task), default=str)
        enter = ["ip", "netns", "exec", namespace] if namespace else []
        process = subprocess.Popen(
            [*enter, sys.executable, "-m", "tests.faults.hosts.host", given],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def go(self, processes: Sequence[subprocess.Popen[str]] = ()) -> None:
        """Let hosts work once all of them are ready, all that were started by default."""
        chosen = processes or self.running
        self.wait_ready(chosen)
        for process in chosen:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def wait_ready(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        """Wait until hosts have opened the store."""
        for process in processes:
            if process not in self._ready:
                self._ready.append(process)
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"

    def finish(self, seconds: float = 120) -> None:
        """Wait for the hosts that were not killed; each must end well."""
        for process in self.running:
            out, _ = process.communicate(timeout=seconds)
            assert process.returncode in (0, -signal.SIGKILL)
            assert process.returncode or out == "done\n"
        self.running.clear()

    def end(self) -> None:
        """Kill whoever is left."""
        for process in self.running:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.communicate()

    def facts(self, kind: str) -> list[str]:
        """Return the ids of what was written down of a kind."""
        return [name for one, name, _ in judge.facts(self.diaries) if one == kind]

    def findings(self, url: str) -> list[str]:
        """Return every contradiction between the store and what hosts wrote down."""
        spilled = "".join(
            each.read_text(errors="replace")
            for each in self.folder.glob("host*/*unsettled*")
            if each.is_file()
        )
        limits = {"day": self.limit_cents * CENT}
        return judge.findings(url, self.diaries, limits, spilled)


class Namespaces:
    """Network namespaces, each with a cable of its own to this one; only root can make them.

    Args:
        names: One for each.
    """

    def __init__(self, count: int) -> None:
        self.names = [f"corvus{os.getpid()}n{number}" for number in range(count)]
        net = os.getpid() % 250
        self.gateways = [f"10.213.{net}.{4 * number + 1}" for number in range(count)]
        self._insides = [f"10.213.{net}.{4 * number + 2}" for number in range(count)]
        self._cables = [f"cv{os.getpid() % 100_000}n{number}" for number in range(count)]

    @staticmethod
    def missing() -> str:
        """Return why none can be made here; empty if they can."""
        if os.geteuid() != 0 or not shutil.which("ip"):
            return "network namespaces need root and ip (iproute2)"
        name = f"corvus{os.getpid()}try"
        made = _ip("netns", "add", name, check=False)
        if made:
            return f"this system makes no network namespaces: {made}"
        _ip("netns", "del", name)
        return ""

    def __enter__(self) -> Namespaces:
        try:
            for name, cable, gateway, inside in zip(
                self.names, self._cables, self.gateways, self._insides, strict=True
            ):
                _ip("netns", "add", name)
                _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
                _ip("addr", "add", f"{gateway}/30", "dev", cable)
                _ip("link", "set", cable, "up")
                for words in (
                    ("addr", "add", f"{inside}/30", "dev", "eth0"),
                    ("link", "set", "eth0", "up"),
                    ("link", "set", "lo", "up"),
                ):
                    _ip("-n", name, *words)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        for cable in self._cables:
            _ip("link", "del", cable, check=False)
        for name in self.names:
            _ip("netns", "del", name, check=False)

    def cut(self, number: int) -> None:
        """Pull the cable of a namespace."""
        _ip("link", "set", self._cables[number], "down")

    def heal(self, number: int) -> None:
        """Put it back."""
        _ip("link", "set", self._cables[number], "up")


def _ip(*words: str, check: bool = True) -> str:
    """Run ``ip``; return what it says of a failure that is no fault here."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stderr
    return done.stderr if done.returncode else ""
