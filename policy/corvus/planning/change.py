"""What a change of policy would have done to recorded calls (PLN-1).

Most calls of most spans are near no limit. What every sum came to had all calls passed is found in
SQL (``corvus.planning.cells``); only the calls of those sums that may exceed their limit are put to
the governor's rules, one by one, and that decides them exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from corvus.base.period import Period, window_at
from corvus.base.time import microseconds
from corvus.ledger.ledger import Ledger
from corvus.model.budget import Budget, Rung
from corvus.model.policy import Policy
from corvus.planning.cells import BudgetCells, Sums, Totals, binding, least_limit
from corvus.planning.difference import BudgetChange, Difference, difference
from corvus.planning.ledger_events import Span
from corvus.planning.replay import Replay
from corvus.planning.tally import Count, Effects, Tally
from corvus.prices.lookup import PriceBooks
from corvus.store.kinds import budget_key

Progress = Callable[[str, int, int], None]
"""Called with what is done, how much of it is, and how much there is."""

_WARM = timedelta(days=7)
"""How long before the span sessions and missions may have begun."""
_EVENTS_AT_ONCE = 20_000


class Side(NamedTuple):
    """A policy, as it is put to the calls.

    Attributes:
        shown: Where it comes from, for a person.
    """

    policy: Policy
    books: PriceBooks
    shown: str


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """What a change does to a budget.

    Attributes:
        change: What changed of it.
        calls: Calls that it judges, as it is now.
        windows: How many sums they fall into: windows, sessions or missions, of each part.
        least: The least limit that refuses nothing, in the unit of the budget.
        lets_pass: A limit with which at least 99 of 100 calls pass; ``None`` where parts have
            limits of their own.
        before: What it did; ``None`` where it is new, or nothing is compared.
        after: What it does; ``None`` where it is removed.
        is_enforced: Whether the new policy governs spend at all.
    """

    change: BudgetChange
    calls: int
    windows: int
    least: int
    lets_pass: int | None
    before: Effects | None
    after: Effects | None
    is_enforced: bool

    @property
    def budget(self) -> Budget:
        """As it is now; as it was, where it is removed."""
        budget = self.change.after or self.change.before
        assert budget is not None, "it is of one of the two"
        return budget


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change of policy would have done to the calls of a span.

    Attributes:
        before: The old policy; ``None`` where nothing is compared.
        after: The new one.
        difference: What they differ in.
        span: When the calls were asked for.
        totals: What the calls came to.
        budgets: Of each budget, in the order of the new policy; those that were removed last.
        tally_before: What the old policy makes of the calls.
        tally_after: What the new one does.
        newly_refused: Calls that the new one alone refuses.
        newly_passed: Calls that the old one alone refuses.
        evaluated: Calls that were put to the rules one by one; no other can be refused.
    """

    before: Side | None
    after: Side
    difference: Difference
    span: Span
    totals: Totals
    budgets: tuple[BudgetPlan, ...]
    tally_before: Tally | None
    tally_after: Tally
    newly_refused: Count
    newly_passed: Count
    evaluated: int


def plan(
    ledger: Ledger,
    before: Side | None,
    after: Side,
    span: Span,
    on_progress: Progress = lambda what, done, of: None,
) -> Plan:
    """Put the calls of a span to two policies, or to one.

    Args:
        ledger: Opened with the outbox.
        before: The old policy; ``None`` compares with nothing.
        after: The new one.
        span: When the calls were asked for.
        on_progress: Called now and then.

    Raises:
        LedgerError: It cannot be read.
    """
    sides = [side for side in (before, after) if side is not None]
    changed = difference(before.policy if before else after.policy, after.policy)
    on_progress("read", 0, 1)
    warm = Span(warm_from([side.policy for side in sides], span.since), span.until)
    judged_us = microseconds(span.since)
    sums = Sums(ledger, warm, judged_us, [each for one in sides for each in one.policy.budgets])
    totals = sums.totals()
    on_progress("read", 1, 1)
    cells = _all_cells(sums, sides, on_progress)
    chosen = [_choose(sums, side.policy, cells) for side in sides]
    evaluated = sums.chosen()
    tallies = [Tally() for _ in sides]
    replays = [
        Replay(
            side.policy,
            side.books,
            tally.note,
            recorded=sides[0].policy,
            judges_from_us=judged_us,
        )
        for side, tally, calls in zip(sides, tallies, chosen, strict=True)
        if calls  # without any, it lets all of them pass
    ]
    if replays:
        _replay(sums, replays, on_progress)
    tally_after = tallies[-1]
    tally_before = tallies[0] if before is not None else None
    budgets = tuple(
        _budget_plan(change, cells, tally_before, tally_after, after.policy)
        for change in changed.budgets
    )
    old: Collection[str] = tally_before.refused if tally_before else ()
    return Plan(
        before,
        after,
        changed,
        span,
        totals,
        budgets,
        tally_before,
        tally_after,
        _count_missing(tally_after, old),
        _count_missing(tally_before, tally_after.refused) if tally_before else Count(),
        evaluated,
    )


