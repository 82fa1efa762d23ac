"""What a host does in its own store: the steps of its conversation with the shared one (STO-3)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from corvus.base.errors import StoreCorrupt
from corvus.base.period import Period
from corvus.base.time import instant_at, microseconds
from corvus.governor.leases.desk import Held, Slice, SumName
from corvus.governor.leases.rows import sum_of
from corvus.governor.leases.slices import Elapsed, Lack, used_of
from corvus.governor.recount import events_after, recorded_amounts, recorded_call
from corvus.governor.rules import Counting, Register
from corvus.governor.thresholds import is_open
from corvus.model.budget import Budget, Measure
from corvus.model.outbox import LedgerTable, OutboxEvent
from corvus.store.api import StoredBalance
from corvus.store.kinds import LEASE, LEASE_HOST, LEASES_OF, budget_key
from corvus.store.lease import THE_STORE, Lease, LeaseHost, LeaseKey, Turn
from corvus.store.retention import KEEP_SETTLED
from corvus.store.unit import Unit


def tie(unit: Unit, shared_id: str) -> None:
    """Have a host's own store belong to one shared store, whose slices it has.

    Args:
        unit: The transaction under way, of the host's own store.
        shared_id: Id of the shared store.

    Raises:
        StoreCorrupt: It belongs to another one.
    """
    row = unit.get(LEASE_HOST, THE_STORE)
    if row is None:
        unit.put(LEASE_HOST, LeaseHost(THE_STORE, shared_id, epoch=1))
    elif row.name != shared_id:
        raise StoreCorrupt(
            f"this host has slices of another shared store than {shared_id}, to which it may have "
            "to report: name that store again, or move the files of the host's own store aside"
        )


class OwnRows:
    """The rows of slices in a host's own store.

    Args:
        host_id: Id of the store.
        name: What a person calls the host.
    """

    def __init__(self, host_id: str, name: str) -> None:
        self.host_id = host_id
        self._name = name
        self._register = Register()

    def host(self, unit: Unit) -> LeaseHost:
        """Return the row of the host, which need not be there yet."""
        return unit.get(LEASE_HOST, self.host_id) or LeaseHost(self.host_id, self._name)

    @staticmethod
    def turn(unit: Unit) -> Turn:
        """Return which conversation with the shared store is the last, as this store knows it."""
        row = unit.get(LEASE_HOST, THE_STORE)
        return Turn.of(row.boot) if row is not None else Turn()

    def begin_turn(self, unit: Unit) -> Turn:
        """Begin a conversation, or the one again that a process did not hear out."""
        row, turn = unit.get(LEASE_HOST, THE_STORE), self.turn(unit)
        assert row is not None, "the store is tied to a shared one"
        if not turn.begun:
            turn = Turn(turn.last, secrets.token_hex(16))
            unit.put(LEASE_HOST, replace(row, boot=turn.text))
        return turn

    def end_turn(self, unit: Unit, turn: Turn) -> None:
        """Take note that the shared store has heard of a conversation, unless that is known."""
        row = unit.get(LEASE_HOST, THE_STORE)
        if row is not None and Turn.of(row.boot) == turn:
            unit.put(LEASE_HOST, replace(row, boot=Turn(turn.begun).text))

    def forget_reported(self, unit: Unit, seq: int) -> None:
        """Take note that all events up to a number are reported, and forget them."""
        host = self.host(unit)
        if seq > host.reported_seq:
            unit.put(LEASE_HOST, replace(host, reported_seq=seq))
        elif unit.get(LEASE_HOST, self.host_id) is None:
            unit.put(LEASE_HOST, host)
        if seq > unit.state.drained_seq:
            unit.forget(seq, microseconds(unit.now - KEEP_SETTLED))

    def let_go(
        self, unit: Unit, epoch: int, used_then: dict[LeaseKey, int], *, leaves: bool
    ) -> tuple[list[Held], dict[LeaseKey, int]]:
        """Let go of what the host does not need; nothing was changed before in the transaction.

        Args:
            unit: The transaction under way.
            epoch: The present one of the shared store.
            used_then: What was used of slices a while ago: one of which nothing was used since is
                given back.
            leaves: Whether the host gives back all of them.

        Returns:
            The slices as they are now, and what is used of them.
        """
        host = unit.get(LEASE_HOST, self.host_id)
        is_behind = host is None or host.epoch < epoch
        is_reported = not unit.events(host.reported_seq if host else 0, 1)
        budgets = unit.budgets()
        counting = self._register.counting(unit)
        held: list[Held] = []
        used_now: dict[LeaseKey, int] = {}
        for row in unit.rows.find(LEASES_OF, self.host_id):
            lease, budget = unit.get(LEASE, row.key) or row, budgets[row.key.budget_id]
            stored = unit.balance(sum_of(row.key))
            used = used_of(lease, stored)
            is_over = _is_over(counting, budget, row.key.window_start_us, unit.now)
            is_idle = used_then.get(row.key) == used
            used_now[row.key] = used
            gives = leaves or is_behind or is_over or is_idle
            granted = used if gives else max(used, lease.granted)
            if granted != lease.granted:
                lease = replace(lease, granted=granted)
                unit.put(LEASE, lease)
            is_done = is_over and is_reported and not stored.held(Measure(row.key.measure))
            held.append(Held(_name(budget, row.key), lease.revision, granted, is_done))
        return held, used_now

    def take(self, unit: Unit, slices: Sequence[Slice], term: tuple[int, Elapsed] | None) -> None:
        """Take note of what the shared store says, and until when slices may be used."""
        ids = {budget_key(budget): budget_id for budget_id, budget in unit.budgets().items()}
        for one in slices:
            budget_id = ids[one.sum.budget_key]
            key = LeaseKey(self.host_id, budget_id, *one.sum[1:])
            if one.lease is None:
                if unit.get(LEASE, key) is not None:
                    unit.drop(LEASE, key)
                continue
            self._open_window(unit, key)
            lease = unit.get(LEASE, key) or Lease(key)
            if one.lease.revision < lease.revision:
                continue  # the answer to an earlier question
            granted = one.lease.granted if one.lease.revision > lease.revision else lease.granted
            heard = replace(
                lease,
                granted=granted,
                reported=one.lease.reported,
                revision=one.lease.revision,
                others_spent=one.spent - one.lease.reported,
                others_held=one.held - one.lease.outstanding,
            )
            unit.put(LEASE, heard)
        if term is not None:
            epoch, until = term
            unit.put(
                LEASE_HOST,
                replace(self.host(unit), epoch=epoch, until_us=until.us, boot=until.boot),
            )

    def _open_window(self, unit: Unit, key: LeaseKey) -> None:
        """Have a window be open here that a call has opened in the shared store."""
        if unit.budgets()[key.budget_id].period is not Period.WINDOW:
            return
        place = sum_of(key)
        if not is_open(unit, place):
            unit.open_window(key.budget_id, key.part, key.window_start_us)
            unit.put_balance(unit.balance(place))

    def prepare(self, unit: Unit, lacks: Sequence[Lack]) -> list[Lack]:
        """Return what is lacking as it is now; what the host used before its slices is left out."""
        host = unit.get(LEASE_HOST, self.host_id)
        tail: list[OutboxEvent] | None = None
        new: list[Lease] = []
        now: list[Lack] = []
        for lack in lacks:
            stored = unit.balance(sum_of(lack.key))
            lease = unit.get(LEASE, lack.key)
            if lease is None:
                if unit.budgets()[lack.key.budget_id].period is Period.WINDOW:
                    now.append(lack._replace(used=None))
                    continue  # the shared store says when it opened
                if tail is None:
                    tail = events_after(unit, host.reported_seq if host is not None else 0)
                measure = Measure(lack.key.measure)
                base = stored.spent(measure) - self._in_tail(unit, tail, stored, measure)
                lease = Lease(lack.key, base=base)
                new.append(lease)
            now.append(lack._replace(used=used_of(lease, stored)))
        for lease in new:
            unit.put(LEASE, lease)
        return now

    def _in_tail(
        self, unit: Unit, tail: Sequence[OutboxEvent], stored: StoredBalance, measure: Measure
    ) -> int:
        """Return what a sum counts of records that are not reported yet."""
        counting = self._register.counting(unit)
        amount = 0
        for event in tail:
            if event.table is not LedgerTable.USAGE_RECORD:
                continue
            places = counting.of(recorded_call(event.row), unit.window_opened)
            settled: Any = event.row["settled_at"]
            if settled >= stored.since_us and any(place.key == stored.key for place in places):
                amount += recorded_amounts(event.row).of(measure)
        return amount


def _name(budget: Budget, key: LeaseKey) -> SumName:
    return SumName(budget_key(budget), key.window_start_us, key.part, key.measure)


def _is_over(counting: Counting, budget: Budget, start_us: int, now: datetime) -> bool:
    """Return whether the window of a sum is over."""
    if not start_us:
        return False
    window = counting.window(budget, instant_at(start_us), start_us)
    return window is not None and window.end <= now
