"""The rows of slices in a shared store: what they hold, and the epoch that has hosts look again."""

from __future__ import annotations

from dataclasses import replace

from corvus.base.errors import StoreCorrupt
from corvus.model.budget import Amounts
from corvus.store.api import BalanceKey
from corvus.store.kinds import LEASE, LEASE_HOST, LEASE_HOSTS
from corvus.store.lease import THE_STORE, Lease, LeaseHost, LeaseKey, amounts_in
from corvus.store.unit import Unit


def put_lease(unit: Unit, after: Lease) -> None:
    """Keep a slice, and have its sum hold what is outstanding of it."""
    before = unit.get(LEASE, after.key)
    more = after.outstanding - (before.outstanding if before is not None else 0)
    unit.put(LEASE, after)
    if more:
        balance = unit.balance(sum_of(after.key))
        balance.hold(_amounts(after, more))
        unit.put_balance(balance)


def out_of_step(name: str, host_id: str, why: str) -> StoreCorrupt:
    """Return the refusal of a host whose own store and the shared one do not fit each other.

    Args:
        name: What a person calls the host.
        host_id: Id of its own store.
        why: By what that is seen.
    """
    return StoreCorrupt(
        f"the store of host {name} was copied or set back, or the shared store was: {why}. What is "
        "forgotten would be spent twice, so nothing is admitted. Start a copy with another ledger "
        "(governance.ledger.path). After a restore, move the files of the host's own store aside "
        "(LEDGER.SCHEMA.store*, next to the ledger). What it had stays held; once no host uses it, "
        f"run `corvus ledger reclaim {host_id}`"
    )


def _amounts(lease: Lease, more: int) -> Amounts:
    held = amounts_in(lease.key.measure, abs(more))
    return held if more > 0 else Amounts(*(-each for each in held))


def sum_of(key: LeaseKey) -> BalanceKey:
    """Return the sum that a slice is of, in the store that keeps the row."""
    return BalanceKey(key.budget_id, key.window_start_us, part=key.part)


def hosts(unit: Unit) -> list[LeaseHost]:
    """Return the hosts that have joined, as they are stored."""
    return [host for host in unit.rows.find(LEASE_HOSTS) if host.id != THE_STORE]


def present_epoch(unit: Unit) -> int:
    """Return the present epoch; the first host begins the first."""
    row = unit.get(LEASE_HOST, THE_STORE)
    if row is None:
        row = LeaseHost(THE_STORE, epoch=1)
        unit.put(LEASE_HOST, row)
    return row.epoch


def raise_epoch(unit: Unit) -> None:
    """Have all hosts give back within one renewal what they do not need, if there ever were any."""
    row = unit.get(LEASE_HOST, THE_STORE)
    if row is not None:
        unit.put(LEASE_HOST, replace(row, epoch=row.epoch + 1))
