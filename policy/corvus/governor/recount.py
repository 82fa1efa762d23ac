"""Counts balances again: from the ledger, the events it lacks, and the open holds (STO-2).

It serves a budget that was not counted so far, usage that came into the ledger by another way, and
the proof that balances agree with what was recorded. What the ledger says is read first; then, in
one transaction, what happened since is added. Should the ledger have moved on in between, it is
read again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias, cast

from corvus.base.errors import StoreUnavailable
from corvus.base.period import Period
from corvus.base.time import instant_at, microseconds
from corvus.governor.rules import Call, Counting, call_of, registered
from corvus.model.budget import Amounts, Budget
from corvus.model.columns import ESTIMATED_TOKENS
from corvus.model.outbox import LedgerTable, OutboxEvent
from corvus.model.request import Attributes
from corvus.model.reservation import Reservation
from corvus.model.spend import Spend
from corvus.model.steering import MissionRecord, SessionRecord
from corvus.model.usage import TOKENS
from corvus.store.api import BalanceKey, Forgotten, StoredBalance
from corvus.store.kinds import LEASES_ON, budget_key
from corvus.store.lease import Lease
from corvus.store.retention import KEEP_WINDOWS
from corvus.store.store import Store
from corvus.store.unit import Unit

_PAGE = 10_000
_READ_AGAIN = 10
_OF_SCOPES = (Period.SESSION, Period.MISSION)


class SumKey(NamedTuple):
    """Which sum of a budget; as ``BalanceKey`` without the budget."""

    window_start_us: int = 0
    session_id: str = ""
    mission_id: str = ""
    project: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class LedgerSums:
    """What is recorded of budgets, as of one event.

    Attributes:
        through_seq: The newest event of the store that is in these sums.
        sums: By budget key (``budget_key``), the sums since the last reset.
        since_us: By budget key, when a sum was last reset, microseconds.
        windows_us: By budget key and part, when each window opened that a call opens, ascending.
        forgotten_times: As in the store's own row when forgotten sessions were left out; ``None``
            when nothing was read.
        sessions: Of the one session id that was read for, what is recorded of each project.
        missions: So are the missions.
    """

    through_seq: int = 0
    sums: Mapping[str, Mapping[SumKey, Spend]] = field(
        default_factory=dict[str, Mapping[SumKey, Spend]]
    )
    since_us: Mapping[str, Mapping[SumKey, int]] = field(
        default_factory=dict[str, Mapping[SumKey, int]]
    )
    windows_us: Mapping[str, Mapping[str, Sequence[int]]] = field(
        default_factory=dict[str, Mapping[str, Sequence[int]]]
    )
    forgotten_times: int | None = None
    sessions: Sequence[SessionRecord] = ()
    missions: Sequence[MissionRecord] = ()


History: TypeAlias = Callable[[Sequence[Budget], str | None], AbstractContextManager[LedgerSums]]
"""Reads what is recorded of budgets; while its context is open, no import changes the ledger.

