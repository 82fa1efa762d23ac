"""What a host may admit from by itself: its slices, as its own store has them (STO-3).

Where the rules of a single host compare a sum with its limit, here the part of it that this host
has used is compared with its slice. Everything else stays as it is: the host's own sums hold and
count its calls. What others have spent and hold, as of the last answer of the shared store, is
added to what is said of a budget.

A call that does not fit its slice is neither admitted nor refused here: ``SliceNeeded`` is raised,
and once the shared store was asked the call is tried again. Only when that has refused just now is
the call refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from corvus.base.errors import PolicyError
from corvus.base.ids import new_id
from corvus.governor.evaluate import Balance
from corvus.governor.leases.budgets import needs_slice, spans_hosts
from corvus.governor.leases.desk import SumName
from corvus.governor.rules import Rules, SharedSums, Standing
from corvus.model.budget import Measure
from corvus.model.request import Request
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.kinds import LEASE, LEASE_HOST, budget_key
from corvus.store.lease import Lease, LeaseKey
from corvus.store.unit import Unit
from corvus.store.witness import present_of_boot

REFUSED_FOR_US = 500_000
"""How long a refusal of the shared store stands, microseconds: else each call would ask again."""
_REMEMBERED_MAX = 10_000
"""Sessions of which it is remembered that there is no override."""
_HERE = new_id(0)
"""Stands for the start of the machine where that has no name: then no other process goes by it."""


class Elapsed(NamedTuple):
    """The time since the machine was started, sleep included.

    Attributes:
        us: Microseconds.
        boot: Which start.
    """

    us: int
    boot: str


def elapsed() -> Elapsed:
    """Return the time since the machine was started; a wrong clock has no part in it."""
    boot_us, boot_id = present_of_boot()
    if boot_us < 0 or boot_id == "-":
        return Elapsed(time.monotonic_ns() // 1000, _HERE)
    return Elapsed(boot_us, boot_id)


class Lack(NamedTuple):
    """A slice that does not suffice for a call.

    Attributes:
        sum: Which sum.
        key: Its key in the host's own store.
        used: What is used of it; ``None`` where there is none.
        needed: What the call may use.
    """

    sum: SumName
    key: LeaseKey
    used: int | None
    needed: int


class _Place(NamedTuple):
    balance: Balance
    stored: StoredBalance


class _Found(NamedTuple):
    """What stands against a budget for a call.

    Attributes:
        lack: What its slice lacks, if it does.
        is_refused: Whether the shared store has refused so much just now.
    """

    balance: Balance
    lack: Lack | None = None
    is_refused: bool = False


class SliceNeeded(PolicyError):
    """The shared store is to be asked before a call can be decided; nothing was done.

    Attributes:
        request: The call.
        lacks: The slices that do not suffice.
        is_over: Whether the time is over for which the host may use its slices.
        claims_session: Whether its session has no home yet.
        asks_override: Whether an override would lift its refusal.
        answers: How often the shared store had answered when this was found.
    """

    def __init__(  # noqa: PLR0913 - each is a question of its own
        self,
        request: Request,
        lacks: Sequence[Lack],
        answers: int,
        *,
        is_over: bool = False,
        claims_session: bool = False,
        asks_override: bool = False,
    ) -> None:
        super().__init__(
            "the shared store did not give this host what the call needs; nothing was admitted"
        )
        self.request = request
        self.lacks = tuple(lacks)
        self.answers = answers
        self.is_over = is_over
        self.claims_session = claims_session
        self.asks_override = asks_override


class Slices:
    """The slices of one host, as a process of it sees them.

    Args:
        host_id: Id of the host's own store.
        clock: Returns the time since the machine was started.

    Attributes:
        answers: How often the shared store has answered this process.
        refused_until_us: By slice, until when a refusal stands.
        claimed: Sessions that are at home here, and that no call was admitted in yet.
        no_override_until_us: By session, until when the shared store is not asked for an override.
    """

    def __init__(self, host_id: str, clock: Callable[[], Elapsed] = elapsed) -> None:
        self.host_id = host_id
        self.clock = clock
        self.answers = 0
        self.refused_until_us: dict[LeaseKey, int] = {}
        self.claimed: set[tuple[str, str | None]] = set()
        self.no_override_until_us: dict[tuple[str, str | None], int] = {}

    def is_alive(self, unit: Unit) -> bool:
        """Return whether the host may use its slices now."""
        host = unit.get(LEASE_HOST, self.host_id)
        now = self.clock()
        return host is not None and host.boot == now.boot and now.us < host.until_us

    def narrow(
        self,
        unit: Unit,
        rules: Rules,
        standing: Standing,
        request: Request,
    ) -> list[Balance]:
        """Return what stands against each budget, where the host's slices suffice for a call.

        Args:
            unit: The transaction under way, of the host's own store.
            rules: The policy in force.
            standing: Where the call is counted, and what stands there.
            request: The call.

        Raises:
            SliceNeeded: The shared store is to be asked first.
        """
        found = [self._find(unit, rules, place, request) for place in _places(rules, standing)]
        lacks = (
            []
            if any(one.is_refused for one in found)
            else [one.lack for one in found if one.lack is not None]
        )
        is_over = not self.is_alive(unit)
        claims_session = self._claims(unit, rules, request)
        if lacks or is_over or claims_session:
            raise SliceNeeded(
                request, lacks, self.answers, is_over=is_over, claims_session=claims_session
            )
        return [one.balance for one in found]

    def seek_override(self, request: Request) -> None:
        """Have the shared store asked for an override of a refused call, unless it just was.

        Raises:
            SliceNeeded: It is to be asked.
        """
        until_us = self.no_override_until_us.get((request.session_id, request.project), 0)
        if until_us <= self.clock().us:
            raise SliceNeeded(request, (), self.answers, asks_override=True)

    def note_no_override(self, request: Request, until_us: int) -> None:
        """Take note that the shared store has none for the session of a call.

        Args:
            request: The call.
            until_us: Until when it is not asked again, by the clock of the slices.
        """
        if len(self.no_override_until_us) >= _REMEMBERED_MAX:
            self.no_override_until_us.clear()
        self.no_override_until_us[request.session_id, request.project] = until_us

    def shared(self, unit: Unit, rules: Rules, standing: Standing) -> list[Balance]:
        """Return what stands against each budget, with what others had when last heard of."""
        return [self._seen(unit, place)[0] for place in _places(rules, standing)]

    def key(self, key: BalanceKey, measure: str) -> LeaseKey:
        """Return the key of the slice of a sum in the host's own store."""
        return LeaseKey(self.host_id, key.budget_id, key.window_start_us, key.part, measure)

    def _seen(self, unit: Unit, place: _Place) -> tuple[Balance, Lease | None]:
        balance = place.balance
        if not spans_hosts(balance.budget):
            return balance, None
        lease = unit.get(LEASE, self.key(place.stored.key, balance.budget.measure.value))
        shown = balance if lease is None else shared_balance(balance, lease, place.stored)
        return shown, lease

    def _find(self, unit: Unit, rules: Rules, place: _Place, request: Request) -> _Found:
        """Return what stands against a budget, and what the slice of it lacks for a call."""
        shown, lease = self._seen(unit, place)
        budget, stored = shown.budget, place.stored
        if not needs_slice(budget):
            return _Found(shown)
        measure = budget.measure
        needed = request.amounts.of(measure)
        used = None if lease is None else used_of(lease, stored)
        if lease is not None and used is not None and used + needed <= lease.granted:
            return _Found(shown)
        key = self.key(stored.key, measure.value)
        name = SumName(
            budget_key(rules.budgets[stored.key.budget_id]),
            stored.key.window_start_us,
            stored.key.part,
            measure.value,
        )
        exceeds = shown.spent + shown.held + needed > budget.limit
        stands = self.refused_until_us.get(key, 0) > self.clock().us
        return _Found(shown, Lack(name, key, used, needed), is_refused=exceeds and stands)

    def _claims(self, unit: Unit, rules: Rules, request: Request) -> bool:
        """Return whether the session of a call has no home yet, and needs one."""
        is_limited = any(
            budget.limit and not spans_hosts(budget) for budget in rules.budgets.values()
        )
        if not is_limited and request.mission_id is None:
            return False
        if (request.session_id, request.project) in self.claimed:
            return False
        return unit.session(request.session_id, request.project) is None


