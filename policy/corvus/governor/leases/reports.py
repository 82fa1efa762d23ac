"""Takes the events of a host over into the shared store, each exactly once (STO-3).

The number of the last one that was taken over is written in the same transaction, so that a host
that was killed at any step repeats nothing and loses nothing. A usage record counts in all sums of
the shared store, by the rule by which a recount adds it up (STO-2), and in the same step its slice
counts so much less as held: no moment counts both or neither (RES-4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from corvus.base.errors import StoreCorrupt
from corvus.base.time import instant_at
from corvus.events import Event
from corvus.governor.audit_chain import append_audit
from corvus.governor.leases.budgets import spans_hosts
from corvus.governor.leases.rows import put_lease
from corvus.governor.recount import count_record, recorded_amounts, recorded_call
from corvus.governor.rules import InForce
from corvus.governor.thresholds import note_sums
from corvus.model.budget import Measure
from corvus.model.outbox import LedgerTable, OutboxEvent, Row
from corvus.model.request import Request, Surface
from corvus.model.steering import AuditKind
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.kinds import LEASE, LEASE_HOST, budget_key
from corvus.store.lease import LeaseKey
from corvus.store.unit import Unit

_AHEAD_MAX_US = 60_000_000
"""How far the clock of a host may be ahead of the shared store's, microseconds."""


def take_over(
    unit: Unit, in_force: InForce, host_id: str, events: Sequence[OutboxEvent]
) -> tuple[int, list[Event]]:
    """Take events of a host over.

    Args:
        unit: The transaction under way, of the shared store.
        in_force: The policy of the host, with the ids of the shared store.
        host_id: Which host; it has joined.
        events: Events of its own store, ascending, without a gap; those that are here already are
            passed over.

    Returns:
        The number up to which all are here, and what budgets came to.

    Raises:
        StoreCorrupt: Between the events and those that are here some are missing.
    """
    host = unit.get(LEASE_HOST, host_id)
    if host is None:
        raise StoreCorrupt(f"host {host_id} is unknown to the shared store; start it again")
    new = [event for event in events if event.seq > host.reported_seq]
    if not new:
        return host.reported_seq, []
    if new[0].seq != host.reported_seq + 1:
        raise StoreCorrupt(
            f"host {host.name} reports event {new[0].seq}, and event {host.reported_seq + 1} never "
            "came: its store was replaced; start it again"
        )
    happened: list[Event] = []
    for event in new:
        take = _TAKES.get(event.table)
        if take is None:
            unit.append(event.table, event.row)
        else:
            happened += take(unit, in_force, host_id, event.row)
    unit.put(LEASE_HOST, replace(host, reported_seq=new[-1].seq, seen_us=unit.now_us))
    return new[-1].seq, happened


def _stamp_after(unit: Unit, at_us: int) -> None:
    """Have all that the shared store stamps from now on be later than what was taken over.

    The clock of a host follows that of the store, and may be ahead by the time of a message: a
    reset would be earlier than a record that it no longer counts.

    Args:
        unit: The transaction under way.
        at_us: What a host has stamped, microseconds; one that is ahead by more is not believed.
    """
    if 0 < at_us - unit.now_us <= _AHEAD_MAX_US:
        state = unit.touch()
        state.last_us = max(state.last_us, at_us)


def _take_record(unit: Unit, in_force: InForce, host_id: str, row: Row) -> list[Event]:
    """Count a usage record in place of what the host's slices hold for it."""
    unit.append(LedgerTable.USAGE_RECORD, row)
    settled: Any = row["settled_at"]
    _stamp_after(unit, settled)
    call, amounts = recorded_call(row), recorded_amounts(row)
    counted = in_force.register.counting(unit).of(call, unit.window_opened)
    sums = [unit.balance(place.key) for place in counted]
    for place, balance in zip(counted, sums, strict=True):
        count_record(balance, row)
        unit.put_balance(balance)
        key = place.key
        for measure in Measure:
            lease_key = LeaseKey(
                host_id, key.budget_id, key.window_start_us, key.part, measure.value
            )
            lease = unit.get(LEASE, lease_key)
            if lease is not None:
                put_lease(unit, replace(lease, reported=lease.reported + amounts.of(measure)))
    if in_force.rules is None:
        return []
    budgets = unit.budgets()
    shared = [
        (place, balance)
        for place, balance in zip(counted, sums, strict=True)
        if spans_hosts(budgets[place.key.budget_id])
    ]
    places, balances = [place for place, _ in shared], [balance for _, balance in shared]
    return note_sums(unit, in_force.rules, places, balances, _request(row))


