"""The least change stops a call, and any smaller one does not (PLN-2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.money import NanoUSD
from corvus.base.time import microseconds
from corvus.model.budget import Amounts, Budget
from corvus.model.decision import Denial
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.planning.bisect import Bisection, Remedy
from corvus.planning.candidates import Kind
from corvus.planning.ledger_events import Span, recorded_events
from corvus.planning.recorded import (
    CallTurn,
    RecordedCall,
    RecordedDecision,
    RecordedEvent,
    Turn,
)
from corvus.planning.replay import Outcome, Replay
from corvus.prices.lookup import PriceBooks
from corvus.testing import fake_policy
from tests.planning.governed_runs import START as RUN_START
from tests.planning.governed_runs import run

START = datetime(2026, 11, 25, 9, tzinfo=UTC)
LIMIT = "0.00000006"
"""60 nano-USD, so that each limit below can be tried."""
POLICIES = {
    name: fake_policy(
        "[cost]\nenabled = true\ndaily_limit_usd = 0\nmonthly_limit_usd = 0\n"
        f'[[cost.budgets]]\nname = "b"\n{form}\nlimit_usd = {LIMIT}\n'
    )
    for name, form in {
        "day": 'period = "day"',
        "day of each": 'period = "day"\nper = ["user"]',
        "exception": f'period = "day"\nper = ["user"]\nlimits = {{ a = {LIMIT} }}',
        "window": 'window = "1h"',
        "window of each": 'window = "1h"\nper = ["user"]',
        "session": 'period = "session"',
        "total of a": 'period = "total"\nmatch = { user = "a" }',
        "warned": 'period = "day"\nenforce = "warn"',
    }.items()
}
BOOKS = PriceBooks(())


def call(number: int, at: datetime, held: int, cost: int, user: str) -> RecordedCall:
    request = Request("m", NanoUSD(held), f"s-{user}", user=user)
    hold = Amounts(held, 0, 1)
    decision = RecordedDecision(None, "b", "", (), "m", hold, None, None, None, "h")
    at_us = microseconds(at)
    return RecordedCall(f"c{number}", at_us, at_us, request, decision, True, 1, cost, 0)


def turn(number: int, at: datetime, cost: int) -> CallTurn:
    return CallTurn(f"c{number}", Turn.COMMITTED, microseconds(at), cost, True, 0, 0, True)


CALLS = st.lists(
    st.tuples(
        st.integers(0, 50),  # minutes after the one before
        st.integers(1, 12),  # held
        st.integers(0, 12),  # cost
        st.integers(0, 120),  # minutes until it is settled
        st.sampled_from("ab"),
    ),
    min_size=1,
    max_size=9,
)


def events_of(calls: Sequence[tuple[int, int, int, int, str]]) -> list[RecordedEvent]:
    at, events = START, list[tuple[datetime, int, RecordedEvent]]()
    for number, (after, held, cost, lasts, user) in enumerate(calls):
        at += timedelta(minutes=after, microseconds=1)
        events.append((at, number, call(number, at, held, cost, user)))
        ends = at + timedelta(minutes=lasts, microseconds=1)
        events.append((ends, number, turn(number, ends, min(cost, held))))
    return [event for _, _, event in sorted(events, key=lambda each: each[:2])]


def refuses(policy: Policy, budget: Budget, events: Sequence[RecordedEvent], wanted: str) -> bool:
    from dataclasses import replace

    outcomes: list[Outcome] = []
    changed = replace(policy, budgets=(replace(budget, enforce="block", on_exceeded=()),))
    replay = Replay(changed, BOOKS, outcomes.append)
    for event in events:
        replay.take(event)
    return any(
        outcome.call.id == wanted and outcome.denial is Denial.BUDGET_EXCEEDED
        for outcome in outcomes
    )


def with_limit(remedy: Remedy, limit: int) -> Budget:
    """The budget of a remedy with another limit in the place of its own."""
    from dataclasses import replace

    budget = remedy.after
    if remedy.before is not None and budget.limits != remedy.before.limits:
        (glob, _), *others = budget.limits
        return replace(budget, limits=((glob, limit), *others))
    return replace(budget, limit=limit)


@pytest.mark.parametrize("name", POLICIES)
@settings(max_examples=25, deadline=None)
@given(calls=CALLS)
def test_any_smaller_change_lets_the_call_pass(
    name: str, calls: list[tuple[int, int, int, int, str]]
) -> None:
    policy, events = POLICIES[name], events_of(calls)
    bisection = Bisection(events, policy, BOOKS)
    last = max(event.requested_us for event in events if isinstance(event, RecordedCall))
    incident = bisection.incident(last)
    assert incident is not None
    for remedy in bisection.remedies(incident):
        assert remedy.limit == remedy.least  # it is less than a cent
        assert refuses(policy, remedy.after, events, incident.id), remedy
        top = 61 if remedy.present is None else remedy.present
        for limit in range(remedy.least + 1, top):
            assert not refuses(policy, with_limit(remedy, limit), events, incident.id), limit


@settings(max_examples=25, deadline=None)
@given(calls=CALLS)
def test_what_else_is_refused_is_counted(calls: list[tuple[int, int, int, int, str]]) -> None:
    policy, events = POLICIES["day"], events_of(calls)
    bisection = Bisection(events, policy, BOOKS)
    incident = bisection.incident(microseconds(START + timedelta(days=1)))
    assert incident is not None
    for remedy in bisection.remedies(incident):
        outcomes: list[Outcome] = []
        from dataclasses import replace

        changed = replace(policy, budgets=(remedy.after,))
        replay = Replay(changed, BOOKS, outcomes.append)
        for event in events:
            replay.take(event)
        refused = {one.call.id: one.call for one in outcomes if one.denial is not None}
        assert incident.id in refused
        others = [one for key, one in refused.items() if key != incident.id]
        assert remedy.effect.calls == len(others)
        assert remedy.effect.cost_nano_usd == sum(one.cost_nano_usd or 0 for one in others)
        assert remedy.effect.users == tuple(sorted({str(one.request.user) for one in others}))


def test_the_incident_is_the_last_call_by_then_or_that_which_passed_an_amount() -> None:
    calls = [(10, 5, 4, 0, "a"), (10, 5, 4, 0, "b"), (10, 5, 4, 0, "a")]
    bisection = Bisection(events_of(calls), POLICIES["day"], BOOKS)
    at = microseconds(START + timedelta(minutes=25))
    assert bisection.incident(microseconds(START)) is None
    last = bisection.incident(at)
    assert last is not None
    assert last.id == "c1"
    passed = bisection.incident(microseconds(START + timedelta(days=0, hours=2)), 5)
    assert passed is not None
    assert passed.id == "c1"
    assert bisection.incident(at, 1) == bisection.incident(
        microseconds(START + timedelta(minutes=15))
    )


def test_a_change_of_one_part_is_offered_and_refuses_fewest() -> None:
    calls = [(1, 9, 9, 0, "a"), (1, 9, 9, 0, "b"), (1, 9, 9, 0, "b"), (1, 9, 9, 0, "a")]
    bisection = Bisection(events_of(calls), POLICIES["day of each"], BOOKS)
    incident = bisection.incident(microseconds(START + timedelta(hours=1)))
    assert incident is not None
    first = bisection.remedies(incident)[0]
    assert (first.kind, first.part, first.least, first.effect.calls) == (Kind.PART, "a", 17, 0)


def test_a_whole_ledger_gives_changes_that_stop_the_call(tmp_path: Path) -> None:
    """With resets, overrides, missions, rungs, tokens and windows."""
    runtime = run(tmp_path, 11, 400)
    span = Span(RUN_START - timedelta(days=1), runtime.clock.now())
    with runtime.ledger() as ledger:
        events = [*recorded_events(ledger, span)]
    bisection = Bisection(events, runtime.policy, runtime.books)
    admitted = [
        event
        for event in events
        if isinstance(event, RecordedCall) and event.decision and event.decision.denial is None
    ]
    seen: set[tuple[Kind, str]] = set()
    for wanted in admitted[20::60]:
        incident = bisection.incident(wanted.requested_us)
        assert incident is not None
        remedies = bisection.remedies(incident)
        assert remedies
        for remedy in remedies:
            assert remedy.limit <= remedy.least
            assert remedy.present is None or not remedy.present or remedy.least < remedy.present
            seen.add((remedy.kind, remedy.after.measure.value))
    assert {(Kind.LIMIT, "usd"), (Kind.LIMIT, "calls"), (Kind.NEW, "usd")} <= seen
