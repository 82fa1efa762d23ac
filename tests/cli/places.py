"""A place where calls are governed: a config, a store, a ledger and a clock."""

from __future__ import annotations

import errno
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from corvus import Governor, Usage, open_runtime
from corvus.base.money import NanoUSD
from corvus.base.time import Clock
from corvus.cli.main import main
from corvus.model.request import Request
from corvus.runtime import Runtime

ROOT = Path(__file__).parents[2]
CONFIG = """
[cost]
enabled = true
session_limit_usd = 2
daily_limit_usd = 4
monthly_limit_usd = 0
warn_at_percent = 75
allow_override = true

[[cost.budgets]]
name = "opus-week"
period = "week"
limit_usd = 3
match = { model = "opus-*" }
"""
CENT = 10_000_000


class Place:
    """Where calls are governed.

    Args:
        folder: Gets ``corvus.toml`` and ``l.duckdb`` with its store.
        clock: What the time is; the machine's by default.
        url: The store that it shares with others; a file next to the ledger by default.
    """

    def __init__(self, folder: Path, clock: Clock | None = None, *, url: str | None = None) -> None:
        self.config = folder / "corvus.toml"
        shared = f'[governance.ledger]\nurl = "{url}"\n' if url else ""
        self.config.write_text(CONFIG + shared)
        self.ledger = folder / "l.duckdb"
        self.store = folder / "l.duckdb.store"
        self._clock = clock
        self.where = ["--config", str(self.config), "--ledger", str(self.ledger)]

    @property
    def runtime(self) -> Runtime:
        return open_runtime([self.config], ledger=self.ledger, clock=self._clock)

    def make_store(self) -> None:
        """Have a store without a call."""
        with self.governor():
            pass

    @contextmanager
    def governor(self) -> Generator[Governor]:
        with self.runtime.governor() as governor:
            yield governor

    def spend(self, cents: int, session: str = "a", *, model: str = "m", times: int = 1) -> None:
        """Make calls of a session, each of which costs so much."""
        with self.governor() as governor:
            for _ in range(times):
                cost = NanoUSD(cents * CENT)
                decision = governor.reserve(Request(model, cost, session))
                assert decision.reservation is not None, decision
                governor.commit(decision.reservation, Usage(100, 20), cost_nano_usd=cost)

    def hold(self, cents: int, session: str = "a", *, model: str = "m") -> bool:
        """Reserve a call and leave it open; return whether it was admitted, at once."""
        with self.governor() as governor:
            request = Request(model, NanoUSD(cents * CENT), session, rungs=())
            return governor.reserve(request).allowed

    def spent(self, name: str, session: str = "a") -> int:
        """Return what counts against a budget now, in cents."""
        with self.governor() as governor:
            statuses = governor.status(session).decision.statuses
        (found,) = [one.spent for one in statuses if one.budget.name == name]
        return found // CENT

    def run(self, *words: str) -> int:
        """Run a command of this place in this process, and return its exit code."""
        return main([*words, *self.where])

    def command(self, *words: str) -> list[str]:
        """Return a command of this place for a process of its own."""
        return [sys.executable, "-m", "corvus", *words, *self.where]

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR")}
        return kept | {"PYTHONPATH": str(ROOT / "policy"), "HOME": "/nowhere", "COLUMNS": "100"}

    def on_terminal(self, answer: bytes | signal.Signals, *words: str) -> tuple[int, str]:
        """Run a command on a terminal of its own, and answer when it asks.

        Returns:
            The exit code, and all that was shown.
        """
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command(*words),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self.environment() | {"TERM": "dumb"},
            start_new_session=True,
        )
        os.close(theirs)
        shown = b""
        answered = False
        while piece := read_terminal(ours):
            shown += piece
            if b"[y/N]" in shown and not answered:
                answered = True
                if isinstance(answer, bytes):
                    os.write(ours, answer)
                else:
                    threading.Thread(target=_press, args=(process, answer), daemon=True).start()
        os.close(ours)
        return process.wait(timeout=60), shown.decode().replace("\r\n", "\n")


def _press(process: subprocess.Popen[bytes], key: signal.Signals) -> None:
    """Press a key until it is heeded, as a person does: it may come just before the reading."""
    for _ in range(50):
        process.send_signal(key)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            return
    process.kill()


def read_terminal(descriptor: int) -> bytes:
    """Read what a terminal shows; nothing when whoever was on it is gone."""
    try:
        return os.read(descriptor, 4096)
    except OSError as fault:
        if fault.errno != errno.EIO:
            raise
        return b""