class QuestionedSlices:
    """The slices of a host, for a question about a call that nobody makes: none is asked for.

    Args:
        slices: What the host may use.
    """

    def __init__(self, slices: SharedSums) -> None:
        self.narrow = slices.narrow
        self.shared = slices.shared

    def seek_override(self, request: Request) -> None:
        """Seek none: it is used by a call."""


def used_of(lease: Lease, stored: StoredBalance) -> int:
    """Return what a host has used of its slice, reported or not."""
    measure = Measure(lease.key.measure)
    return stored.spent(measure) + stored.held(measure) - lease.base


def shared_balance(balance: Balance, lease: Lease, stored: StoredBalance) -> Balance:
    """Return what stands against a budget, that of other hosts as it was when last heard of."""
    measure = Measure(lease.key.measure)
    spent = max(0, lease.others_spent + stored.spent(measure) - lease.base)
    held = max(0, lease.others_held + stored.held(measure))
    return balance._replace(spent=spent, held=held)


def _places(rules: Rules, standing: Standing) -> list[_Place]:
    stored = {sum_.key.budget_id: sum_ for sum_ in standing.sums}
    by_name = {budget.name: stored.get(number) for number, budget in rules.budgets.items()}
    places: list[_Place] = []
    for balance in standing.balances:
        sum_ = by_name[balance.budget.name]
        assert sum_ is not None, "a budget that judges a call counts it"
        places.append(_Place(balance, sum_))
    return places
