"""Which hosts have slices of a shared store, and what these hold; next to any writer (STO-3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from corvus.base.time import instant_at, microseconds
from corvus.model.budget import Measure
from corvus.store.api import Rows
from corvus.store.kinds import BUDGET, LEASE_HOSTS, LEASES, budget_of
from corvus.store.lease import THE_STORE, Lease, LeaseHost


class LeaseState(StrEnum):
    """How a host is that has or had slices."""

    RENEWS = "renews"
    """It may use them."""
    SILENT = "silent"
    """It has some, and did not renew them in time."""
    PRESUMED = "presumed"
    """So it is, and what it has is presumed to be spent."""
    LEFT = "left"
    """It has none."""


@dataclass(frozen=True, slots=True)
class SliceStanding:
    """What a host has of one sum, and has not reported.

    Attributes:
        budget: Name of the budget.
        part: Of a budget with ``per``; else empty.
        measure: The unit.
        held: How much, > 0: nano-USD, tokens or calls.
    """

    budget: str
    part: str
    measure: Measure
    held: int


@dataclass(frozen=True, slots=True)
class LeaseStanding:
    """A host that has or had slices.

    Attributes:
        host: Its name.
        id: Of its own store.
        seen_at: When it was heard of last, by the clock of the shared store, aware UTC.
        until: Until when it may use its slices, by the same clock.
        slices: What counts as held for it.
    """

    host: str
    id: str
    state: LeaseState
    seen_at: datetime
    until: datetime
    slices: tuple[SliceStanding, ...] = ()


def lease_standings(rows: Rows, now: datetime) -> list[LeaseStanding]:
    """Return the hosts that ever had slices of a store, by name.

    Args:
        rows: The store.
        now: The present instant by its clock, aware.
    """
    hosts = [host for host in rows.find(LEASE_HOSTS) if host.id != THE_STORE]
    by_host: dict[str, list[Lease]] = {}
    for lease in rows.find(LEASES) if hosts else ():
        by_host.setdefault(lease.key.host, []).append(lease)
    names: dict[int, str] = {}
    for leases in by_host.values():
        for lease in leases:
            row = rows.get(BUDGET, lease.key.budget_id)
            names[lease.key.budget_id] = budget_of(row.key).name if row is not None else "?"
    standings = [
        standing_of(host, by_host.get(host.id, []), names, microseconds(now)) for host in hosts
    ]
    return sorted(standings, key=lambda one: (one.host, one.id))


def standing_of(
    host: LeaseHost, leases: Sequence[Lease], names: Mapping[int, str], now_us: int
) -> LeaseStanding:
    """Return how a host is.

    Args:
        host: Its row in the shared store.
        leases: Its slices there.
        names: The names of their budgets, by id.
        now_us: The present by the clock of that store, microseconds.
    """
    held: dict[tuple[str, str, str], int] = {}
    for lease in leases:
        if lease.outstanding:
            key = names[lease.key.budget_id], lease.key.part, lease.key.measure
            held[key] = held.get(key, 0) + lease.outstanding
    slices = tuple(
        SliceStanding(budget, part, Measure(measure), amount)
        for (budget, part, measure), amount in sorted(held.items())
    )
    return LeaseStanding(
        host.name,
        host.id,
        _state(host, now_us, has_slices=bool(slices)),
        instant_at(host.seen_us),
        instant_at(host.until_us),
        slices,
    )


def _state(host: LeaseHost, now_us: int, *, has_slices: bool) -> LeaseState:
    if host.until_us > now_us:
        return LeaseState.RENEWS
    if not has_slices:
        return LeaseState.LEFT
    return LeaseState.PRESUMED if host.is_presumed else LeaseState.SILENT
