"""Usage in parts, tiers and bounds: what several prices cost together (PRC-6, PRC-7, PRX-3)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from corvus.base.money import NanoUSD
from corvus.governor.cost.recorded import settlement_of
from corvus.governor.options import CallReport
from corvus.governor.pricing import (
    find_tier_price,
    highest_estimate,
    lowered,
    most_expensive,
    possible_prices,
    stated_bound,
)
from corvus.model.price import Price, Tier
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState, Source
from corvus.model.usage import TokenKind, Usage, UsagePart
from corvus.prices.lookup import PriceBooks

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TODAY = date(2026, 11, 26)
PER = 1_000_000


def price(model: str, rate: int, **more: int) -> Price:
    """Return a price of ``rate`` nano-USD for a token of input, ten times that for output."""
    rates = {TokenKind.INPUT: rate * PER, TokenKind.OUTPUT: 10 * rate * PER}
    rates |= {TokenKind(name): value * PER for name, value in more.items()}
    return Price("", model, "user", f"user:{model}", rates)


BOOKS = PriceBooks([price("m", 3), price("big", 5, web_search=100), price("m-fast", 9)])
HELD = Reservation(
    "018f0000-0000-7000-8000-000000000000",
    Request("m", NanoUSD(777), "s", provider="anthropic"),
    ReservationState.HELD,
    NanoUSD(777),
    NOW,
    NOW,
    "hash",
)


def bound_of(*parts: UsagePart) -> tuple[int | None, int | None, Source]:
    settled = settlement_of(BOOKS, HELD, Usage(1), {"parts": parts})
    return settled.cost_nano_usd, settled.counted_nano_usd, settled.source


def cost_of(*parts: UsagePart, **more: bool) -> tuple[int | None, Source]:
    report: CallReport = {"parts": parts, "is_estimated": more.get("is_estimated", False)}
    total = Usage(1)  # what is recorded, and never priced where there are parts
    settled = settlement_of(BOOKS, HELD, total, report)
    return settled.cost_nano_usd, settled.source


def test_each_part_pays_the_price_of_its_own_model() -> None:
    parts = UsagePart("m", Usage(10, 5)), UsagePart("big", Usage(10, 5))
    assert cost_of(*parts) == (10 * 3 + 5 * 30 + 10 * 5 + 5 * 50, Source.PRICED)


def test_each_part_pays_the_price_of_its_own_tier() -> None:
    parts = UsagePart("m", Usage(10)), UsagePart("m", Usage(10), "fast")
    assert cost_of(*parts) == (10 * 3 + 10 * 9, Source.PRICED)


def test_each_part_pays_the_tier_of_its_own_context() -> None:
    tiered = Price(
        "", "t", "user", "user:t", {TokenKind.INPUT: PER}, (Tier(15, {TokenKind.INPUT: 7 * PER}),)
    )
    report: CallReport = {"parts": [UsagePart("t", Usage(10)), UsagePart("t", Usage(20))]}
    settled = settlement_of(PriceBooks([tiered]), HELD, Usage(30), report)
    assert settled.cost_nano_usd == 10 + 20 * 7


def test_a_call_kept_in_the_united_states_pays_a_tenth_more_for_tokens_alone() -> None:
    usage = Usage(10, 5, web_search_requests=2)
    part = UsagePart("big", usage, inference_geo="us")
    assert cost_of(part) == ((10 * 5 + 5 * 50) * 11 // 10 + 2 * 100, Source.PRICED)


def test_parts_are_rounded_once_together() -> None:
    third = Price("", "r", "user", "user:r", {TokenKind.INPUT: 400_000})  # 0.4 nano-USD a token
    report: CallReport = {"parts": [UsagePart("r", Usage(1))] * 3}
    assert settlement_of(PriceBooks([third]), HELD, Usage(3), report).cost_nano_usd == 1


@pytest.mark.parametrize(
    "part",
    [
        UsagePart("no-such-model", Usage(1)),
        UsagePart("m", Usage(input_audio_tokens=1)),
    ],
)
def test_a_further_part_without_price_is_unknown_and_the_hold_counts(part: UsagePart) -> None:
    assert bound_of(UsagePart("m", Usage(1)), part) == (None, 777, Source.UNKNOWN)


@pytest.mark.parametrize(
    ("tier", "times"), [("priority", 2.5), ("turbo", 2.5), ("fast", 6), ("flex", 1), ("batch", 1)]
)
def test_a_tier_without_a_price_is_unknown_and_bounded_never_priced_as_the_usual_one(
    tier: str, times: float
) -> None:
    """PRC-8: budgets count what it cannot exceed, so that nothing becomes free."""
    part = UsagePart("big", Usage(10, 2, web_search_requests=1), tier)
    usual = 10 * 5 + 2 * 50
    assert bound_of(part) == (None, int(usual * times) + 100, Source.UNKNOWN)


@pytest.mark.parametrize("tier", ["priority", "fast", "default", None])
def test_the_tier_counts_alike_where_the_usage_is_told_as_a_whole(tier: str | None) -> None:
    part = UsagePart("m", Usage(10, 2), None if tier == "default" else tier)
    settled = settlement_of(BOOKS, HELD, Usage(10, 2), {"service_tier": tier})
    assert (settled.cost_nano_usd, settled.source) == cost_of(part)


def test_the_most_expensive_of_all_prices_that_may_apply_is_held() -> None:
    prices = possible_prices(BOOKS, ["m", "big"], None, None, TODAY)
    assert highest_estimate(prices, Usage(10)).total_nano_usd == 50
    prices = possible_prices(BOOKS, ["m"], "fast", None, TODAY)
    assert highest_estimate(prices, Usage(10)).total_nano_usd == 90
    prices = possible_prices(BOOKS, ["m", "nobody"], None, None, TODAY)
    assert highest_estimate(prices, Usage(10)).total_nano_usd is None


def test_a_cheaper_tier_is_held_at_the_usual_price_for_it_may_be_served_so() -> None:
    books = PriceBooks([price("m", 3), price("m-flex", 1)])
    prices = possible_prices(books, ["m"], "flex", None, TODAY)
    assert highest_estimate(prices, Usage(10)).total_nano_usd == 30


def test_an_answering_model_that_no_book_knows_is_priced_as_the_one_asked_for() -> None:
    assert cost_of(UsagePart("m-2026-preview-x", Usage(10))) == (30, Source.PRICED)


def test_where_an_answer_does_not_say_who_it_was_the_most_expensive_is_recorded() -> None:
    """PRC-7: a provider that falls back to another model may go on with the name of the first."""
    said: CallReport = {"parts": (UsagePart("m", Usage(1)),), "models": ("m", "big")}
    recorded = settlement_of(BOOKS, HELD, Usage(1), said)
    assert (recorded.cost_nano_usd, recorded.source) == (5, Source.ESTIMATED)


def test_an_estimate_is_marked_as_one() -> None:
    assert cost_of(UsagePart("m", Usage(10)), is_estimated=True) == (30, Source.ESTIMATED)


@pytest.mark.parametrize(
    ("tier", "entry"),
    [
        (None, "user:m"),
        ("fast", "user:m-fast"),
        ("flex", "user:m"),
        ("batch", "user:m"),
        ("priority", None),
    ],
)
def test_only_a_cheaper_tier_may_take_the_usual_price(tier: str | None, entry: str | None) -> None:
    found = find_tier_price(BOOKS, "m", tier, None, TODAY)
    assert (found.entry if found else None) == entry


def test_the_bound_takes_the_most_expensive_kind_that_is_possible() -> None:
    kinds = (TokenKind.CACHE_WRITE_5M, TokenKind.CACHE_WRITE_1H)
    cached = price("m", 4, cache_write_5m=5, cache_write_1h=8, reasoning=90)
    assert most_expensive(cached, 10, 20) == Usage(10, reasoning_tokens=20)
    assert most_expensive(cached, 10, 20, kinds[:1]) == Usage(
        cache_write_5m_tokens=10, reasoning_tokens=20
    )
    assert most_expensive(cached, 10, 20, kinds) == Usage(
        cache_write_1h_tokens=10, reasoning_tokens=20
    )
    assert most_expensive(price("m", 4), 10, 20, kinds) == Usage(10, 20)
    assert most_expensive(None, 10, 20, kinds) == Usage(10, 20)


def test_plain_counts_of_a_model_that_speaks_are_held_as_sound() -> None:
    """PRC-7: whoever states counts alone says nothing of modalities."""
    speaks = price("speaks", 3, output_audio=200)
    held = highest_estimate([speaks], stated_bound(Usage(10, 20)))
    assert held.total_nano_usd == 10 * 3 + 20 * 200
    assert stated_bound(Usage(10, 20))(price("m", 3)) == Usage(10, 20)
    assert stated_bound(Usage(10, 20))(None) == Usage(10, 20)


def test_output_is_lowered_in_every_modality() -> None:
    spoken = Usage(10, 5, reasoning_tokens=4, output_audio_tokens=30)
    assert lowered(spoken, 39) == spoken
    fewer = lowered(spoken, 32)
    assert fewer.total_tokens - fewer.context_tokens == 32
    assert fewer.output_audio_tokens == 30
    assert lowered(Usage(1, 50), 20) == Usage(1, 20)