With a session id it reads the sums of that session alone, and what is recorded of it; without one,
those of forgotten sessions are left out.
"""


@contextmanager
def no_history(budgets: Sequence[Budget], session_id: str | None = None) -> Generator[LedgerSums]:
    """Stand for a ledger that does not exist: nothing is recorded but what the store knows."""
    yield LedgerSums()


class StaleRead(Exception):
    """The ledger has moved on since it was read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance that is not what was recorded."""

    budget: Budget
    stored: StoredBalance
    counted: StoredBalance


def recount(
    store: Store,
    history: History,
    budgets: Sequence[Budget] | None = None,
    *,
    write: bool,
    all_windows: bool = False,
) -> list[Difference]:
    """Compare balances with what is recorded, and mend them if ``write`` is set.

    Args:
        store: Whose balances.
        history: Reads the ledger.
        budgets: Which budgets; those not registered are registered when ``write`` is set. ``None``
            takes all that are registered.
        write: Whether to make the balances what was counted.
        all_windows: Whether to remember the windows again that were forgotten.

    Returns:
        The balances that differed.

    Raises:
        LedgerError: The ledger cannot be read.
        StoreError: The store cannot be read or written, or the ledger kept changing.
    """
    scope = _Scope(budgets is None, all_windows)
    for _ in range(_READ_AGAIN):
        wanted = store.run(lambda unit: [*unit.budgets().values()]) if budgets is None else budgets
        with history(wanted, None) as recorded:
            try:
                return store.run(
                    lambda unit: _step(unit, wanted, recorded, write=write, scope=scope),  # noqa: B023 - run before the next turn
                    alone=True,
                )
            except StaleRead:
                continue
    raise StoreUnavailable("the ledger kept changing while balances were counted; try again")


class _Scope(NamedTuple):
    """What is counted: all budgets or some, with or without the windows that were forgotten."""

    is_all: bool
    all_windows: bool


def _step(
    unit: Unit, budgets: Sequence[Budget], recorded: LedgerSums, *, write: bool, scope: _Scope
) -> list[Difference]:
    if scope.is_all and len(budgets) < len(unit.budgets()):
        raise StaleRead  # one was registered meanwhile
    if write and scope.is_all and (scope.all_windows or _are_live_forgotten(unit)):
        unit.touch().windows_before_us = 0
    differences = count_again(unit, budgets, recorded, write=write)
    if write and scope.is_all and unit.state.recount_due:
        unit.touch().recount_due = False
    return differences


def _are_live_forgotten(unit: Unit) -> bool:
    """Return whether windows were forgotten by a clock that was ahead and has been set right."""
    return unit.state.windows_before_us > microseconds(unit.now - KEEP_WINDOWS)


def count_again(
    unit: Unit, budgets: Iterable[Budget], recorded: LedgerSums, *, write: bool
) -> list[Difference]:
    """Compare balances with what is recorded, and mend them.

    Args:
        unit: The transaction under way, in which nothing was changed yet.
        budgets: Budgets to count; those not registered are registered when ``write`` is set.
        recorded: What the ledger says of them.
        write: Whether to make the balances what was counted.

    Raises:
        StaleRead: The ledger must be read again.
    """
    wanted = list(budgets)
    events = events_after(unit, recorded.through_seq)
    refuse_stale(unit, recorded)
    held = unit.held()
    ids = registered(unit, wanted)
    differences: list[Difference] = []
    for budget in wanted:
        budget_id = ids.get(budget_key(budget))
        if budget_id is None and write:
            budget_id = unit.register(budget)
        if budget_id is not None:
            tally = tallied(unit, budget_id, budget, recorded, events)
            for reservation in held:
                tally.hold(reservation)
            for lease in leases_on(unit, budget_id):
                tally.hold_slice(lease)
            differences += _differences(unit, tally)
    if write:
        for difference in differences:
            unit.put_balance(difference.counted)
    return differences


def leases_on(unit: Unit, budget_id: int) -> list[Lease]:
    """Return the slices of a budget that were given to hosts; a host's own rows hold nothing."""
    found = unit.rows.find(LEASES_ON, budget_id)
    return [lease for lease in found if lease.key.host != unit.state.store_id]


def refuse_stale(unit: Unit, recorded: LedgerSums) -> None:
    """Refuse what was read of the ledger before events or sessions left the store.

    Raises:
        StaleRead: It must be read again.
    """
    if unit.state.drained_seq > recorded.through_seq:
        raise StaleRead
    if recorded.forgotten_times not in (None, unit.state.forgotten_times):
        raise StaleRead


def tallied(
    unit: Unit, budget_id: int, budget: Budget, recorded: LedgerSums, events: Sequence[OutboxEvent]
) -> Tally:
    """Sum what is recorded of a budget, in the ledger and after it; holds are left out."""
    key = budget_key(budget)
    since_us = _resets(unit, key, events, recorded)
    tally = Tally(budget_id, budget, since_us, _windows(key, events, recorded))
    for sum_key, spend in recorded.sums.get(key, {}).items():
        tally.add(sum_key, spend)
    for event in events:
        tally.add_event(event)
    return tally


def events_after(unit: Unit, seq: int) -> list[OutboxEvent]:
    """Return all events of the store with a greater number."""
    events: list[OutboxEvent] = []
    while page := unit.events(events[-1].seq if events else seq, _PAGE):
        events += page
    return events


