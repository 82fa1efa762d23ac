"""Says how a store is, and what is under way in it, without changing anything (CLI-6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from corvus.base.money import NOTHING, NanoUSD
from corvus.base.period import Period, window_at
from corvus.base.time import instant_at, microseconds
from corvus.model.budget import Budget
from corvus.model.refusals import Refusals
from corvus.model.steering import Override
from corvus.store import kinds
from corvus.store.api import Look
from corvus.store.kinds import BUDGET, budget_of
from corvus.store.unit import state_of


@dataclass(frozen=True, slots=True)
class Holds:
    """The reservations that are open.

    Attributes:
        held_nano_usd: What they hold together.
        oldest_at: When the oldest was admitted, aware UTC; ``None`` when there is none.
        overdue: Those past their deadline; the next call settles them.
    """

    count: int = 0
    held_nano_usd: NanoUSD = NOTHING
    oldest_at: datetime | None = None
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Blocking:
    """A sum of a budget that refuses calls at present.

    Attributes:
        budget: Name of the budget, which may be of another policy than the one in force.
        session_id: Where it counts sessions or missions.
        mission_id: Where it counts missions.
        part: Of a budget with ``per``; else empty.
    """

    budget: str
    session_id: str | None
    mission_id: str | None
    refusals: Refusals
    part: str = ""


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How a store is.

    Attributes:
        name: The store, as the user knows it: its file, or the server and the database.
        exists: Whether it is there; the first governed call makes it.
        is_writable: Whether this user may write it, or make it.
        problem: Why it cannot be used, in words; ``None`` when it can.
        size_bytes: Of all that it takes on disk, as far as its engine knows.
        version: How many migrations it has seen.
        undrained_events: Events that the ledger may not have yet.
        recount_due: Whether balances will be counted again by the next governed call.
        audit_position: Number of the newest audit event; 0 without one.
        audit_head: Its hash.
        overrides: Those that are active and have not expired, the oldest first.
        blocking: Sums that refuse calls in the present window, those that did last first.
    """

    name: str
    exists: bool = False
    is_writable: bool = False
    problem: str | None = None
    size_bytes: int = 0
    version: int = 0
    store_id: str | None = None
    undrained_events: int = 0
    recount_due: bool = False
    audit_position: int = 0
    audit_head: str | None = None
    holds: Holds = Holds()
    open_sessions: int = 0
    overrides: tuple[Override, ...] = ()
    blocking: tuple[Blocking, ...] = ()


def examined(seen: StoreHealth, look: Look, now: datetime) -> StoreHealth:
    """Add what the rows of a store say to what is seen of it from outside.

    Args:
        seen: Its place, and whether this user may write it.
        look: Its rows.
        now: The present instant, aware.
    """
    look.hold_still()
    if look.version == 0:
        return seen
    state = state_of(look)
    overrides = look.find(kinds.ACTIVE_OVERRIDES)
    (open_sessions,) = look.find(kinds.OPEN_SESSIONS)
    problem = f"no permission to write {seen.name}: no call can be admitted"
    return replace(
        seen,
        problem=None if seen.is_writable else problem,
        version=look.version,
        store_id=state.store_id,
        undrained_events=state.next_seq - 1 - state.drained_seq,
        recount_due=state.recount_due,
        audit_position=state.audit_position,
        audit_head=state.audit_head if state.audit_position else None,
        holds=_holds(look, now),
        open_sessions=open_sessions,
        overrides=tuple(override for override in overrides if override.expires_at > now),
        blocking=_blocking(look, now) if look.is_current else (),
    )


def _blocking(look: Look, now: datetime) -> tuple[Blocking, ...]:
    blocking: list[Blocking] = []
    for balance in look.find(kinds.BLOCKING):
        key, row = balance.key, look.get(BUDGET, balance.key.budget_id)
        if row is None or balance.refusals is None:
            continue
        budget = budget_of(row.key)
        if _is_present(budget, key.window_start_us, now):
            about = key.session_id or None, key.mission_id or None
            blocking.append(Blocking(budget.name, *about, balance.refusals, key.part))
    return tuple(blocking)


def _is_present(budget: Budget, start_us: int, now: datetime) -> bool:
    """Return whether a window of a budget, by its start, holds the present instant."""
    if budget.period is Period.WINDOW:
        return 0 <= microseconds(now) - start_us < budget.window_seconds * 10**6
    window = window_at(budget.period, now, budget.timezone)
    return window is None or microseconds(window.start) == start_us


def _holds(look: Look, now: datetime) -> Holds:
    ((count, held, oldest_us, overdue),) = look.find(kinds.SUM_HELD, microseconds(now))
    oldest = None if oldest_us is None else instant_at(oldest_us)
    return Holds(count, NanoUSD(held), oldest, overdue)
