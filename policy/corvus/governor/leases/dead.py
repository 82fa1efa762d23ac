"""Hosts that nobody hears of any more: what they have left is presumed to be spent (RES-6, STO-3).

It stays held: nobody but the host itself knows what it used. A reset of its budget drops it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from corvus.base.errors import SteeringRefused
from corvus.governor.audit_chain import SYSTEM, append_audit
from corvus.governor.leases.rows import hosts, put_lease
from corvus.model.budget import Measure
from corvus.model.steering import AuditKind
from corvus.store.api import BalanceKey
from corvus.store.kinds import LEASE, LEASE_HOST, LEASES_OF, LEASES_ON
from corvus.store.lease import LeaseHost
from corvus.store.operations.lease_standing import LeaseStanding, LeaseState, lease_standings
from corvus.store.unit import Unit

PRESUMED_AFTER = timedelta(days=1)
"""How long nobody has heard of a host whose slices are presumed to be spent."""


def presume_dead(unit: Unit) -> None:
    """Presume to be spent what hosts have left that nobody has heard of for a day."""
    before_us = unit.now_us - PRESUMED_AFTER // timedelta(microseconds=1)
    for host in hosts(unit):
        if host.seen_us < before_us and not host.is_presumed:
            presume(unit, unit.get(LEASE_HOST, host.id) or host, SYSTEM, None)


def presume(unit: Unit, host: LeaseHost, actor: str, reason: str | None) -> dict[str, int]:
    """Presume to be spent what a host has left, and have the others look again; it is audited.

    It stays held, and a reset of its budget drops it.

    Args:
        unit: The transaction under way.
        host: Which host.
        actor: Who says so.
        reason: Why, without secrets.

    Returns:
        What is presumed to be spent, by the name of the budget and the unit.
    """
    left: dict[str, int] = {}
    budgets = unit.budgets()
    for stored in unit.rows.find(LEASES_OF, host.id):
        lease = unit.get(LEASE, stored.key)
        if lease is not None and lease.outstanding:
            budget = budgets[lease.key.budget_id]
            name = f"{budget.name} {Measure(lease.key.measure).unit}"
            left[name] = left.get(name, 0) + lease.outstanding
    unit.put(LEASE_HOST, replace(host, is_presumed=True))
    details = {"host": host.name, "host_id": host.id, "left": left}
    text = json.dumps(details, sort_keys=True, separators=(",", ":"))
    append_audit(unit, AuditKind.LEASE_PRESUMED, actor, reason, details=text)
    return left


def find_host(unit: Unit, named: str) -> LeaseStanding:
    """Return a host that has or had slices.

    Args:
        unit: The transaction under way, of the shared store.
        named: Its name, or the id of its own store.

    Raises:
        SteeringRefused: There is none, or several have that name.
    """
    known = lease_standings(unit.rows, unit.now)
    found = [one for one in known if named in (one.host, one.id)]
    if len(found) > 1:  # a name may come back, of a container for one: most of them have left
        found = [one for one in found if one.state is not LeaseState.LEFT] or found[-1:]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{one.id} ({one.state})" for one in found)
        raise SteeringRefused(f"several hosts are called {named!r}: name one by its id, {ids}")
    names = ", ".join(sorted({one.host for one in known})) or "none at all"
    raise SteeringRefused(f"no host {named!r} has slices of this store; there is {names}")


def reclaim(unit: Unit, named: str, actor: str, reason: str | None) -> LeaseStanding:
    """Presume to be spent what a dead host has left, before a day is over; it is audited.

    Args:
        unit: The transaction under way, of the shared store.
        named: Its name, or the id of its own store.
        actor: Who says that it is dead.
        reason: Why, without secrets.

    Returns:
        The host as it was; nothing is done where it has left nothing, or that is presumed already.

    Raises:
        SteeringRefused: There is no such host, or it still renews.
    """
    found = find_host(unit, named)
    if found.state is LeaseState.RENEWS:
        raise SteeringRefused(
            f"host {found.host} still renews: it may use what it has until "
            f"{found.until:%H:%M:%S} UTC; end it, and it gives back what it does not need"
        )
    host = unit.get(LEASE_HOST, found.id)
    if found.state is LeaseState.SILENT and host is not None:
        presume(unit, host, actor, reason)
    return found


def drop_presumed(unit: Unit, key: BalanceKey) -> None:
    """Let go of what is presumed to be spent of a sum: it is no open hold, and ends with a reset.

    Args:
        unit: The transaction under way.
        key: The sum.
    """
    presumed = {host.id for host in hosts(unit) if host.is_presumed}
    if not presumed:
        return
    for stored in unit.rows.find(LEASES_ON, key.budget_id):
        lease = unit.get(LEASE, stored.key)
        is_here = (stored.key.window_start_us, stored.key.part) == (key.window_start_us, key.part)
        if lease is not None and is_here and lease.key.host in presumed:
            put_lease(unit, replace(lease, granted=lease.reported, revision=lease.revision + 1))
            unit.drop(LEASE, lease.key)