_Cells = dict[tuple[str, str], BudgetCells]


def _key(budget: Budget) -> tuple[str, str]:
    """Return what sums depend on: what is counted where, and not how much may be."""
    return budget_key(budget), budget.measure.value


def _all_cells(sums: Sums, sides: Sequence[Side], on_progress: Progress) -> _Cells:
    budgets = {_key(budget): budget for side in sides for budget in side.policy.budgets}
    found: _Cells = {}
    for done, (key, budget) in enumerate(budgets.items()):
        on_progress("sum", done, len(budgets))
        found[key] = sums.of(budget)
    on_progress("sum", len(budgets), len(budgets))
    return found


def _choose(sums: Sums, policy: Policy, cells: _Cells) -> int:
    """Choose the calls of which it takes the rules to decide, and return how many these are."""
    before = sums.marked()
    if not policy.enabled:
        return 0
    if policy.unpriced_models == "deny":
        sums.choose_where("usd IS NULL")
    sums.choose_where("mission_id IS NOT NULL")
    blocking = [each for each in policy.budgets if each.enforce == "block"]
    bound = [each for each in blocking if binding(each, cells[_key(each)].cells)]
    rungs = {rung for budget in bound for rung in budget.on_exceeded}
    if Rung.DOWNGRADE in rungs and policy.downgrade:
        sums.choose_all()  # a call may come into budgets of another model
    elif bound:
        wait_seconds = policy.wait_seconds if Rung.WAIT in rungs else 0
        for budget in blocking:
            if budget.limit or budget.limits:
                sums.choose(budget, wait_seconds)
    return sums.marked() - before


def _replay(sums: Sums, replays: Sequence[Replay], on_progress: Progress) -> None:
    of = sums.chosen_events()
    for done, event in enumerate(sums.events()):
        if done % _EVENTS_AT_ONCE == 0:
            on_progress("replay", done, of)
        for replay in replays:
            replay.take(event)
    for replay in replays:
        replay.finish()
    on_progress("replay", of, of)


def _budget_plan(
    change: BudgetChange, cells: _Cells, before: Tally | None, after: Tally, policy: Policy
) -> BudgetPlan:
    budget = change.after or change.before
    assert budget is not None, "it is of one of the two"
    found = cells[_key(budget)]
    return BudgetPlan(
        change,
        calls=sum(cell.calls for cell in found.cells),
        windows=len(found.cells),
        least=least_limit(budget, found.cells),
        lets_pass=found.lets_pass if not budget.limits else None,
        before=before.budgets.get(change.name, Effects()) if before and change.before else None,
        after=after.budgets.get(change.name, Effects()) if change.after else None,
        is_enforced=policy.enabled,
    )


def _count_missing(tally: Tally, others: Collection[str]) -> Count:
    """Count the calls that one policy refuses and the other does not."""
    count = Count()
    for call_id, outcome in tally.refused.items():
        if call_id not in others:
            count.add(outcome)
    return count


def warm_from(policies: Sequence[Policy], since: datetime) -> datetime:
    """Return from when on calls count in the sums of a span."""
    starts = [since]
    for policy in policies:
        for budget in policy.budgets:
            if not (budget.limit or budget.limits):
                continue
            match budget.period:
                case Period.TOTAL:
                    starts.append(_EVER)
                case Period.SESSION | Period.MISSION:
                    starts.append(since - _WARM)
                case Period.WINDOW:
                    starts.append(since - timedelta(seconds=budget.window_seconds))
                case _:
                    window = window_at(budget.period, since, budget.timezone)
                    assert window is not None, f"{budget.period} has a calendar"
                    starts.append(window.start)
    return min(starts)


_EVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