def _resets(
    unit: Unit, key: str, events: Sequence[OutboxEvent], recorded: LedgerSums
) -> dict[SumKey, int]:
    """Return when each sum of a budget was last reset, also since the ledger was read.

    Raises:
        StaleRead: A sum of the ledger is from before such a reset.
    """
    since_us = dict(recorded.since_us.get(key, {}))
    for event in events:
        row: dict[str, Any] = event.row
        if event.table is not LedgerTable.RESET or row["budget_key"] != key:
            continue
        sum_key = SumKey(
            row.get("window_start") or 0,
            row.get("session_id") or "",
            row.get("mission_id") or "",
            row.get("project") or "",
            row.get("part") or "",
        )
        if since_us.get(sum_key, 0) < row["effective_at"] <= unit.now_us:
            if sum_key in recorded.sums.get(key, {}):
                raise StaleRead
            since_us[sum_key] = row["effective_at"]
    return since_us


def _windows(key: str, events: Sequence[OutboxEvent], recorded: LedgerSums) -> dict[str, list[int]]:
    """Return when the windows of each part opened, also since the ledger was read."""
    windows = {part: [*starts] for part, starts in recorded.windows_us.get(key, {}).items()}
    for event in events:
        row: dict[str, Any] = event.row
        if event.table is LedgerTable.OPENED_WINDOW and row["budget_key"] == key:
            windows.setdefault(row["part"], []).append(row["window_start"])
    return windows


def recorded_call(row: Mapping[str, Any]) -> Call:
    """Return what decides where a usage record is counted."""
    attributes = Attributes(
        row["requested_model"],
        row["provider"],
        row.get("project"),
        row.get("user_name"),
        row.get("agent"),
        row["surface"],
        row.get("subagent"),
        row.get("token"),
        row.get("branch"),
        tuple(cast("dict[str, str]", row.get("tags") or {}).items()),
    )
    admitted_at = instant_at(row["admitted_at"])
    return Call(attributes, row.get("session_id"), row.get("mission_id"), admitted_at)


def recorded_amounts(row: Mapping[str, Any]) -> Amounts:
    """Return what a usage record counts, in every measure; of an unknown cost its bound (PRC-8)."""
    cost = row.get("cost_nano_usd")
    counted = row.get("computed_cost_nano_usd") if cost is None else cost
    reported = sum(row.get(name, 0) for name in TOKENS)
    return Amounts(counted or 0, reported + (row.get(ESTIMATED_TOKENS) or 0), row["calls"])


def count_record(balance: StoredBalance, row: Mapping[str, Any]) -> None:
    """Add a usage record to a sum, unless it was settled before the sum was reset."""
    if row["settled_at"] < balance.since_us:
        return
    counted = recorded_amounts(row)
    balance.spent_nano_usd += counted.nano_usd
    balance.calls += counted.calls
    balance.unpriced_calls += counted.calls if row.get("cost_nano_usd") is None else 0
    balance.tokens += counted.tokens


class Tally:
    """Sums of one budget.

    Args:
        budget_id: Its id, and …
        budget: … what identifies it.
        since_us: When each sum was last reset, microseconds.
        windows_us: By part, when each window opened that a call opens, ascending.

    Attributes:
        balances: The sums so far.
    """

    def __init__(
        self,
        budget_id: int,
        budget: Budget,
        since_us: Mapping[SumKey, int],
        windows_us: Mapping[str, Sequence[int]],
    ) -> None:
        self.budget_id = budget_id
        self.budget = budget
        self._counting = Counting({budget_id: budget})
        self._since_us = since_us
        self._windows_us = windows_us
        self.balances: dict[BalanceKey, StoredBalance] = {}
        for sum_key in since_us:
            self._at(BalanceKey(budget_id, *sum_key))

    def _opened(self, budget_id: int, part: str, by_us: int) -> int | None:
        starts = self._windows_us.get(part, ())
        place = bisect_right(starts, by_us)
        return starts[place - 1] if place else None

    def _at(self, key: BalanceKey) -> StoredBalance:
        balance = self.balances.get(key)
        if balance is None:
            since_us = self._since_us.get(SumKey(*key[1:]), 0)
            balance = self.balances[key] = StoredBalance(key, since_us=since_us)
        return balance

    def add(self, sum_key: SumKey, spend: Spend) -> None:
        """Add what the ledger has."""
        balance = self._at(BalanceKey(self.budget_id, *sum_key))
        balance.spent_nano_usd += spend.cost_nano_usd
        balance.calls += spend.calls
        balance.unpriced_calls += spend.unpriced_calls
        balance.tokens += spend.tokens

    def add_event(self, event: OutboxEvent) -> None:
        """Add what the ledger does not have yet."""
        if event.table is not LedgerTable.USAGE_RECORD:
            return
        row: dict[str, Any] = event.row
        for place in self._counting.of(recorded_call(row), self._opened):
            count_record(self._at(place.key), row)

    def hold(self, held: Reservation) -> None:
        """Add an open hold."""
        for place in self._counting.of(call_of(held), self._opened):
            self._at(place.key).hold(held.hold)

    def hold_slice(self, lease: Lease) -> None:
        """Add what a host was given of a sum and has not reported (STO-3)."""
        if lease.outstanding:
            key = BalanceKey(self.budget_id, lease.key.window_start_us, part=lease.key.part)
            self._at(key).hold(lease.held)


