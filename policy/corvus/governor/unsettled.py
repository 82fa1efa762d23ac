"""Applies settlements that come as data: at once, late, or from the file of a process that ended.

A process that could not write its settlements leaves them beside the store (RES-9). Whoever opens
the store next takes them in, each by its settlement key: one that was written after all is
replayed, so that nothing counts twice. What cannot be applied is kept aside, and told in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from corvus.base.errors import ReservationError, StoreError
from corvus.events import Event
from corvus.governor import settlement
from corvus.governor.correction import add, correct
from corvus.governor.rules import InForce
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.reservation import ReservationState, Settled
from corvus.store.spill import SpilledLine, keep_aside, rejected_path, shown, taking_in, waiting
from corvus.store.store import Store
from corvus.store.unit import Unit

_log = logging.getLogger("corvus.governor")


def apply(
    unit: Unit, in_force: InForce, pending: PendingSettlement
) -> tuple[Settled | None, list[Event]]:
    """Settle a reservation as the data says.

    Returns:
        What it did; ``None`` when there was nothing to forget.

    Raises:
        ReservationNotFound: There is no such reservation.
        ReservationSettled: It was settled before, and not by this key.
        ValueError: The cost is no amount (EVA-10).
    """
    key, reservation_id = pending.settlement_key, pending.reservation_id
    match pending.kind:
        case PendingKind.COMMIT:
            assert pending.settlement is not None, "a commit says what the call used"
            return settlement.commit(unit, in_force, reservation_id, pending.settlement, key)
        case PendingKind.CORRECT:
            assert pending.settlement is not None, "a correction says what the call used"
            return correct(unit, in_force, reservation_id, pending.settlement, key)
        case PendingKind.ADD:
            assert pending.settlement is not None, "an addition says what the call used"
            return add(unit, in_force, reservation_id, pending.settlement, key)
        case PendingKind.RELEASE:
            return settlement.release(unit, in_force.register, reservation_id, key)
        case PendingKind.FORGET:
            known = unit.reservation(reservation_id)
            if known is None or known.state is not ReservationState.HELD:
                return None, []
            return settlement.release(unit, in_force.register, reservation_id, key)


def take_in(store: Store, in_force: InForce) -> list[Event]:
    """Settle what processes that ended could not, before anything else is decided.

    A store that cannot be written now leaves the file to the next one who opens it.

    Returns:
        What happened, for listeners.
    """
    path = store.backend.unsettled_path
    if path is None:
        return []
    events: list[Event] = []
    for file in waiting(path):
        try:
            with taking_in(file) as lines:
                if lines:
                    events += _settle(store, in_force, path, lines)
        except (OSError, StoreError) as fault:
            _log.warning("the settlements in %s wait on: %s", file, fault)
    return events


def _settle(
    store: Store, in_force: InForce, path: Path, lines: Sequence[SpilledLine]
) -> list[Event]:
    def step(unit: Unit) -> tuple[list[Event], list[str]]:
        events, refused = list[Event](), list[str]()
        for line in lines:
            if line.pending is None:
                refused.append(line.text)
                continue
            try:
                events += apply(unit, in_force, line.pending)[1]
            except (ReservationError, ValueError) as fault:
                _log.error("reservation %s: %s", shown(line.text), fault)
                refused.append(line.text)
        return events, refused

    events, refused = store.run(step, alone=True)
    if refused:
        keep_aside(path, refused)
        _log.error(
            "%d settlements could not be applied and are kept in %s; look at them, and delete the "
            "file when they are dealt with",
            len(refused),
            rejected_path(path),
        )
    return events
