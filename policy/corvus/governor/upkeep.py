"""Books what is overdue although nobody asks for admission (RES-6).

The hold of a process that died is presumed at its deadline by whoever uses the store next. Where
nobody does, a thread of each process that serves does it, and every report does it first. Refuses
to let a report fail over it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from corvus.base.errors import PolicyError
from corvus.governor import settlement
from corvus.governor.refusing import tell_counted
from corvus.governor.rules import InForce, Register
from corvus.governor.unsettled import take_in
from corvus.store.store import Store
from corvus.store.unit import Unit

if TYPE_CHECKING:
    from corvus.governor.renewals import Renewals

PAUSE_SECONDS = 2.0
"""How often a process that serves looks for what is overdue."""

_log = logging.getLogger("corvus.governor")


def keep_up(store: Store) -> None:
    """Expire what is overdue and take in what is unsettled, without a policy to judge it by.

    Raises:
        StoreError: The store cannot be written.
    """
    in_force = InForce(None, Register())
    take_in(store, in_force)

    def step(unit: Unit) -> None:
        settlement.upkeep(unit, in_force)
        tell_counted(unit)

    store.run(step)


@contextmanager
def keeping_up(
    governor: Callable[[], Renewals], pause_seconds: float = PAUSE_SECONDS
) -> Generator[None]:
    """Keep up from time to time while a process serves.

    Args:
        governor: Returns the one in force.
        pause_seconds: Between two looks, > 0.
    """
    over = threading.Event()

    def serve() -> None:
        was_told = False
        while not over.wait(pause_seconds):
            try:
                governor().keep_up()
                was_told = False
            except PolicyError as fault:
                if not was_told:
                    _log.warning("what is overdue cannot be booked now: %s", fault)
                was_told = True

    thread = threading.Thread(target=serve, name="corvus-upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
