"""Lets one process of all hosts do what only one may do at a time (STO-3).

An office is a row with a deadline, taken in a transaction of the store: whoever holds it says so
again before it ends, and one that died has lost it then. A holder that was stopped for longer may
come back when another is at work, so that what it writes into the store is to ask once more, in the
same transaction (``holds``).
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import datetime

from corvus.base.errors import StoreError, StoreUnavailable
from corvus.base.time import instant_at
from corvus.model.replica import Election
from corvus.store.kinds import ELECTION
from corvus.store.store import Store
from corvus.store.unit import Unit

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0


def process_name() -> str:
    """Return a name for a holder in this process: host, process, and some letters by chance."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def try_elect(store: Store, role: str, host: str, seconds: float) -> bool:
    """Take an office, or hold on to it, if nobody else has it.

    Args:
        store: The store that hosts share.
        role: Which office.
        host: Who takes it (``process_name``).
        seconds: For how long, > 0; by the clock of the store.

    Returns:
        Whether ``host`` holds it now.

    Raises:
        StoreError: The store cannot be read or written.
    """
    return store.run(lambda unit: elect(unit, role, host, seconds))


def elect(unit: Unit, role: str, host: str, seconds: float) -> bool:
    """Do what ``try_elect`` does, in the transaction under way."""
    held = unit.get(ELECTION, role)
    if held is not None and held.holder != host and held.until_us > unit.now_us:
        return False
    unit.put(ELECTION, Election(role, host, unit.now_us + round(seconds * 1_000_000)))
    return True


def holds(unit: Unit, role: str, host: str) -> bool:
    """Return whether nobody has taken an office from its holder, be its time over or not."""
    held = unit.get(ELECTION, role)
    return held is not None and held.holder == host


def resign(store: Store, role: str, host: str) -> None:
    """Give an office up, if ``host`` holds it.

    Raises:
        StoreError: The store cannot be read or written.
    """

    def step(unit: Unit) -> None:
        if holds(unit, role, host):
            unit.drop(ELECTION, role)

    store.run(step)


@contextmanager
def elected(
    store: Store, role: str, *, seconds: float = 60.0, patience_seconds: float | None = None
) -> Generator[str]:
    """Hold an office while the context is open; it is said again all the while.

    Args:
        store: The store that hosts share.
        role: Which office.
        seconds: After how long a process that died has lost it, > 0.
        patience_seconds: How long to wait for another holder, >= 0; half a minute by default.

    Yields:
        The name under which it is held, for ``holds``.

    Raises:
        StoreUnavailable: Another held it all the time; names who.
        StoreError: The store cannot be read or written.
    """
    name = process_name()
    if patience_seconds is None:
        patience_seconds = _PATIENCE_SECONDS
    deadline = time.monotonic() + patience_seconds
    while not try_elect(store, role, name, seconds):
        if time.monotonic() >= deadline:
            raise _held_by_another(store, role)
        time.sleep(_POLL_SECONDS)
    ended = threading.Event()
    arguments = (store, role, name, seconds, ended)
    thread = threading.Thread(target=_hold_on, args=arguments, name="corvus-office", daemon=True)
    thread.start()
    try:
        yield name
    finally:
        ended.set()
        thread.join()
        with suppress(StoreError):  # then its time ends
            resign(store, role, name)


def electing(store: Store, role: str, *, seconds: float = 900.0) -> Callable[[], bool]:
    """Return a question that takes an office, or holds on to it, each time it is asked.

    Args:
        store: The store that hosts share; open as long as the question is asked.
        role: Which office.
        seconds: For how long an answer holds, > 0: longer than what is done between two of them.
    """
    name = process_name()
    return lambda: try_elect(store, role, name, seconds)


def _hold_on(store: Store, role: str, name: str, seconds: float, ended: threading.Event) -> None:
    while not ended.wait(seconds / 3):
        with suppress(StoreError):  # it is taken again in a moment, or has ended
            if not try_elect(store, role, name, seconds):
                return


def _held_by_another(store: Store, role: str) -> StoreUnavailable:
    held = store.run(lambda unit: unit.get(ELECTION, role))
    if held is None:
        return StoreUnavailable(f"another process is at work ({role}); try again")
    host, _, rest = held.holder.partition(":")
    until: datetime = instant_at(held.until_us)
    return StoreUnavailable(
        f"process {rest.partition(':')[0]} on {host} is at work ({role}), until {until:%H:%M:%S} "
        "UTC at least; try again then"
    )
