"""Where a call is counted: parts, measures, and windows that open with a call (CFG-10, STO-2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from corvus import Governor
from corvus.base.errors import SteeringRefused
from corvus.base.money import NanoUSD, nano_usd
from corvus.base.period import Period
from corvus.events import Event, ThresholdReached
from corvus.model.budget import Budget, Measure
from corvus.model.decision import BudgetState, Decision, Denial
from corvus.model.request import Request
from corvus.model.reservation import Reservation
from corvus.model.steering import ResetRequest
from corvus.model.usage import Usage
from corvus.store.sqlite import MemoryBackend
from corvus.store.store import Store
from tests.fakes import FrozenClock
from tests.governor.conftest import MakePolicy

USD = nano_usd(1)
DAY = Budget("day", Period.DAY, 10 * USD, (80,), "cost.daily_limit_usd")
EACH = replace(DAY, name="each", per=("user",), config_key="cost.budgets[0].limit_usd")
FIVE_HOURS = replace(EACH, name="five", period=Period.WINDOW, window_seconds=5 * 3600)


class Desk:
    """A governor over some budgets, and short words for calls."""

    def __init__(self, governor: Governor, clock: FrozenClock, events: list[Event]) -> None:
        self.governor, self.clock, self.events = governor, clock, events

    def ask(self, usd: int, tokens: int = 0, **about: Any) -> Decision:
        request = Request("m", nano_usd(usd), about.pop("session", "s"), **about)
        return self.governor.reserve(replace(request, estimate_tokens=tokens))

    def hold(self, usd: int, tokens: int = 0, **about: Any) -> Reservation:
        decision = self.ask(usd, tokens, **about)
        assert decision.reservation is not None, decision
        return decision.reservation

    def spend(self, usd: int, tokens: int = 0, **about: Any) -> None:
        held = self.hold(usd, tokens, **about)
        used = Usage(input_tokens=tokens)
        self.governor.commit(held, used, cost_nano_usd=nano_usd(usd))

    def is_exact(self) -> bool:
        """Return whether the balances are what a recount says."""
        return self.governor.recount(write=False) == []

    def reached(self) -> list[tuple[str, str | None, int]]:
        return [
            (event.threshold.budget, event.threshold.part, event.percent)
            for event in self.events
            if isinstance(event, ThresholdReached)
        ]


MakeDesk = Callable[..., Desk]


@pytest.fixture
def desk(compiled: MakePolicy) -> Iterator[MakeDesk]:
    backend, clock, stores = MemoryBackend(), FrozenClock(), list[Store]()
    policy = compiled("[cost]\nenabled = true\nsession_limit_usd = 0\ndaily_limit_usd = 0\n")

    def open_(*budgets: Budget) -> Desk:
        events: list[Event] = []
        store = Store(backend, clock)
        stores.append(store)
        in_force = replace(policy, budgets=budgets)
        return Desk(Governor(in_force, store, listeners=[events.append]), clock, events)

    yield open_
    for store in stores:
        store.close()


def test_each_user_has_the_whole_limit(desk: MakeDesk) -> None:
    one = desk(EACH)
    one.spend(9, user="ana")
    assert one.ask(2, user="ana").denial is Denial.BUDGET_EXCEEDED
    assert one.ask(9, user="bob").allowed
    assert one.ask(2).allowed
    assert one.ask(9).denial is Denial.BUDGET_EXCEEDED, "calls without a user share a sum"
    assert one.is_exact()


@pytest.mark.parametrize(
    "user", ["(none)", "(", "%28none)", "a,b", "", "é\N{COMBINING ACUTE ACCENT}"]
)
def test_no_name_reaches_the_sum_of_another(desk: MakeDesk, user: str) -> None:
    """Whatever somebody calls himself, he spends from a sum of his own."""
    one = desk(EACH, replace(EACH, name="both", per=("user", "agent")))
    one.spend(9)
    one.spend(9, user="a", agent="b")
    assert one.ask(9, user=user).allowed
    assert one.is_exact()


def test_a_refusal_names_the_sum_that_refused(desk: MakeDesk) -> None:
    one = desk(replace(EACH, limits=(("a*", 3 * USD),)))
    refused = one.ask(4, user="ana")
    assert refused.governing is not None
    assert (refused.governing.part, refused.governing.budget.limit) == ("ana", 3 * USD)
    assert refused.governing.budget.config_key == 'cost.budgets[0].limits."a*"'
    (row,) = [
        dict(event.row)
        for event in one.governor.store.run(lambda unit: unit.events(0, 99))
        if event.row.get("kind") == "denied"
    ]
    assert (row["governing_part"], row["governing_limit"]) == ("ana", 3 * USD)


def test_any_attribute_may_divide_and_match(desk: MakeDesk) -> None:
    web = replace(DAY, name="web", match=(("tag.team", ("we?", "ops")), ("branch", ("main",))))
    one = desk(web, replace(EACH, name="parts", per=("tag.team", "subagent")))
    one.spend(9, tags=(("team", "web"),), branch="main", subagent="x")
    refused = one.ask(2, tags=(("team", "ops"),), branch="main")
    assert [each.budget.name for each in refused.statuses] == ["web", "parts"]
    assert one.ask(2, tags=(("team", "ops"),), branch="dev").allowed
    assert one.ask(2, tags=(("team", "web"),), subagent="y").allowed
    assert one.ask(2, tags=(("team", "web"),), subagent="x").statuses[0].part == "web,x"
    assert one.is_exact()


def test_tokens_and_calls_are_counted_as_they_are_held_and_used(desk: MakeDesk) -> None:
    tokens = replace(DAY, name="tokens", limit=1000, measure=Measure.TOKENS)
    calls = replace(DAY, name="calls", limit=3, measure=Measure.CALLS)
    one = desk(tokens, calls)
    one.spend(50, 400)
    held = one.hold(50, 600)
    assert one.ask(0, 1).statuses[0].budget.name == "tokens"
    one.governor.commit(held, Usage(output_tokens=100), cost_nano_usd=USD)
    assert one.ask(0, 500).allowed
    fourth = one.ask(0, 0)
    assert (fourth.allowed, fourth.statuses[0].budget.name) == (False, "calls")
    assert one.is_exact()


def test_tokens_that_nobody_reports_count_as_held(desk: MakeDesk) -> None:
    """RES-6, RES-10: silence frees no budget: of the cost, nor of the tokens."""
    one = desk(replace(DAY, name="tokens", limit=1000, measure=Measure.TOKENS))
    one.governor.commit(one.hold(1, 300), cost_nano_usd=NanoUSD(1))
    one.hold(1, 300)
    one.clock.move(timedelta(hours=1))
    assert one.ask(0, 401).denial is Denial.BUDGET_EXCEEDED
    assert one.hold(0, 400).hold_tokens == 400
    assert one.is_exact()


def test_a_budget_changes_its_unit_without_a_recount(desk: MakeDesk) -> None:
    desk(DAY).spend(9, 700)
    one = desk(replace(DAY, limit=1000, measure=Measure.TOKENS))
    assert one.ask(0, 301).denial is Denial.BUDGET_EXCEEDED
    assert one.ask(0, 300).allowed


def test_a_window_opens_with_the_first_call_and_ends_that_long_after(desk: MakeDesk) -> None:
    one = desk(FIVE_HOURS)
    start = one.clock.now()
    late = one.hold(6, user="ana")
    one.clock.move(timedelta(hours=4, minutes=59))
    refused = one.ask(5, user="ana")
    assert refused.statuses[0].resets_at == start + timedelta(hours=5)
    assert one.ask(9, user="bob").allowed, "each part has a window of its own"
    one.clock.move(timedelta(minutes=1))
    second = one.ask(9, user="ana")
    assert second.statuses[0].resets_at == start + timedelta(hours=10)
    one.governor.commit(late, cost_nano_usd=NanoUSD(6 * USD))
    assert one.ask(1, user="ana").allowed, "a call is charged to the window of its admission"
    assert one.is_exact()


def test_a_refused_call_opens_no_window(desk: MakeDesk) -> None:
    one = desk(FIVE_HOURS)
    assert not one.ask(11, user="ana").allowed
    one.clock.move(timedelta(hours=1))
    admitted = one.ask(1, user="ana")
    assert admitted.statuses[0].resets_at == one.clock.now() + timedelta(hours=5)
    assert one.is_exact()


def test_a_released_call_has_opened_the_window(desk: MakeDesk) -> None:
    one = desk(FIVE_HOURS)
    start = one.clock.now()
    one.governor.release(one.hold(1, user="ana"))
    one.clock.move(timedelta(hours=1))
    assert one.ask(1, user="ana").statuses[0].resets_at == start + timedelta(hours=5)
    assert one.is_exact()


def test_a_reset_of_a_part_is_of_that_part_alone(desk: MakeDesk) -> None:
    one = desk(EACH, FIVE_HOURS)
    for user in ("ana", "bob"):
        one.spend(9, user=user)
    for scope in ("each", "five"):
        result = one.governor.reset(ResetRequest(scope, "boss", part="ana"))
        assert result.removed_cost_nano_usd == 9 * USD
    assert one.ask(9, user="ana").allowed
    assert not one.ask(9, user="bob").allowed
    assert one.is_exact()


@pytest.mark.parametrize("part", ["ana", "ana,m,x"])
def test_a_reset_of_what_can_be_no_part_is_refused(desk: MakeDesk, part: str) -> None:
    one = desk(replace(EACH, per=("user", "model")))
    one.spend(9, user="ana")
    with pytest.raises(SteeringRefused, match="name the values of user, model"):
        one.governor.reset(ResetRequest("each", "boss", part=part))
    assert one.governor.reset(ResetRequest("each", "boss", part="ana,m")).removed_requests == 1


def test_a_reset_without_an_open_window_changes_nothing(desk: MakeDesk) -> None:
    one = desk(FIVE_HOURS)
    result = one.governor.reset(ResetRequest("five", "boss", part="ana"))
    assert (result.removed_cost_nano_usd, result.removed_requests) == (0, 0)
    one.clock.move(timedelta(hours=1))
    admitted = one.ask(1, user="ana")
    assert admitted.statuses[0].resets_at == one.clock.now() + timedelta(hours=5)
    assert one.is_exact()


def test_each_threshold_is_reported_once_for_each_sum(desk: MakeDesk) -> None:
    one = desk(replace(EACH, thresholds=(50, 80, 100)))
    held = one.hold(9, user="ana")
    assert one.reached() == [], "what is only held is no reason to call somebody"
    one.governor.commit(held, cost_nano_usd=NanoUSD(8 * USD))
    one.spend(1, user="ana")
    one.spend(5, user="bob")
    one.governor.reset(ResetRequest("each", "boss", part="ana"))
    one.spend(6, user="ana")
    one.spend(4, user="ana")
    assert one.reached() == [
        ("each", "ana", 50),
        ("each", "ana", 80),
        ("each", "bob", 50),
        ("each", "ana", 50),
        ("each", "ana", 80),
        ("each", "ana", 100),
    ]
    kept = [
        event.row["percent"]
        for event in one.governor.store.run(lambda unit: unit.events(0, 999))
        if event.row.get("kind") == "threshold_reached"
    ]
    assert kept == [50, 80, 50, 50, 80, 100]


def test_a_budget_that_only_warns_lets_pass_and_reports_its_limit(desk: MakeDesk) -> None:
    one = desk(replace(DAY, enforce="warn", thresholds=(80,)))
    one.spend(25)
    assert one.ask(5).state is BudgetState.WARNING
    assert one.reached() == [("day", None, 80), ("day", None, 100)]


@pytest.mark.parametrize(("period", "ends"), [("quarter", "2027-01-01"), ("year", "2027-01-01")])
def test_long_periods_end_with_the_calendar(desk: MakeDesk, period: str, ends: str) -> None:
    one = desk(replace(DAY, period=Period(period)))
    one.clock.set(datetime(2026, 11, 28, 12, tzinfo=UTC))
    one.spend(9)
    status = one.ask(2).statuses[0]
    assert status.resets_at is not None
    assert f"{status.resets_at:%Y-%m-%d}" == ends
    assert one.is_exact()
