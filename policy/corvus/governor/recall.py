"""Recalls what was forgotten when it is named again, before anything is decided.

The sums of a forgotten session are counted anew from the ledger, and the session and its missions
are read from what was told of them; then its mark goes (``corvus.store.retention``). Refuses to go
on without the ledger: what was spent would be free again.
"""

from __future__ import annotations

from corvus.base.errors import StoreUnavailable
from corvus.base.period import Period
from corvus.governor.recount import (
    History,
    Recorded,
    Stale,
    Tally,
    events_after,
    recount,
    refuse_stale,
    tallied,
)
from corvus.model.budget import Budget
from corvus.store.api import Forgotten
from corvus.store.store import Store
from corvus.store.unit import Unit

_READ_AGAIN = 10
_OF_SCOPES = (Period.SESSION, Period.MISSION)


def recall(store: Store, history: History, forgotten: Forgotten) -> None:
    """Bring back what a step has named.

    Args:
        store: From which it is gone.
        history: Reads the ledger.
        forgotten: What was named.

    Raises:
        LedgerError: The ledger cannot be read.
        StoreError: The store cannot be read or written, or the ledger kept changing.
        Forgotten: There is no ledger to ask.
    """
    session_id = forgotten.session_id
    if session_id is None:
        recount(store, history, write=True, all_windows=True)
        return
    for _ in range(_READ_AGAIN):
        budgets = store.run(_budgets)
        with history([*budgets.values()], session_id) as recorded:
            if recorded.forgotten_times is None:
                raise forgotten
            try:
                store.run(
                    lambda unit: _step(unit, budgets, recorded, session_id),  # noqa: B023 - run before the next turn
                    alone=True,
                )
            except Stale:
                continue
            return
    raise StoreUnavailable("the ledger kept changing while a session was recalled; try again")


def _budgets(unit: Unit) -> dict[int, Budget]:
    return {key: one for key, one in unit.budgets().items() if one.period in _OF_SCOPES}


def _step(unit: Unit, budgets: dict[int, Budget], recorded: Recorded, session_id: str) -> None:
    if not unit.is_forgotten(session_id):
        return  # another one was faster
    refuse_stale(unit, recorded)
    if _budgets(unit) != budgets:
        raise Stale
    events = events_after(unit, recorded.through_seq)
    held = unit.held()
    tallies = [tallied(unit, key, one, recorded, events) for key, one in budgets.items()]
    unit.recall_session(session_id)
    for tally in tallies:
        for one in held:
            tally.hold(one)
        _keep(unit, tally, session_id)
    for session in recorded.sessions:
        unit.put_session(session)
    for mission in recorded.missions:
        unit.put_mission(mission)


def _keep(unit: Unit, tally: Tally, session_id: str) -> None:
    """Put the sums of the session back; those of others are there."""
    for key, balance in tally.balances.items():
        if key.session_id == session_id:
            unit.put_balance(balance)
