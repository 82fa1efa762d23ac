"""The desk of a shared store: gives slices of its budgets to hosts, and takes them back (STO-3).

A slice counts as held from the moment it is given, so that all hosts together never pass a limit.
Nothing frees it but the host itself, which knows what it has used: neither the end of its time nor
a clock. A host that nobody hears of any more keeps its slices held; after a day, or when somebody
reclaims them, they are presumed to be spent, and should it come back after all, it reports what it
really used and gives back the rest.

Two messages of one host may cross each other. A slice has a revision for this: what is given back
counts only where nothing was given since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from corvus.base.errors import SteeringRefused, StoreCorrupt
from corvus.events import Event
from corvus.governor.leases.budgets import needs_slice
from corvus.governor.leases.dead import presume_dead
from corvus.governor.leases.rows import (
    hosts,
    out_of_step,
    present_epoch,
    put_lease,
    raise_epoch,
    sum_of,
)
from corvus.governor.overrides import expire_overrides, usable
from corvus.governor.rules import Call, InForce, Rules
from corvus.governor.thresholds import is_open
from corvus.model.budget import Budget, Measure
from corvus.model.outbox import LedgerTable
from corvus.model.request import Request
from corvus.model.steering import Override, OverrideState, SessionRecord
from corvus.store.api import BalanceKey
from corvus.store.kinds import LEASE, LEASE_HOST, LEASES_ON, budget_key
from corvus.store.lease import Lease, LeaseHost, LeaseKey, Turn
from corvus.store.unit import Unit

_CALLS_AT_ONCE = 8
"""A slice is at most this part of what is left, for each host: the others need some, too."""


class SumName(NamedTuple):
    """Which sum, in words that two stores share."""

    budget_key: str
    window_start_us: int
    part: str
    measure: str


class Want(NamedTuple):
    """A slice that a host needs for a call.

    Attributes:
        sum: Which sum, as the host sees it.
        used: What the host has used of its slice, reported or not; ``None`` where it has none.
        needed: What the call may use.
        chunk: What the host would like to have, so that it need not ask for each call.
    """

    sum: SumName
    used: int | None
    needed: int
    chunk: int


class Held(NamedTuple):
    """A slice as its host has it.

    Attributes:
        sum: Which sum.
        revision: Of the shared store, when the host heard of it last.
        granted: What it has now; less than it was given is given back, more has been used already:
            by a call that cost more than it held, or that a person let pass.
        is_over: Whether the host has neither a hold nor a record to report in that window.
    """

    sum: SumName
    revision: int
    granted: int
    is_over: bool = False


class Slice(NamedTuple):
    """A slice as the shared store has it.

    Attributes:
        sum: Which sum.
        lease: The row of the shared store; ``None`` where there is none.
        spent: What stands against the budget there …
        held: … and what is held, this slice included.
    """

    sum: SumName
    lease: Lease | None
    spent: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shared store says to a host.

    Attributes:
        now_us: Its clock, microseconds.
        epoch: The present one; a host that is behind gives back all that it does not need.
        slices: The slices that the host asked about.
        is_refused: Whether one of the budgets has not so much left: nothing was given.
        override: Lifts the refusal; it is the host's from now on.
        reported_seq: The event of the host up to which all are here.
    """

    now_us: int
    epoch: int
    slices: Sequence[Slice] = ()
    is_refused: bool = False
    override: Override | None = None
    reported_seq: int = 0


def join(  # noqa: PLR0913, PLR0917 - what a host says of itself
    unit: Unit, host_id: str, name: str, ttl_us: int, next_seq: int, turn: Turn
) -> Answer:
    """Take note of a host that is there.

    Args:
        unit: The transaction under way, of the shared store.
        host_id: Id of the host's own store.
        name: What a person calls the host.
        ttl_us: How long it may use its slices from now on, microseconds.
        next_seq: Number of the next event of its own store.
        turn: Which conversation it begins, and which was the last.

    Raises:
        StoreCorrupt: Its own store was set back or copied: events of other numbers are here
            already, or a conversation that it does not know of.
    """
    known = unit.get(LEASE_HOST, host_id) or LeaseHost(host_id)
    _require_turn(known, turn, name)
    if known.reported_seq >= next_seq:
        raise out_of_step(
            name, host_id, f"{known.reported_seq} events are here, and it has {next_seq - 1}"
        )
    epoch = present_epoch(unit)
    now = unit.now_us
    unit.put(
        LEASE_HOST,
        replace(
            known,
            name=name,
            seen_us=now,
            until_us=now + ttl_us,
            boot=turn.begun,
            is_presumed=False,
        ),
    )
    return Answer(now, epoch, reported_seq=known.reported_seq)


