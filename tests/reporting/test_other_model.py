"""A period priced as another model is an interval, and unknown where the model has no rate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from corvus.base.errors import ReportError
from corvus.ledger.ledger import open_ledger
from corvus.model.price import Price, Tier
from corvus.model.usage import TokenKind
from corvus.prices.lookup import PriceBooks
from corvus.reporting.other_model import COLUMNS, OtherModel, reprice_as
from corvus.reporting.table import Cell, Table

JUNE = date(2026, 6, 1)
CALL: dict[str, object] = {
    "admitted_at": "2026-04-06 08:00:00",
    "provider": "acme",
    "requested_model": "m",
    "session_id": "s",
    "input_tokens": 1000,
    "cost_nano_usd": 5_000,
}
WITH_WRITES = {
    TokenKind.INPUT: 2_000_000,
    TokenKind.OUTPUT: 10_000_000,
    TokenKind.CACHE_READ: 200_000,
    TokenKind.CACHE_WRITE_5M: 2_500_000,
    TokenKind.CACHE_WRITE_1H: 4_000_000,
}
PLAIN = {kind: WITH_WRITES[kind] for kind in list(WITH_WRITES)[:3]}


def price(rates: dict[TokenKind, int], *, model: str = "other", **more: object) -> Price:
    return Price("beta", model, "user", f"user:beta/{model}", rates, **more)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def record(tmp_path: Path, record_calls: Callable[..., Path]) -> Callable[..., Path]:
    return lambda *calls: record_calls(tmp_path / "ledger.duckdb", *(CALL | one for one in calls))


def answer(path: Path, *prices: Price, name: str = "beta/other", **bounds: datetime) -> Table:
    with open_ledger(path) as ledger:
        other = OtherModel(name, None, JUNE)
        return reprice_as(ledger.connection, PriceBooks(prices), other, **bounds)


def only(table: Table) -> dict[str, Cell]:
    (row,) = table.rows
    return dict(zip((column.name for column in COLUMNS), row, strict=True))


def interval(table: Table) -> tuple[Cell, Cell]:
    found = only(table)
    return found["low_nano_usd"], found["high_nano_usd"]


def test_the_rates_are_those_of_the_other_model(record: Callable[..., Path]) -> None:
    assert only(answer(record({"output_tokens": 100}), price(PLAIN))) == {
        "provider": "acme",
        "model": "m",
        "calls": 1,
        "recorded_nano_usd": 5_000,
        "low_nano_usd": 3_000,
        "high_nano_usd": 3_000,
        "low_difference_nano_usd": -2_000,
        "high_difference_nano_usd": -2_000,
        "unpriced_calls": 0,
        "unpriced_then_calls": 0,
    }


def test_a_cold_cache_is_written_where_a_session_begins(record: Callable[..., Path]) -> None:
    """REP-6: of two calls that read 10,000 tokens each, only the first finds a cold cache."""
    reads: dict[str, object] = {"input_tokens": 0, "cache_read_tokens": 10_000}
    path = record(reads, reads | {"admitted_at": "2026-04-06 09:00:00"})
    assert interval(answer(path, price(WITH_WRITES))) == (4_000, 25_000 + 2_000)
    assert interval(answer(path, price(PLAIN))) == (4_000, 20_000 + 2_000)


def test_a_session_that_kept_its_cache_for_an_hour_writes_it_for_an_hour(
    record: Callable[..., Path],
) -> None:
    path = record({"input_tokens": 0, "cache_read_tokens": 1000, "cache_write_1h_tokens": 10})
    assert interval(answer(path, price(WITH_WRITES))) == (200 + 40, 4_000 + 40)


def test_every_session_begins_once_and_a_call_of_none_may_begin_one(
    record: Callable[..., Path],
) -> None:
    reads: dict[str, object] = {"input_tokens": 0, "cache_read_tokens": 1000}
    sessions = ("s", "s", "t", None, None)
    path = record(*(reads | {"session_id": session} for session in sessions))
    assert interval(answer(path, price(PLAIN))) == (5 * 200, 4 * 2_000 + 200)


def test_a_session_begins_with_its_first_call_of_the_period(record: Callable[..., Path]) -> None:
    reads: dict[str, object] = {"input_tokens": 0, "cache_read_tokens": 1000}
    path = record(reads, reads | {"admitted_at": "2026-05-01 00:00:00"})
    may = datetime(2026, 5, 1, tzinfo=UTC)
    assert interval(answer(path, price(PLAIN), since=may)) == (200, 2_000)


def test_a_used_kind_without_a_rate_is_unknown_and_counted_apart(
    record: Callable[..., Path],
) -> None:
    """PRC-2: input stands in neither for a write nor for a search."""
    path = record({}, {"cache_write_5m_tokens": 7}, {"web_search_requests": 1})
    found = only(answer(path, price(PLAIN)))
    assert (found["calls"], found["unpriced_then_calls"]) == (3, 2)
    assert (found["low_nano_usd"], found["low_difference_nano_usd"]) == (2_000, -3_000)


def test_a_read_without_a_rate_is_unknown_at_both_ends(record: Callable[..., Path]) -> None:
    path = record({"cache_read_tokens": 1})
    assert interval(answer(path, price({TokenKind.INPUT: 1}))) == (None, None)


def test_a_call_is_served_as_it_was_or_is_unknown(record: Callable[..., Path]) -> None:
    path = record({"service_tier": "batch"})
    batch = price({TokenKind.INPUT: 1_000_000}, model="other-batch")
    assert interval(answer(path, price(PLAIN), batch)) == (1_000, 1_000)
    assert interval(answer(path, price(PLAIN))) == (None, None)


def test_the_tier_is_that_of_the_whole_context(record: Callable[..., Path]) -> None:
    tiered = price(
        PLAIN, tiers=(Tier(1000, {TokenKind.INPUT: 9_000_000, TokenKind.CACHE_READ: 0}),)
    )
    assert interval(answer(record({"cache_read_tokens": 1}), tiered)) == (9_000, 9_009)


def test_a_place_of_one_provider_is_no_surcharge_of_another(record: Callable[..., Path]) -> None:
    path = record(
        {"tags": {"inference_geo": "us"}}, {"provider": "beta", "tags": {"inference_geo": "us"}}
    )
    assert sorted(map(str, answer(path, price(PLAIN)).values("low_nano_usd"))) == ["2000", "2200"]


def test_a_model_without_a_price_is_refused_by_name(record: Callable[..., Path]) -> None:
    path = record({})
    with pytest.raises(ReportError, match="unheard-of has no price on 2026-06-01"):
        answer(path, price(PLAIN), name="unheard-of")


def test_an_ambiguous_model_is_refused_with_the_names_to_choose_from(
    record: Callable[..., Path],
) -> None:
    """PRC-4: no seller of several is guessed."""
    others = Price("gamma", "other", "user", "user:gamma/other", {TokenKind.INPUT: 1})
    with pytest.raises(ReportError, match="beta/other"):
        answer(record({}), price(PLAIN), others, name="other")
