"""Keeps what is spent up to date, so that nobody who types waits for a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from corvus.lsp.spend import BudgetSpend, spend_of

_PATIENCE_SECONDS: Final = 2.0
"""How long an answer waits for a store; then it tells what was known before."""
Spends = Mapping[str, BudgetSpend]


class SpendWatch:
    """What is spent of the budgets of open files.

    Stores are read on a thread of its own.

    Args:
        on_change: Called when anything is other than before.
        on_fault: Called with a failure of ours.
    """

    def __init__(
        self, on_change: Callable[[], None], on_fault: Callable[[Exception], None]
    ) -> None:
        self._on_change = on_change
        self._on_fault = on_fault
        self._thread = ThreadPoolExecutor(1, "corvus-lsp-spend")
        self._known: dict[Path, Spends] = {}
        self._reading: dict[Path, asyncio.Task[Spends]] = {}
        self._timer: asyncio.Task[None] | None = None

    def known(self, path: Path | None) -> Spends:
        """Return what is known of a file by now; nothing of one that nobody has asked for."""
        return self._known.get(path, {}) if path is not None else {}

    async def latest(self, path: Path | None) -> Spends:
        """Read where the budgets of a file stand, or return what is known if that takes long."""
        if path is None:
            return {}
        reading = self._reading.get(path)
        if reading is None:
            reading = self._reading[path] = asyncio.create_task(self._read(path))
        await asyncio.wait([reading], timeout=_PATIENCE_SECONDS)
        if not reading.done():
            reading.add_done_callback(lambda _: self._on_change())
        return self.known(path)

    def look_again(self, seconds: float) -> None:
        """Read all files again from now on, each so many seconds after the last time."""
        if seconds > 0 and self._timer is None:
            self._timer = asyncio.create_task(self._run(seconds))

    def forget(self, path: Path | None) -> None:
        """Let go of a file; what is being read of it is of no use any more."""
        if path is not None:
            self._known.pop(path, None)
            reading = self._reading.pop(path, None)
            if reading is not None:
                reading.cancel()

    def stop(self) -> None:
        """Let go of everything; what is being read is not waited for."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def refresh(self) -> None:
        """Read all files again, and tell if anything is other than before."""
        before = dict(self._known)
        for path in before:
            if path in self._known:  # it may be closed by now
                await self.latest(path)
        if any(self._known.get(path, spends) != spends for path, spends in before.items()):
            self._on_change()

    async def _run(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.refresh()

    async def _read(self, path: Path) -> Spends:
        try:
            loop = asyncio.get_running_loop()
            self._known[path] = await loop.run_in_executor(self._thread, spend_of, path)
        except Exception as fault:
            self._on_fault(fault)
        finally:
            if self._reading.get(path) is asyncio.current_task():
                del self._reading[path]
        return self.known(path)