def ask(  # noqa: PLR0913, PLR0917 - who asks, under what, and for what
    unit: Unit,
    in_force: InForce,
    host_id: str,
    turn: Turn,
    request: Request,
    wants: Sequence[Want],
) -> tuple[Answer, list[Event]]:
    """Give a host the slices that a call of it needs, all or none.

    Args:
        unit: The transaction under way, of the shared store.
        in_force: The policy of the host, with the ids of the shared store.
        host_id: Which host; it has joined.
        turn: Its last conversation.
        request: The call.
        wants: What it needs. A window that is not the present one here is passed over.

    Raises:
        StoreCorrupt: Its own store was set back or copied.
    """
    host = _present(unit, host_id)
    _require_turn(host, turn, unit_name(host))
    rules = in_force.rules
    assert rules is not None, "a host has a policy"
    events = expire_overrides(unit)
    needs = _needs(unit, in_force, (host_id, request), wants)
    is_refused = any(need.more > need.left for need in needs)
    override = _override(unit, rules, request, host_id) if is_refused else None
    if is_refused and override is None:
        _call_in(unit, host_id, needs)
    if not is_refused or override is not None:
        share = _CALLS_AT_ONCE * _hosts(unit)
        for need in needs:
            _give(unit, need, share)
    answer = Answer(
        unit.now_us,
        present_epoch(unit),
        [
            _standing(unit, need.sum, unit.get(LEASE, need.lease.key) or need.lease)
            for need in needs
        ],
        is_refused and override is None,
        override,
        host.reported_seq,
    )
    return answer, events


def claim(unit: Unit, host_id: str, session_id: str, project: str | None) -> str | None:
    """Have a session belong to a host, unless it belongs to another (SES-1).

    Returns:
        Who counts it otherwise, in words; ``None`` where it is this host's now.
    """
    session = unit.session(session_id, project)
    if session is not None and session.home == host_id:
        return None
    if session is not None:
        return counted_by(unit, session)
    unit.put_session(SessionRecord(session_id, unit.now, project=project, home=host_id))
    return None


def other_home(unit: Unit, host_id: str, session_id: str, project: str | None) -> str | None:
    """Return the other host that counts a session, in words; ``None`` where there is none."""
    session = unit.session(session_id, project)
    if session is None or session.home in (None, host_id):
        return None
    return counted_by(unit, session)


def lift(unit: Unit, rules: Rules, request: Request, host_id: str) -> Override | None:
    """Hand an override over to a host that refuses a call by itself, where there is one (OVR-4).

    Args:
        unit: The transaction under way, of the shared store.
        rules: The policy of the host.
        request: The call.
        host_id: Which host; it has joined.
    """
    _present(unit, host_id)
    return _override(unit, rules, request, host_id)


def counted_by(unit: Unit, session: SessionRecord) -> str:
    """Return who counts a session, in words."""
    if session.home is None:
        return "the shared store, for hosts without leases"
    home = unit.get(LEASE_HOST, session.home)
    return f"host {unit_name(home)}" if home is not None else f"host {session.home}"


def require_no_home(unit: Unit, request: Request) -> None:
    """Check that no host with leases counts the session of a call that is admitted strictly.

    Args:
        unit: The transaction under way, of the shared store.
        request: The call.

    Raises:
        SteeringRefused: One does, and the sum of the session is there alone.
    """
    session = unit.session(request.session_id, request.project)
    if session is not None and session.home is not None:
        raise elsewhere(request.session_id, counted_by(unit, session))


def elsewhere(session_id: str, by: str) -> SteeringRefused:
    """Return the refusal of a call whose session counts elsewhere; ``by`` is who counts it."""
    return SteeringRefused(
        f"session {session_id!r} is counted by {by}, and a session belongs to one: go on there, or "
        "name another session"
    )


