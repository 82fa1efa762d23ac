"""Settles calls: at once where that is possible, else soon, on a thread of its own.

An answer that nobody reads to its end is settled when it is collected as garbage. That may happen
inside any other operation, even one of the store, so nothing may wait there: the settlement is
handed to a thread. The same thread repeats what the store could not take. Refuses to raise: the
answer is paid for, and its reader gets it. What cannot be settled stays held, and is presumed spent
when the hold expires (RES-6).
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable

from policy.clients.booking import Ending
from policy.errors import PolicyError, StoreUnavailable
from policy.governor.calls import Calls

_REPEAT_SECONDS = 1.0
_CLOSE_SECONDS = 10.0
_log = logging.getLogger("corvus.clients")


class Settler:
    """The settling side of a transport.

    Args:
        governor: Whose reservations are settled.
    """

    def __init__(self, governor: Calls) -> None:
        self._governor = governor
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # NOTE: of all queues only this one may be fed from within garbage collection.
        self._waiting: queue.SimpleQueue[Callable[[], bool] | None] = queue.SimpleQueue()
        self._is_closed = False

    def start(self) -> None:
        """Make sure that ``later`` will be served; call it before a call is made."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(
                    target=self._serve, name="corvus-settler", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)

    def settle(self, ending: Ending | None) -> None:
        """Settle a call; ``None`` was settled before."""
        if ending is not None and not self._settled(ending):
            self._waiting.put(lambda: self._settled(ending))

    async def asettle(self, ending: Ending | None) -> None:
        """Do what ``settle`` does, without keeping the event loop waiting."""
        if ending is None:
            return
        held = ending.reservation
        try:
            if ending.is_release:
                key = ending.report.get("settlement_key")
                await self._governor.arelease(held, settlement_key=key)
            else:
                await self._governor.acommit(held, ending.usage, **ending.report)
        except PolicyError as fault:
            if not _is_over(ending, fault):
                self._waiting.put(lambda: self._settled(ending))

    def later(self, ending: Ending | None, close: Callable[[], object] | None = None) -> None:
        """Settle a call soon, and do not wait for it; safe within garbage collection.

        Args:
            ending: How; ``None`` was settled before.
            close: Lets go of the connection of the call.
        """

        def do() -> bool:
            if close is not None:
                _close_quietly(close)
            return ending is None or self._settled(ending)

        if ending is not None or close is not None:
            self._waiting.put(do)

    def close(self) -> None:
        """Settle all that was handed over, once more where it failed. May be called again."""
        with self._lock:
            thread, self._is_closed = self._thread, True
            self._thread = None
        if thread is None:
            return
        self._waiting.put(None)
        thread.join(_CLOSE_SECONDS)
        atexit.unregister(self.close)

    def _settled(self, ending: Ending) -> bool:
        """Settle a call; tell whether that is over, well or not."""
        held = ending.reservation
        try:
            if ending.is_release:
                key = ending.report.get("settlement_key")
                self._governor.release(held, settlement_key=key)
            else:
                self._governor.commit(held, ending.usage, **ending.report)
        except PolicyError as fault:
            return _is_over(ending, fault)
        return True

    def _serve(self) -> None:
        """Do what is handed over until the end is; what failed is done again, and at the end."""
        failed: list[Callable[[], bool]] = []
        while True:
            try:
                job = self._waiting.get(timeout=_REPEAT_SECONDS if failed else None)
            except queue.Empty:
                failed = [again for again in failed if not again()]
                continue
            if job is None:
                break
            if not job():
                failed.append(job)
        for again in failed:
            again()


def _is_over(ending: Ending, fault: PolicyError) -> bool:
    """Tell whether a settlement that failed would fail for ever."""
    is_over = not isinstance(fault, StoreUnavailable)
    _log.error(
        "the call of reservation %s was not settled (%s); %s",
        ending.reservation.id,
        fault.code,
        "it stays as it is" if is_over else "it is tried again",
    )
    return is_over


def _close_quietly(close: Callable[[], object]) -> None:
    try:
        close()
    except Exception:
        _log.debug("a connection could not be closed", exc_info=True)
