"""What is recorded of a call that is over: stated, computed, bounded (PRC-8, PRC-9)."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from corvus.base.money import NanoUSD
from corvus.governor.cost.recorded import settlement_of
from corvus.governor.options import CallReport
from corvus.metering.stated_cost import StatedCost
from corvus.model.price import HourRates, Price, Rates, Tier
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState, Settlement, Source
from corvus.model.usage import TokenKind, Usage, UsagePart
from corvus.prices.belief import ALONE_MAX_NANO_USD, ALWAYS_BELIEVED_NANO_USD
from corvus.prices.lookup import PriceBooks

PER = 1_000_000
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
HELD = 900_000_000


def price(model: str, entry: str = "", **rates: int) -> Price:
    """Return a price in nano-USD for one token, or one use."""
    return Price(
        "",
        model,
        "user",
        entry or f"user:{model}",
        {TokenKind(k): r * PER for k, r in rates.items()},
    )


TEXT = price("text", input=1_000, output=5_000)
SOUND = price("sound", input=1_000, output=5_000, input_audio=9_000, output_audio=50_000)
HEARS = price("hears", input=1_000, output=5_000, input_audio=9_000)
CHEAP = price("cheap", input=1_000, output=5_000, cache_read=500, cache_read_audio=100)
TOOLS = price("tools", input=1_000, output=5_000, web_search=10_000_000)
FREE = price("acme/new:free", input=0, output=0)
BOOKS = PriceBooks([TEXT, SOUND, HEARS, CHEAP, TOOLS, FREE])
USED = Usage(1_000, 100)
COMPUTED = 1_500_000


def held(model: str, *, is_priced: bool = True, at: datetime = MONDAY) -> Reservation:
    request = Request(
        model=model, estimate_nano_usd=NanoUSD(HELD) if is_priced else None, session_id="s"
    )
    return Reservation(
        "0190", request, ReservationState.HELD, NanoUSD(HELD), at, at + timedelta(hours=1), "hash"
    )


def settled(model: str, usage: Usage = USED, **more: object) -> Settlement:
    states = bool(more.pop("states", False))
    is_priced = bool(more.pop("is_priced", True))
    part = UsagePart(model, usage, states_modalities=states)
    report: CallReport = {"parts": (part,), "answering_model": model}
    return settlement_of(BOOKS, held(model, is_priced=is_priced), usage, {**report, **more})  # type: ignore[typeddict-item]


def stated(nano_usd: int | None, **more: bool) -> StatedCost:
    return StatedCost("cost", None if nano_usd is None else NanoUSD(nano_usd), "a text", **more)


def test_a_stated_cost_is_recorded_with_the_computed_one_next_to_it() -> None:
    """PRC-9."""
    found = settled("text", stated_cost=stated(987))
    assert (found.cost_nano_usd, found.source) == (987, Source.PROVIDER)
    assert (found.computed_cost_nano_usd, found.price) == (COMPUTED, None)
    assert not found.is_at_least


def test_a_stated_cost_makes_a_model_without_a_price_known() -> None:
    found = settled("acme", stated_cost=stated(987), is_priced=False)
    assert (found.cost_nano_usd, found.source) == (987, Source.PROVIDER)
    assert found.computed_cost_nano_usd is None


def test_a_stated_cost_holds_all_that_nobody_could_count() -> None:
    found = settled("text", stated_cost=stated(987), is_at_least=True)
    assert (found.source, found.is_at_least) == (Source.PROVIDER, False)


@pytest.mark.parametrize(
    "cost",
    [
        None,
        0,
        1_000 * COMPUTED + 1,
        ALWAYS_BELIEVED_NANO_USD * 1_000,
    ],
)
def test_what_cannot_be_the_cost_is_not_believed_and_logged(
    cost: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """PRC-9: what the books make of it stands."""
    with caplog.at_level(logging.WARNING, "corvus.governor"):
        found = settled("text", stated_cost=stated(cost))
    assert (found.cost_nano_usd, found.source) == (COMPUTED, Source.PRICED)
    assert found.computed_cost_nano_usd is None
    assert "is not believed" in caplog.text


@pytest.mark.parametrize("cost", [1, COMPUTED // 100, 1_000 * COMPUTED, ALWAYS_BELIEVED_NANO_USD])
def test_an_invoice_is_believed_however_far_below_the_books(cost: int) -> None:
    assert settled("text", stated_cost=stated(cost)).cost_nano_usd == cost


def test_a_search_may_cost_far_more_than_a_few_tokens() -> None:
    found = settled("text", Usage(1, 1), stated_cost=stated(10_000_000))
    assert found.source is Source.PROVIDER


def test_nothing_is_believed_of_a_model_without_a_price_beyond_a_bound() -> None:
    found = settled("acme", stated_cost=stated(ALONE_MAX_NANO_USD + 1), is_priced=False)
    assert (found.cost_nano_usd, found.source) == (None, Source.UNKNOWN)


@pytest.mark.parametrize("model", ["acme/new:free", "acme/other:free"])
def test_0_is_a_cost_where_something_else_shows_a_free_call(model: str) -> None:
    found = settled(model, stated_cost=stated(0))
    assert (found.cost_nano_usd, found.source) == (0, Source.PROVIDER)


def test_a_free_call_without_a_price_is_known_too() -> None:
    found = settled("acme/other:free", stated_cost=stated(0), is_priced=False)
    assert (found.cost_nano_usd, found.source) == (0, Source.PROVIDER)


def test_what_a_broken_stream_has_cost_so_far_is_a_lower_bound() -> None:
    found = settled("text", stated_cost=stated(987, is_so_far=True))
    assert (found.cost_nano_usd, found.source) == (987, Source.ESTIMATED)
    assert found.is_at_least


def test_a_cost_without_counts_records_no_counts() -> None:
    report: CallReport = {
        "parts": (UsagePart("text", USED),),
        "stated_cost": stated(987),
        "is_estimated": True,
        "has_counts": False,
    }
    found = settlement_of(BOOKS, held("text"), USED, report)
    assert (found.cost_nano_usd, found.source) == (987, Source.PROVIDER)
    assert (found.usage, found.computed_cost_nano_usd) == (Usage(), None)


def test_a_callers_own_word_needs_no_judging() -> None:
    found = settlement_of(BOOKS, held("text"), USED, {"cost_nano_usd": NanoUSD(0)})
    assert (found.cost_nano_usd, found.source) == (0, Source.PROVIDER)
    assert found.computed_cost_nano_usd == COMPUTED


def test_uses_have_prices_of_their_own() -> None:
    found = settled("tools", replace(USED, web_search_requests=2), states=True)
    assert (found.cost_nano_usd, found.source) == (COMPUTED + 20_000_000, Source.PRICED)


def test_a_use_without_a_price_leaves_the_rest_a_lower_bound() -> None:
    """PRC-8, PRC-9."""
    usage = replace(USED, web_search_requests=1, code_containers=1, file_search_requests=3)
    found = settled("tools", usage)
    assert (found.cost_nano_usd, found.source) == (COMPUTED + 10_000_000, Source.ESTIMATED)
    assert found.is_at_least


def test_what_could_not_be_counted_leaves_a_lower_bound() -> None:
    found = settled("text", is_at_least=True)
    assert (found.cost_nano_usd, found.source) == (COMPUTED, Source.ESTIMATED)
    assert found.is_at_least


def test_sound_costs_what_sound_costs() -> None:
    usage = Usage(input_audio_tokens=1_000, output_audio_tokens=100)
    found = settled("sound", usage)
    assert (found.cost_nano_usd, found.source) == (9_000_000 + 5_000_000, Source.PRICED)


def test_sound_without_a_price_is_never_priced_as_text() -> None:
    """PRC-8: the hold counts in budgets, or every picture would make a call free."""
    found = settled("text", Usage(1_000, 100, output_audio_tokens=1))
    assert (found.cost_nano_usd, found.source) == (None, Source.UNKNOWN)
    assert found.counted_nano_usd == HELD
    found = settled("acme", Usage(1, 1, output_audio_tokens=1), is_priced=False)
    assert (found.counted_nano_usd, found.source) == (None, Source.UNKNOWN)


def test_where_nobody_reported_anything_the_hold_is_an_estimate() -> None:
    """PRC-7."""
    found = settlement_of(BOOKS, held("text"), None, {})
    assert (found.cost_nano_usd, found.source) == (HELD, Source.ESTIMATED)


def test_output_of_an_unknown_modality_is_bounded_by_the_dearest() -> None:
    """PRC-8: nobody says whether it was text or sound."""
    found = settled("sound")
    assert (found.cost_nano_usd, found.source) == (None, Source.UNKNOWN)
    assert found.counted_nano_usd == 1_000 * 9_000 + 100 * 50_000
    assert not found.is_at_least


def test_input_that_may_be_dearer_leaves_a_lower_bound_and_a_cheaper_one_a_bound() -> None:
    found = settled("hears")
    assert (found.cost_nano_usd, found.source) == (COMPUTED, Source.ESTIMATED)
    assert found.is_at_least
    found = settled("cheap", Usage(0, 0, cache_read_tokens=10))
    assert (found.cost_nano_usd, found.source) == (None, Source.UNKNOWN)
    assert found.counted_nano_usd == 10_000  # at the most expensive kind


@pytest.mark.parametrize("model", ["text", "sound", "hears", "cheap"])
def test_stated_modalities_leave_no_doubt(model: str) -> None:
    found = settled(model, states=True)
    assert (found.cost_nano_usd, found.source) == (COMPUTED, Source.PRICED)


NIGHT = frozenset(range(5))


@pytest.mark.parametrize(
    ("at", "rate"),
    [
        (MONDAY, 300),
        (MONDAY + timedelta(hours=10), 150),
        (MONDAY + timedelta(days=5), 150),  # a Saturday
        (MONDAY - timedelta(hours=1, microseconds=1), 150),
    ],
)
def test_the_price_of_the_instant_of_admission_is_recorded(at: datetime, rate: int) -> None:
    """PRC-11: admission holds the dearest of the day."""

    def rates(one: int) -> Rates:
        return {TokenKind.INPUT: one * PER, TokenKind.OUTPUT: 4 * one * PER}

    hours = (
        HourRates(NIGHT, 60, 240, rates(300)),
        HourRates(frozenset(range(7)), 0, 1440, rates(150), (Tier(500, rates(160)),)),
    )
    seek = Price("", "seek", "user", "user:seek", rates(300), hours=hours)
    report: CallReport = {"parts": (UsagePart("seek", Usage(100, 10)),)}
    found = settlement_of(PriceBooks([seek]), held("seek", at=at), Usage(100, 10), report)
    assert found.cost_nano_usd == 140 * rate
    assert found.source is Source.PRICED