def leave(unit: Unit, host_id: str) -> None:
    """Take note that a host has ended in order, and uses nothing any more."""
    host = unit.get(LEASE_HOST, host_id)
    if host is not None:
        unit.put(LEASE_HOST, replace(host, until_us=unit.now_us))


def settle_slices(unit: Unit, host_id: str, epoch: int, held: Iterable[Held]) -> list[Slice]:
    """Take back what a host gives back, and say what it has.

    Args:
        unit: The transaction under way, of the shared store; the host has joined in it.
        host_id: Which host.
        epoch: The one in which it has given back what it does not need.
        held: Its slices.

    Returns:
        Each as it is now; one that nobody knows here is without a row.
    """
    host = _present(unit, host_id)
    if host.epoch < epoch:
        unit.put(LEASE_HOST, replace(host, epoch=epoch))
    presume_dead(unit)
    ids = {key: budget_id for budget_id, key in _keys(unit).items()}
    slices: list[Slice] = []
    for one in held:
        budget_id = ids.get(one.sum.budget_key)
        if budget_id is None:
            slices.append(Slice(one.sum, None))
            continue
        key = BalanceKey(budget_id, one.sum.window_start_us, part=one.sum.part)
        lease = unit.get(LEASE, _lease_key(host_id, key, one.sum.measure))
        if lease is not None and lease.revision == one.revision:
            if one.granted != lease.granted:
                lease = replace(lease, granted=one.granted, revision=lease.revision + 1)
                put_lease(unit, lease)
            if one.is_over and not lease.outstanding:
                unit.drop(LEASE, lease.key)
        slices.append(slice_of(unit, host_id, one.sum, key))
    return slices


def slice_of(unit: Unit, host_id: str, name: SumName, key: BalanceKey) -> Slice:
    """Return a slice as it is, with what stands against its budget."""
    lease = unit.get(LEASE, _lease_key(host_id, key, name.measure))
    return Slice(name, None) if lease is None else _standing(unit, name, lease)


def _standing(unit: Unit, name: SumName, lease: Lease) -> Slice:
    balance, measure = unit.balance(sum_of(lease.key)), Measure(name.measure)
    window_start_us = lease.key.window_start_us
    return Slice(
        name._replace(window_start_us=window_start_us),
        lease,
        balance.spent(measure),
        balance.held(measure),
    )


def unit_name(host: LeaseHost) -> str:
    """Return what a host is called in a message."""
    return host.name or host.id


class _Need(NamedTuple):
    """A slice that is to be given.

    Attributes:
        sum: Which sum.
        key: The same in this store.
        lease: As it is.
        least: What must be granted in all.
        more: What is to be held more for it, >= 0.
        left: What the budget has left, which may be below 0.
        chunk: What the host would like to have.
        opens_until_us: End of a window that a call opens; 0 where it is none.
    """

    sum: SumName
    key: BalanceKey
    lease: Lease
    least: int
    more: int
    left: int
    chunk: int
    opens_until_us: int


def _needs(
    unit: Unit, in_force: InForce, whose: tuple[str, Request], wants: Sequence[Want]
) -> list[_Need]:
    """Return what a call needs of each budget; ``whose`` is the host, and the call."""
    rules, register = in_force
    assert rules is not None, "a host has a policy"
    host_id, request = whose
    call = Call(request.attributes, None, None, unit.now)
    wanted = {want.sum: want for want in wants}
    loose = {(want.sum.budget_key, want.sum.part): want for want in wants if want.used is None}
    counted = register.counting(unit).of(call, unit.window_opened, opens=True)
    places = {place.key.budget_id: place for place in counted}
    needs: list[_Need] = []
    for budget_id, budget in rules.budgets.items():
        place = places.get(budget_id)
        if place is None:
            continue
        limited = budget.for_part(place.key.part)
        if not needs_slice(limited):
            continue
        name = SumName(
            budget_key(budget), place.key.window_start_us, place.key.part, budget.measure.value
        )
        want = wanted.get(name)
        if want is None and budget.window_seconds:
            want = loose.get((name.budget_key, name.part))
        if want is not None:
            window_end_us = place.key.window_start_us + budget.window_seconds * 10**6
            needs.append(_need(unit, host_id, (limited, place.key, window_end_us), name, want))
    return needs