def _take_audit(unit: Unit, in_force: InForce, host_id: str, row: Row) -> list[Event]:
    """Append an audit event of a host to the chain of the shared store."""
    about: dict[str, Any] = {name: row.get(name) for name in _ABOUT}
    expires_us: Any = row.get("expires_at")
    if expires_us is not None:
        about["expires_at"] = instant_at(expires_us)
    append_audit(
        unit, AuditKind(str(row["kind"])), str(row["actor"]), _text(row.get("reason")), **about
    )
    return []


def _take_reset(unit: Unit, in_force: InForce, host_id: str, row: Row) -> list[Event]:
    """Reset a sum as the host did: of a session or a mission, which count at one host alone."""
    found: Any = row
    _stamp_after(unit, found["effective_at"])
    unit.append(LedgerTable.RESET, row)
    for budget_id, budget in unit.budgets().items():
        if budget_key(budget) != found["budget_key"]:
            continue
        key = BalanceKey(
            budget_id,
            found.get("window_start") or 0,
            found.get("session_id") or "",
            found.get("mission_id") or "",
            found.get("project") or "",
            found.get("part") or "",
        )
        before = unit.balance(key)
        if before.since_us < found["effective_at"]:
            unit.put_balance(
                StoredBalance(
                    key,
                    held_nano_usd=before.held_nano_usd,
                    held_tokens=before.held_tokens,
                    held_calls=before.held_calls,
                    since_us=found["effective_at"],
                )
            )
    return []


def _take_window(unit: Unit, in_force: InForce, host_id: str, row: Row) -> list[Event]:
    """Open a window that a call of a host has opened, unless one is open here at that time."""
    found: Any = row
    start_us, part = found["window_start"], found["part"]
    for budget_id, budget in unit.budgets().items():
        if budget_key(budget) != found["budget_key"]:
            continue
        opened_us = unit.window_opened(budget_id, part, start_us)
        if opened_us is not None and start_us < opened_us + budget.window_seconds * 10**6:
            continue
        latest_us = unit.window_opened(budget_id, part, unit.now_us)
        if latest_us is None or latest_us < start_us:
            unit.open_window(budget_id, part, start_us)
        unit.put_balance(unit.balance(BalanceKey(budget_id, start_us, part=part)))
        unit.append(LedgerTable.OPENED_WINDOW, row)
    return []


def _take_threshold(unit: Unit, in_force: InForce, host_id: str, row: Row) -> list[Event]:
    """Keep what a session or a mission came to; of shared sums this store reports by itself."""
    budgets = unit.budgets().values()
    if any(row["budget"] == budget.name and not spans_hosts(budget) for budget in budgets):
        unit.append(LedgerTable.BUDGET_EVENT, row)
    return []


def _request(row: Row) -> Request:
    """Return as much of a call as its record says."""
    found: Any = row
    return Request(
        found["requested_model"],
        None,
        found.get("session_id") or "",
        provider=found["provider"],
        surface=Surface(found["surface"]),
        project=found.get("project"),
        user=found.get("user_name"),
        agent=found.get("agent"),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


_ABOUT = (
    "budget",
    "session_id",
    "mission_id",
    "override_id",
    "reservation_id",
    "removed_cost_nano_usd",
    "removed_requests",
    "details",
)
_TAKES: dict[LedgerTable, Callable[[Unit, InForce, str, Row], list[Event]]] = {
    LedgerTable.USAGE_RECORD: _take_record,
    LedgerTable.AUDIT_EVENT: _take_audit,
    LedgerTable.RESET: _take_reset,
    LedgerTable.OPENED_WINDOW: _take_window,
    LedgerTable.BUDGET_EVENT: _take_threshold,
}
"""What is done with the events of a table besides appending them as they are."""
