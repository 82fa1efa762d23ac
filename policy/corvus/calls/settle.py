"""Settles calls: what their meter has seen reaches the store, whatever happens (RES-9).

A settlement that the store cannot take now is done again until the process ends; one that the store
keeps to itself (``SettlementPending``) is done. A reservation that somebody else has settled gets
the measured cost booked as a correction (RES-8). Nothing is raised: the answer is paid for, and its
reader gets it.

An answer that nobody reads to its end is settled when it is collected as garbage. That may happen
inside any other operation, even one of the store, so nothing may wait there: the settlement is
handed to a thread.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable, Sequence

from corvus.base.errors import PolicyError, ReservationSettled, SettlementPending, StoreError
from corvus.base.money import usd
from corvus.calls.flight import Command, Ending, Extend, Flight, Relay, Settle
from corvus.governor.governor import Governor

_REPEAT_SECONDS = 1.0
_CLOSE_SECONDS = 15.0
_log = logging.getLogger("corvus.calls")


class Settler:
    """The settling side of a driver.

    Args:
        governing: Returns the governor whose reservations are settled.
    """

    def __init__(self, governing: Callable[[], Governor]) -> None:
        self._governing = governing
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # NOTE: of all queues only this one may be fed from within garbage collection.
        self._waiting: queue.SimpleQueue[Callable[[], bool] | None] = queue.SimpleQueue()
        self._is_closed = False

    def start(self) -> None:
        """Make sure that what is handed over will be served; call it before a call is made."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(
                    target=self._serve, name="corvus-settler", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)

    def watch(self, flight: Flight) -> None:
        """Keep the hold of a call alive until it is settled (RES-7)."""
        governor, held = self._governing(), flight.reservation
        life = held.request.ttl_seconds or governor.policy.reservation_ttl_seconds
        governor.heartbeat.start(held.id, life)

    def obey(self, commands: Sequence[Command]) -> bytes:
        """Do what a flight says; return the bytes to relay."""
        for command in commands:
            if isinstance(command, Settle):
                self.settle(command.ending)
            elif isinstance(command, Extend):
                self._hand_over(lambda extend=command: self._extended(extend))
        return relayed(commands)

    async def aobey(self, commands: Sequence[Command]) -> bytes:
        """Do what ``obey`` does, without keeping the event loop waiting."""
        for command in commands:
            if isinstance(command, Settle):
                await self.asettle(command.ending)
            elif isinstance(command, Extend):
                self._hand_over(lambda extend=command: self._extended(extend))
        return relayed(commands)

    def settle(self, ending: Ending) -> None:
        """Settle a call now, or as soon as the store can."""
        if not self._settled(ending):
            self._hand_over(lambda: self._settled(ending))

    async def asettle(self, ending: Ending) -> None:
        """Do what ``settle`` does, without keeping the event loop waiting."""
        governor, held = self._governing(), ending.reservation
        governor.heartbeat.stop(held.id)
        try:
            if ending.is_release:
                key = ending.report.get("settlement_key")
                await governor.arelease(held, settlement_key=key)
            else:
                await governor.acorrect(held, ending.usage, **ending.report)
        except (PolicyError, ValueError) as fault:
            if not _is_over(ending, fault):
                self._hand_over(lambda: self._settled(ending))
        except BaseException:  # the caller was cancelled, and perhaps the settlement, too
            self._hand_over(lambda: self._settled(ending))
            raise

    def later(self, commands: Sequence[Command], close: Callable[[], object] | None = None) -> None:
        """Do what a flight says soon, and do not wait for it; safe within garbage collection.

        Args:
            commands: What it says of a call that nobody waits for any more.
            close: Lets go of the connection of the call.
        """
        for command in commands:
            if isinstance(command, Settle):
                self._waiting.put(lambda ending=command.ending: self._settled(ending))
        if close is not None:
            self._waiting.put(lambda: _closed_quietly(close))

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

    def _hand_over(self, job: Callable[[], bool]) -> None:
        self.start()
        self._waiting.put(job)

    def _settled(self, ending: Ending) -> bool:
        """Settle a call; return whether that is over, well or not."""
        governor, held = self._governing(), ending.reservation
        governor.heartbeat.stop(held.id)
        try:
            if ending.is_release:
                key = ending.report.get("settlement_key")
                governor.release(held, settlement_key=key)
            else:
                governor.correct(held, ending.usage, **ending.report)
        except (PolicyError, ValueError) as fault:
            return _is_over(ending, fault)
        return True

    def _extended(self, extend: Extend) -> bool:
        """Hold more; when that fails, the call goes on all the same (EVA-9)."""
        try:
            self._governing().extend(extend.reservation, hold_usd=usd(extend.hold_nano_usd))
        except (PolicyError, ValueError) as fault:
            _log.warning("the hold of reservation %s was not extended: %s", *_about(extend, fault))
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


def relayed(commands: Sequence[Command]) -> bytes:
    """Return the bytes that are to be passed on."""
    return b"".join(command.data for command in commands if isinstance(command, Relay))


def _is_over(ending: Ending, fault: Exception) -> bool:
    """Return whether a settlement that failed is kept elsewhere, or would fail again and again."""
    if isinstance(fault, SettlementPending):
        _log.warning("the call of reservation %s is settled late", ending.reservation.id)
        return True
    if isinstance(fault, ReservationSettled):
        _log.warning("the call used nothing, and was settled by somebody else: %s", fault)
        return True
    is_over = not isinstance(fault, StoreError)
    _log.error(
        "the call of reservation %s was not settled (%s); %s",
        *_about(ending, fault),
        "it stays as it is" if is_over else "it is tried again",
    )
    return is_over


def _about(of: Ending | Extend, fault: Exception) -> tuple[str, str]:
    return of.reservation.id, fault.code if isinstance(fault, PolicyError) else str(fault)


def _closed_quietly(close: Callable[[], object]) -> bool:
    try:
        close()
    except Exception:
        _log.debug("a connection could not be closed", exc_info=True)
    return True