def _need(
    unit: Unit,
    host_id: str,
    place: tuple[Budget, BalanceKey, int],
    name: SumName,
    want: Want,
) -> _Need:
    limited, key, window_end_us = place
    lease_key = _lease_key(host_id, key, name.measure)
    lease = unit.get(LEASE, lease_key) or Lease(lease_key)
    balance, measure = unit.balance(key), limited.measure
    least = max(lease.granted, (want.used or 0) + want.needed)
    more = replace(lease, granted=least).outstanding - lease.outstanding
    left = limited.limit - balance.spent(measure) - balance.held(measure)
    opens_until_us = window_end_us if limited.window_seconds else 0
    return _Need(name, key, lease, least, more, left, want.chunk, opens_until_us)


def _call_in(unit: Unit, host_id: str, needs: Sequence[_Need]) -> None:
    """Have hosts give back what they do not use, where a call would fit then.

    Not while one of them has still to hear of the last time.
    """
    present = present_epoch(unit)
    others = [one for one in hosts(unit) if one.until_us > unit.now_us and one.id != host_id]
    if not others or any(one.epoch < present for one in others):
        return
    for need in needs:
        if need.more > need.left:
            slices = unit.rows.find(LEASES_ON, need.key.budget_id)
            outside = sum(
                lease.outstanding
                for lease in slices
                if sum_of(lease.key) == need.key and lease.key.measure == need.sum.measure
            )
            if need.more > need.left + outside - need.lease.outstanding:
                return
    raise_epoch(unit)


def _give(unit: Unit, need: _Need, share: int) -> None:
    """Give a slice: what the call needs, and more while there is plenty (RES-1)."""
    if need.opens_until_us:
        _open_window(unit, need)
    plenty = min(need.chunk, max(0, need.left) // share)
    lease = need.lease
    granted = max(need.least, max(lease.granted, lease.reported) + plenty)
    put_lease(unit, replace(lease, granted=granted, revision=lease.revision + 1))


def _open_window(unit: Unit, need: _Need) -> None:
    """Open the window of a budget that a call opens, unless it is open."""
    key = need.key
    if is_open(unit, key):
        return
    budget = unit.budgets()[key.budget_id]
    unit.open_window(key.budget_id, key.part, key.window_start_us)
    unit.put_balance(unit.balance(key))
    unit.append(
        LedgerTable.OPENED_WINDOW,
        {
            "budget": budget.name,
            "budget_key": need.sum.budget_key,
            "part": key.part,
            "window_start": key.window_start_us,
            "window_end": need.opens_until_us,
        },
    )


def _override(unit: Unit, rules: Rules, request: Request, host_id: str) -> Override | None:
    """Hand an override over to a host whose call would be refused; it is used there (OVR-4)."""
    if not rules.policy.allow_override:
        return None
    override = usable(unit, request.session_id, request.project)
    if override is None:
        return None
    handed = replace(override, state=OverrideState.CONSUMED, consumed_by=f"host {host_id}")
    unit.put_override(handed)
    return override


def _hosts(unit: Unit) -> int:
    """Return how many hosts use slices at present, 1 at least."""
    return max(1, sum(host.until_us > unit.now_us for host in hosts(unit)))


def _require_turn(host: LeaseHost, turn: Turn, name: str) -> None:
    """Check that a host knows of its last conversation: two stores of one id would spend twice.

    Raises:
        StoreCorrupt: It does not.
    """
    if host.boot not in {"", turn.last, turn.begun}:
        raise out_of_step(name, host.id, "it does not know of their last conversation")


def _present(unit: Unit, host_id: str) -> LeaseHost:
    host = unit.get(LEASE_HOST, host_id)
    if host is None:
        raise StoreCorrupt(f"host {host_id} is unknown to the shared store; start it again")
    return host


def _keys(unit: Unit) -> dict[int, str]:
    return {budget_id: budget_key(budget) for budget_id, budget in unit.budgets().items()}


def _lease_key(host_id: str, key: BalanceKey, measure: str) -> LeaseKey:
    return LeaseKey(host_id, key.budget_id, key.window_start_us, key.part, measure)
