from __future__ import annotations

from datetime import date
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.money import nano_usd, usd
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price, Rates, Tier
from corvus.model.usage import TokenKind, Usage
from corvus.prices.cost import cost, estimate
from corvus.prices.lookup import PriceBooks

FIELDS = {
    TokenKind.INPUT: "input_tokens",
    TokenKind.OUTPUT: "output_tokens",
    TokenKind.CACHE_READ: "cache_read_tokens",
    TokenKind.CACHE_WRITE_5M: "cache_write_5m_tokens",
    TokenKind.CACHE_WRITE_1H: "cache_write_1h_tokens",
    TokenKind.REASONING: "reasoning_tokens",
    TokenKind.WEB_SEARCH: "web_search_requests",
}
COUNTS = st.integers(0, 10**7)
USAGES = st.builds(Usage, *[COUNTS] * len(FIELDS))
RATES = st.fixed_dictionaries({kind: st.integers(0, 10**14) for kind in TokenKind})


def priced(rates: Rates, tiers: tuple[Tier, ...] = ()) -> Price:
    return Price("acme", "house", "user", "user:acme/house", rates, tiers)


@cache  # the bundled book is large, and does not change
def sonnet() -> Price:
    price = PriceBooks().find("claude-sonnet-4-5-20250929", on=date(2026, 4, 1))
    assert price is not None
    return price


def exact(usage: Usage, rates: Rates) -> Fraction:
    counts = {kind: getattr(usage, name) for kind, name in FIELDS.items()}
    return sum((Fraction(counts[kind] * rates[kind], 10**6) for kind in counts), Fraction())


def test_a_thousand_in_and_five_hundred_out_at_3_and_15_cost_0_0105_usd() -> None:
    price = priced({TokenKind.INPUT: 3 * 10**9, TokenKind.OUTPUT: 15 * 10**9})
    assert cost(Usage(input_tokens=1_000, output_tokens=500), price) == nano_usd(0) + 10_500_000


@pytest.mark.parametrize(
    ("usage", "expected_usd"),
    [
        (Usage(cache_write_1h_tokens=100_000), "0.600000000"),
        (Usage(cache_write_5m_tokens=100_000), "0.375000000"),
        (Usage(input_tokens=300_000, output_tokens=10_000), "2.025000000"),
        (Usage(web_search_requests=100), "1.000000000"),
        (Usage(input_tokens=100_000, web_search_requests=100), "1.300000000"),
        (Usage(cache_read_tokens=1_000_000, output_tokens=1), "0.600022500"),
        (Usage(output_tokens=1_000, reasoning_tokens=1_000), "0.030000000"),
        (Usage(), "0.000000000"),
    ],
)
def test_sonnet_4_5_costs_what_a_hand_computation_says(usage: Usage, expected_usd: str) -> None:
    assert f"{usd(cost(usage, sonnet())):f}" == expected_usd


def test_the_long_context_price_starts_one_token_above_its_threshold() -> None:
    at, above = (
        Usage(input_tokens=150_000, cache_read_tokens=50_000 + more, output_tokens=1_000)
        for more in (0, 1)
    )
    assert cost(at, sonnet()) == 450_000_000 + 15_000_000 + 15_000_000
    assert cost(above, sonnet()) == 900_000_000 + 30_000_600 + 22_500_000


def test_output_does_not_lengthen_the_context() -> None:
    assert cost(Usage(input_tokens=1, output_tokens=10**6), sonnet()) == 15 * 10**9 + 3_000


def test_a_cost_rounds_half_to_even_and_an_estimate_rounds_up() -> None:
    price = priced({TokenKind.INPUT: 500_000})
    assert [cost(Usage(input_tokens=n), price) for n in (0, 1, 2, 3)] == [0, 0, 1, 2]
    assert [estimate(Usage(input_tokens=n), price) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_a_used_kind_without_a_price_is_refused_by_name() -> None:
    price = priced({TokenKind.INPUT: 1, TokenKind.OUTPUT: 1})
    with pytest.raises(UnpricedModel, match=r"no price for cache_read.*used 7;.*never free") as one:
        cost(Usage(input_tokens=1, cache_read_tokens=7), price)
    assert one.value.model == "house"
    assert 'cache_read in [cost.prices."acme/house"]' in str(one.value)
    with pytest.raises(UnpricedModel):
        estimate(Usage(cache_read_tokens=7), price)


def test_an_unused_kind_needs_no_price() -> None:
    assert cost(Usage(input_tokens=2), priced({TokenKind.INPUT: 10**6})) == 2


def test_an_explicit_zero_is_free() -> None:
    assert cost(Usage(cache_read_tokens=10**9), priced({TokenKind.CACHE_READ: 0})) == 0


def test_a_kind_missing_only_in_the_tier_is_refused_above_it() -> None:
    price = priced({TokenKind.INPUT: 1}, (Tier(10, {}),))
    assert cost(Usage(input_tokens=10), price) == 0
    with pytest.raises(UnpricedModel):
        cost(Usage(input_tokens=11), price)


@given(usage=USAGES, rates=RATES)
def test_a_cost_is_the_exact_sum_rounded_once_half_to_even(usage: Usage, rates: Rates) -> None:
    assert cost(usage, priced(rates)) == round(exact(usage, rates))  # Fraction: half to even


@given(usage=USAGES, rates=RATES)
def test_an_estimate_lies_less_than_one_nano_usd_above_the_exact_sum(
    usage: Usage, rates: Rates
) -> None:
    price = priced(rates)
    assert 0 <= estimate(usage, price) - exact(usage, rates) < 1
    assert 0 <= estimate(usage, price) - cost(usage, price) <= 1


@given(usage=USAGES, more=USAGES)
def test_using_more_never_costs_less(usage: Usage, more: Usage) -> None:
    both = Usage(**{name: getattr(usage, name) + getattr(more, name) for name in FIELDS.values()})
    assert cost(both, sonnet()) >= cost(usage, sonnet())