def _differences(unit: Unit, tally: Tally) -> list[Difference]:
    stored, counted = unit.balances(tally.budget_id), tally.balances
    differences: list[Difference] = []
    for key in sorted(stored.keys() | counted.keys()):
        if unit.is_window_forgotten(tally.budget, key.window_start_us):
            continue
        before = stored.get(key, StoredBalance(key))
        after = replace(
            counted.get(key, StoredBalance(key)),
            state=before.state,
            refusals=before.refusals,
            reached_percent=before.reached_percent,
        )
        if before != after:
            differences.append(Difference(tally.budget, before, after))
    return differences


def recall(store: Store, history: History, forgotten: Forgotten) -> None:
    """Bring back what was forgotten and is named again, before anything is decided.

    The sums of a forgotten session are counted from the ledger, and the session and its missions
    are read from what was recorded of them; then its mark goes (``corvus.store.retention``). There
    is no going on without the ledger: what was spent would be free again.

    Args:
        store: From which it is gone.
        history: Reads the ledger.
        forgotten: What was named.

    Raises:
        LedgerError: The ledger cannot be read.
        StoreError: The store cannot be read or written, or the ledger kept changing.
        Forgotten: There is no ledger to read.
    """
    session_id = forgotten.session_id
    if session_id is None:
        recount(store, history, write=True, all_windows=True)
        return
    for _ in range(_READ_AGAIN):
        budgets = store.run(_scope_budgets)
        with history([*budgets.values()], session_id) as recorded:
            if recorded.forgotten_times is None:
                raise forgotten
            try:
                store.run(
                    lambda unit: _recall_step(unit, budgets, recorded, session_id),  # noqa: B023 - run before the next turn
                    alone=True,
                )
            except StaleRead:
                continue
            return
    raise StoreUnavailable("the ledger kept changing while a session was recalled; try again")


def _scope_budgets(unit: Unit) -> dict[int, Budget]:
    return {key: budget for key, budget in unit.budgets().items() if budget.period in _OF_SCOPES}


def _recall_step(
    unit: Unit, budgets: dict[int, Budget], recorded: LedgerSums, session_id: str
) -> None:
    if not unit.is_forgotten(session_id):
        return  # another one was faster
    refuse_stale(unit, recorded)
    if _scope_budgets(unit) != budgets:
        raise StaleRead
    events = events_after(unit, recorded.through_seq)
    held = unit.held()
    tallies = [tallied(unit, key, budget, recorded, events) for key, budget in budgets.items()]
    unit.recall_session(session_id)
    for tally in tallies:
        for reservation in held:
            tally.hold(reservation)
        _put_sums(unit, tally, session_id)
    sharing = {mission.project for mission in recorded.missions if mission.is_share}
    for session in recorded.sessions:
        unit.put_session(replace(session, has_shares=session.project in sharing))
    for mission in recorded.missions:
        unit.put_mission(mission)


def _put_sums(unit: Unit, tally: Tally, session_id: str) -> None:
    """Put the sums of the session back; those of others are there."""
    for key, balance in tally.balances.items():
        if key.session_id == session_id:
            unit.put_balance(balance)
