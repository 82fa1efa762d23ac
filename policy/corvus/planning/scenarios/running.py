"""Runs the cases of a test file by the governor's own rules, each in a store of its own (PLN-2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import NamedTuple, TypeVar

from corvus.base.errors import PolicyError
from corvus.config.model.case_tables import (
    DECISIONS,
    VERBS,
    CallTable,
    CasesTable,
    CaseTable,
    ExpectTable,
    StepTable,
)
from corvus.config.model.case_values import length_of
from corvus.config.toml.values import Route
from corvus.model.budget import Budget
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.planning.scenarios.judging import (
    Mismatch,
    judge_action,
    judge_alerts,
    judge_call,
    judge_sums,
)
from corvus.planning.scenarios.queue import MadeCall
from corvus.planning.scenarios.sums import Sums, budgets_by_name, stated_sums
from corvus.planning.scenarios.world import StepRefused, World
from corvus.prices.lookup import PriceBooks

T = TypeVar("T")

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
"""The instant of cases that state none."""
_AT_ONCE = DECISIONS[2:]
"""Decisions that are about the moment in which a call is made."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a case came to.

    Attributes:
        name: Of the case.
        route: Where it stands in its file.
        mismatches: What did not come true; none where it passed.
        calls: The calls that it made, decided.
        seconds: How long it took.
    """

    name: str
    route: Route
    mismatches: tuple[Mismatch, ...]
    calls: tuple[MadeCall, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all came true."""
        return not self.mismatches


def run_cases(
    table: CasesTable, policy: Policy, books: PriceBooks, wanted: str | None = None
) -> Iterator[CaseResult]:
    """Run the cases of a file, one after the other.

    Args:
        table: The file; all of its budgets are of the policy (``fitting``).
        policy: What is under test.
        books: Its prices.
        wanted: Run those only whose name has this in it, in whatever case.
    """
    for index, case in enumerate(table.case):
        if wanted is None or wanted.casefold() in case.name.casefold():
            yield run_case(table, case, ("case", index), policy, books)


def run_case(
    table: CasesTable, case: CaseTable, route: Route, policy: Policy, books: PriceBooks
) -> CaseResult:
    """Run one case."""
    began = perf_counter()
    start = (case.at or table.at or START).astimezone(UTC)
    with World(policy, books, start) as world:
        run = _Run(world, table, budgets_by_name(policy))
        run.case(case, route)
    return CaseResult(
        case.name, route, tuple(run.mismatches), tuple(run.calls), perf_counter() - began
    )


class _Pending(NamedTuple):
    """An expectation about a call that waits."""

    made: MadeCall
    expect: ExpectTable
    route: Route


@dataclass(slots=True)
class _Run:
    """One case under way."""

    world: World
    table: CasesTable
    budgets: Mapping[str, Budget]
    mismatches: list[Mismatch] = field(default_factory=list[Mismatch])
    calls: list[MadeCall] = field(default_factory=list[MadeCall])
    _named: dict[str, MadeCall] = field(default_factory=dict[str, MadeCall])
    _pending: list[_Pending] = field(default_factory=list[_Pending])
    _sums: Sums | None = None

    def case(self, case: CaseTable, route: Route) -> None:
        """Run a case to its end."""
        steps = case.step or [StepTable(call=case.call, expect=case.expect)]
        places = [(*route, "step", index) for index, _ in enumerate(case.step)] or [route]
        self._attempt((*places[0], "call"), lambda: self._given(case, steps))
        for step, place in zip(steps, places, strict=True):
            if self.mismatches:
                break  # what follows stands on what did not come true
            self._step(step, place)
        self.world.finish()
        for pending in self._pending:
            self.mismatches += judge_call(pending.expect, pending.route, pending.made)

    def _given(self, case: CaseTable, steps: list[StepTable]) -> None:
        """Have the sums stand as the case says."""
        first = next((step.call for step in steps if step.call is not None), None)
        request = self.world.describe(_merged(self.table.call, first or CallTable(model="none")))
        self._sums = Sums(self.world.governor.engine, request)
        if case.given is None:
            return
        self._sums.write(
            [*stated_sums(case.given.spent, self.budgets)],
            [*stated_sums(case.given.held, self.budgets)],
        )
        if case.given.override:
            self.world.override()

    def _step(self, step: StepTable, route: Route) -> None:
        self.world.take_events()
        verb = next(verb for verb in VERBS if getattr(step, verb) is not None)
        if not self._attempt((*route, verb), lambda: self._do(step, (*route, "expect"))):
            return
        if (expect := step.expect) is not None:
            place = (*route, "expect")
            assert self._sums is not None, "it was made first"
            self.mismatches += judge_alerts(expect, place, self.world.take_events())
            self.mismatches += judge_sums(expect, place, self._sums, self.budgets)

    def _attempt(self, route: Route, do: Callable[[], object]) -> bool:
        """Do something, unless the governor refuses it: that is a mismatch, too."""
        try:
            do()
        except (PolicyError, StepRefused, ValueError) as refusal:
            words = f"the step cannot be taken: {refusal}"
            self.mismatches.append(Mismatch(route, words, "refused"))
            return False
        return True

    def _do(self, step: StepTable, expect_route: Route) -> None:
        """Have happen what a step says."""
        world = self.world
        if step.call is not None:
            self._call(step, step.call, expect_route)
        elif step.settle is not None:
            world.settle(self._made(step.settle.call), step.settle)
        elif step.release is not None:
            world.release(self._made(step.release))
        elif step.advance is not None:
            length = length_of(step.advance)
            assert length is not None, "the model has seen to it"
            world.advance(length)
        elif step.at is not None:
            world.move(step.at.astimezone(UTC))
        elif step.act is not None:
            answer = world.act(step.act)
            if step.expect is not None:
                self.mismatches += judge_action(step.expect, expect_route, answer)
        else:
            self._steer(step)

    def _steer(self, step: StepTable) -> None:
        """Do what an operator does."""
        world, last = self.world, self._last
        project = last.project if last is not None else None
        if step.reset is not None:
            world.reset(step.reset, last)
        elif step.override is not None:
            world.override(step.override.session)
        elif step.approve is not None:
            world.approve(self._made(step.approve.call), step.approve)
        elif step.deny is not None:
            world.deny(self._made(step.deny))
        elif step.start_mission is not None:
            world.start_mission(step.start_mission, project)
        elif step.end_mission is not None:
            world.end_mission(step.end_mission, project)
        elif step.close_session is not None:
            world.close_session(step.close_session, project)

    @property
    def _last(self) -> Request | None:
        """The last call that was made, or what all calls of the file say."""
        if self.calls:
            return self.calls[-1].request
        if self.table.call is None:
            return None
        return self.world.describe(_merged(self.table.call, CallTable(model="none")))

    def _call(self, step: StepTable, call: CallTable, expect_route: Route) -> None:
        made = self.world.make(self.world.describe(_merged(self.table.call, call)))
        self.calls.append(made)
        if step.name is not None:
            self._named[step.name] = made
        if (expect := step.expect) is None:
            return
        if made.decision is None and expect.decision not in _AT_ONCE:
            self._pending.append(_Pending(made, expect, expect_route))
        else:
            self.mismatches += judge_call(expect, expect_route, made)

    def _made(self, name: str | None) -> MadeCall:
        return self.calls[-1] if name is None else self._named[name]


def _merged(defaults: CallTable | None, call: CallTable) -> CallTable:
    """Return a call with what all calls of the file say that it does not say otherwise."""
    if defaults is None:
        return call
    stated = {key: getattr(call, key) for key in call.model_fields_set}
    return defaults.model_copy(update=stated)
