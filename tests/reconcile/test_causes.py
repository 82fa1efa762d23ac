"""A gap is divided by cause, and a month without one has none (REC-1)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.ledger.ledger import empty_ledger
from corvus.model.usage import TokenKind, Usage
from corvus.reconcile.gap import Cause
from corvus.reconcile.reconcile import Choice, reconcile
from corvus.reconcile.result import Reconciliation
from tests.reconcile.conftest import NOW, Compare
from tests.reconcile.months import (
    BOOKS,
    CLAUDE,
    FIRST,
    Call,
    Write,
    anthropic_analytics,
    anthropic_cost,
    anthropic_usage,
    charged,
    exact,
    focus,
    month,
    openai_costs,
    openrouter_activity,
    recorded,
    rounded,
)

OPUS, SONNET, HAIKU = CLAUDE
OPENAI = ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18")
ROUTED = ("anthropic/claude-sonnet-4", "openai/gpt-4o-mini")


def causes(found: Reconciliation) -> dict[str, int]:
    return {str(cause): amount for cause, amount in found.causes.items()}


def test_a_month_with_planted_gaps_has_each_of_them_and_no_other(compare: Compare) -> None:
    """What is planted, each on days and models of its own, and a bill that states amounts alone."""
    truth = month(1)
    lost = [c for c in truth if c.model == OPUS and c.day == FIRST + timedelta(days=3)][:1]
    batch = [c for c in truth if c.model == HAIKU and c.day == FIRST + timedelta(days=9)]
    wrong = [c for c in truth if c.model == SONNET]
    ours = [
        charged(call, TokenKind.OUTPUT, Fraction(5, 4)) if call in wrong else call
        for call in truth
        if call not in lost
    ]
    billed = [replace(call, tier="batch") if call in batch else call for call in truth]
    search: dict[str, object] = {
        "currency": "USD",
        "amount": "5.0",
        "cost_type": "web_search",
        "description": "Web Search Usage",
    }
    bill = anthropic_cost(billed, more={FIRST: [search]})
    found = compare(ours, bill)
    excess = sum(c.charged or 0 for c in ours if c.model == SONNET) - sum(c.nano_usd for c in wrong)
    assert causes(found) == {
        "not_seen": sum(call.nano_usd for call in lost),
        "priced_otherwise": -excess,
        "tier": sum(c.nano_usd for c in billed if c.tier) - sum(c.nano_usd for c in batch),
        "fees": 50_000_000,
    }
    by_cause = {
        cause: {(row.day, row.model) for row in found.rows if row.causes.get(Cause(cause))}
        for cause in causes(found)
    }
    assert by_cause["not_seen"] == {(call.day, OPUS) for call in lost}
    assert by_cause["tier"] == {(call.day, HAIKU) for call in batch}
    assert {model for _, model in by_cause["priced_otherwise"]} == {SONNET}
    assert found.gap_nano_usd == sum(causes(found).values())


def test_counts_of_a_usage_report_decide_between_calls_and_rates(compare: Compare) -> None:
    """On one day a rate twice as high, and calls half of which are lost, state the same amounts."""
    call = Call(FIRST, OPUS, Usage(input_tokens=1_000, output_tokens=500))
    other = Call(FIRST, HAIKU, Usage(input_tokens=1_000, output_tokens=500))
    dear = replace(call, charged=call.nano_usd // 2)
    bill = anthropic_cost([call, other, other])
    found = compare([dear, other], bill, anthropic_usage([call, other, other]))
    assert causes(found) == {
        "not_seen": other.nano_usd,
        "priced_otherwise": call.nano_usd - call.nano_usd // 2,
    }
    assert found.unseen == {"input": 1_000, "output": 500}


def test_a_discount_is_no_usage(compare: Compare) -> None:
    truth = month(2, days=5)
    found = compare(truth, anthropic_analytics(truth, discount=Fraction(1, 10)))
    assert causes(found) == {"discount": found.billed_nano_usd - found.list_nano_usd}
    assert found.list_nano_usd == found.ours_nano_usd


def test_a_discount_does_not_hide_calls_that_were_not_seen(compare: Compare) -> None:
    truth = month(3, days=4)
    found = compare(truth[1:], anthropic_analytics(truth, discount=Fraction(1, 10)))
    assert found.causes[Cause.NOT_SEEN] == truth[0].nano_usd
    assert set(found.causes) == {Cause.NOT_SEEN, Cause.DISCOUNT}


def test_calls_that_were_not_billed_are_a_gap_of_their_own(compare: Compare) -> None:
    truth = month(4, days=3)
    extra = Call(FIRST, "claude-opus-4-5", Usage(1_000, 100))
    found = compare([*truth, extra], anthropic_cost(truth))
    assert causes(found) == {"not_billed": -extra.nano_usd}


def test_a_call_of_unknown_cost_is_no_call_that_was_not_seen(compare: Compare) -> None:
    truth = month(5, days=3)
    ours = [replace(truth[0], source="unknown"), *truth[1:]]
    found = compare(ours, anthropic_cost(truth))
    assert causes(found) == {"unknown": truth[0].nano_usd}
    assert found.high_nano_usd is None


def test_a_bill_between_low_and_high_is_explained_by_the_estimate(compare: Compare) -> None:
    truth = [Call(FIRST, OPUS, Usage(1_000, 100)), Call(FIRST, OPUS, Usage(2_000, 300))]
    guess = replace(truth[1], usage=Usage(), charged=2 * truth[1].nano_usd, source="estimated")
    found = compare([truth[0], guess], anthropic_cost(truth))
    assert causes(found) == {"estimated": -truth[1].nano_usd}
    assert found.low_nano_usd == truth[0].nano_usd
    assert found.low_nano_usd <= found.billed_nano_usd <= (found.high_nano_usd or 0)


def test_searches_in_the_cost_of_a_call_are_held_against_those_of_the_bill(
    compare: Compare,
) -> None:
    call = Call(FIRST, SONNET, Usage(1_000, 100, web_search_requests=3))
    found = compare([call], anthropic_cost([call]))
    assert found.causes == {}
    assert {row.what: row.ours_nano_usd for row in found.rows}["web_search"] == 30_000_000


def test_the_priority_tier_is_never_in_a_cost_report(compare: Compare) -> None:
    truth = month(6, days=2)
    ours = [*truth, replace(truth[0], tier="priority", charged=7)]
    found = compare(ours, anthropic_cost(truth))
    assert found.causes == {}
    assert any("left out 1 call" in note for note in found.notes)


def test_a_call_of_midnight_makes_no_deviation(compare: Compare) -> None:
    truth = month(7, days=3, models=[OPUS])
    late = replace(truth[-1], day=truth[-1].day - timedelta(days=1))
    found = compare([*truth[:-1], late], anthropic_cost(truth))
    assert found.gap_nano_usd == 0
    assert found.is_within


def test_gaps_of_days_apart_do_not_make_up_for_each_other(compare: Compare) -> None:
    days = [FIRST + timedelta(days=day) for day in range(4)]
    truth = [Call(day, OPUS, Usage(1_000_000, 1_000)) for day in days]
    found = compare([truth[0], *truth[:3]], anthropic_cost(truth))
    assert found.gap_nano_usd == 0
    assert not found.is_within


def test_calls_that_were_not_seen_in_another_tier_are_worth_its_rates(compare: Compare) -> None:
    seen = Call(FIRST, SONNET, Usage(100_000, 10_000))
    unseen = Call(FIRST, SONNET, Usage(40_000, 4_000), tier="batch")
    found = compare([seen], anthropic_cost([seen, unseen]))
    assert causes(found) == {"not_seen": unseen.nano_usd}
    assert found.unseen == {"input": 40_000, "output": 4_000}


def test_gaps_of_two_models_do_not_make_up_for_each_other(compare: Compare) -> None:
    one, two = (Call(FIRST, model, Usage(1_000_000, 1_000)) for model in (OPUS, "claude-opus-4-5"))
    found = compare([one], anthropic_cost([two]))
    assert found.gap_nano_usd == 0
    assert not found.is_within


def test_tiers_that_no_bill_states_are_found_by_their_rates(compare: Compare) -> None:
    truth = month(8, days=2, models=OPENAI, provider="openai")
    day = truth[0].day
    billed = [replace(c, tier="batch") if c.day == day else c for c in truth]
    plain = openai_costs(billed)
    found = compare(truth, plain)
    assert set(found.causes) == {Cause.TIER}


def wrong_book(truth: list[Call], factor: Fraction) -> str:
    """Return the costs of a provider whose rates are others than those of the books."""
    return openai_costs(truth, lambda amount: exact(amount * factor))


def test_a_rate_that_the_books_have_wrong_is_found_by_its_constancy(compare: Compare) -> None:
    truth = month(9, days=6, models=OPENAI[:1], provider="openai")
    found = compare(truth, wrong_book(truth, Fraction(3, 2)))
    assert set(found.causes) == {Cause.PRICED_OTHERWISE}
    assert any("1.5 times" in note for row in found.rows for note in row.notes)


def test_calls_that_were_not_seen_are_told_from_a_rate_that_is_wrong_every_day(
    compare: Compare,
) -> None:
    truth = month(9, days=6, models=OPENAI[:1], provider="openai")
    lost = next(c for c in truth if [o.day for o in truth].count(c.day) > 1)
    found = compare([c for c in truth if c is not lost], wrong_book(truth, Fraction(3, 2)))
    assert set(found.causes) == {Cause.PRICED_OTHERWISE, Cause.NOT_SEEN}
    assert found.causes[Cause.NOT_SEEN] == lost.nano_usd * 3 // 2


def test_what_was_read_more_may_have_been_cached(compare: Compare) -> None:
    truth = month(4, days=3, models=ROUTED[:1], provider="openrouter")
    found = compare(truth[1:], openrouter_activity(truth))
    assert causes(found) == {"not_seen": truth[0].nano_usd}
    assert found.unseen["requests"] == 1


def test_tokens_of_another_kind_are_no_tokens_that_were_not_seen(compare: Compare) -> None:
    """A ledger that lost what was read from the cache has as many tokens, at another rate."""
    truth = [Call(FIRST, OPENAI[0], Usage(90_001, 777, 10_003), "openai")]
    ours = [replace(truth[0], usage=Usage(100_004, 777))]
    found = compare(ours, openai_costs(truth))
    assert causes(found) == {"priced_otherwise": truth[0].nano_usd - ours[0].nano_usd}
    (row,) = found.rows
    assert "tokens of another kind on the bill: input -10,003, cache_read +10,003" in row.notes


def test_long_contexts_have_their_own_rates(compare: Compare) -> None:
    call = Call(FIRST, SONNET, Usage(250_000, 1_001))
    bill = anthropic_cost([call, call]).replace("0-200k", "200k-1M")
    found = compare([call], bill)
    assert causes(found) == {"not_seen": call.nano_usd}
    assert found.unseen == {"input": 250_000, "output": 1_001}


def test_a_credit_is_a_cause_of_its_own(compare: Compare) -> None:
    truth = month(3, days=1)
    credit: dict[str, object] = {
        "currency": "USD",
        "amount": "-100",
        "cost_type": "credit",
        "description": "Goodwill",
    }
    found = compare(truth, anthropic_cost(truth, more={FIRST: [credit]}))
    assert causes(found) == {"credits": -1_000_000_000}


def test_some_calls_of_a_day_in_another_tier_are_found_without_its_name(compare: Compare) -> None:
    usages = (Usage(1_001, 333), Usage(5_003, 77), Usage(20_001, 999))
    truth = [Call(FIRST, OPENAI[0], usage, "openai") for usage in usages]
    billed = [replace(truth[0], tier="batch"), *truth[1:]]
    lines = month(1, days=1, models=OPENAI[1:], provider="openai")
    plain = openai_costs([*billed, *lines])
    found = compare([*truth, *lines], plain)
    assert causes(found) == {"tier": billed[0].nano_usd - truth[0].nano_usd}
    assert any("batch: input 1,001, output 333" in n for row in found.rows for n in row.notes)


@pytest.mark.parametrize("seed", range(3))
def test_without_a_planted_gap_there_is_none_in_any_form(compare: Compare, seed: int) -> None:
    claude = month(seed, days=4)
    openai = month(seed, days=4, models=OPENAI, provider="openai")
    routed = month(seed, days=4, models=ROUTED, provider="openrouter")
    for calls, bill in (
        (claude, anthropic_cost(claude)),
        (claude, anthropic_analytics(claude)),
        (openai, openai_costs(openai)),
        (routed, openrouter_activity(routed)),
        (claude, focus(claude)),
    ):
        found = compare(calls, bill)
        assert (found.gap_nano_usd, found.causes) == (0, {})
    found = compare(claude, anthropic_usage(claude))
    assert found.is_within
    assert found.unseen == {}


Make = Callable[[list[Call], Write], str]
FORMS: tuple[tuple[str, tuple[str, ...], Make, int], ...] = (
    ("anthropic", CLAUDE, anthropic_cost, 100),
    ("anthropic", CLAUDE, anthropic_analytics, 100),
    ("openai", OPENAI, openai_costs, 1),
    ("openrouter", ROUTED, openrouter_activity, 1),
    ("anthropic", CLAUDE, focus, 1),
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 10_000),
    form=st.sampled_from(FORMS),
    places=st.integers(2, 12),
)
def test_rounding_is_no_gap_of_another_kind(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    form: tuple[str, tuple[str, ...], Make, int],
    places: int,
) -> None:
    provider, models, make, scale = form
    calls = month(seed, days=2, models=models, provider=provider)
    file = tmp_path_factory.mktemp("bill") / "bill"
    file.write_text(make(calls, rounded(places, scale)))
    with empty_ledger(Path("l.duckdb")) as ledger:
        recorded(ledger, calls)
        found = reconcile(
            [str(file)], BOOKS, Choice(NOW), read=lambda: nullcontext(ledger), write=None
        )
    assert set(found.causes) <= {Cause.ROUNDING}
    assert found.is_within
