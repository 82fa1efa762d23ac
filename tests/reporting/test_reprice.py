"""A period priced with another day's book is what each call would have cost, to the nano-USD."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.ledger.ledger import open_ledger
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price, Tier
from corvus.model.usage import COUNTS as NAMES
from corvus.model.usage import TOKENS, TokenKind, Usage
from corvus.prices.cost import cost
from corvus.prices.lookup import PriceBooks
from corvus.reporting.reprice import COLUMNS, reprice
from corvus.reporting.table import Cell, Table
from tests.properties import examples

JUNE = date(2026, 6, 1)
CALL: dict[str, object] = {
    "admitted_at": "2026-04-06 08:00:00",
    "provider": "acme",
    "requested_model": "m",
    "input_tokens": 1000,
    "cost_nano_usd": 5_000,
}


def price(input_rate: int, *, model: str = "m", since: date | None = None, **more: object) -> Price:
    rates = {TokenKind.INPUT: input_rate, TokenKind.OUTPUT: 2 * input_rate}
    name = f"user:acme/{model}@{since}"
    return Price("acme", model, "user", name, rates, effective_from=since, **more)  # pyright: ignore[reportArgumentType]


BOOKS = PriceBooks([price(5_000_000), price(8_000_000, since=JUNE)])


@pytest.fixture
def record(tmp_path: Path, record_calls: Callable[..., Path]) -> Callable[..., Path]:
    return lambda *calls: record_calls(tmp_path / "ledger.duckdb", *(CALL | one for one in calls))


def answer(path: Path, books: PriceBooks, on: date = JUNE, **bounds: datetime) -> Table:
    with open_ledger(path) as ledger:
        return reprice(ledger.connection, books, on, **bounds)


def only(table: Table) -> dict[str, Cell]:
    (row,) = table.rows
    return dict(zip((column.name for column in COLUMNS), row, strict=True))


def test_the_prices_of_the_day_stand_beside_the_recorded_cost(
    record: Callable[..., Path],
) -> None:
    path = record({}, {"output_tokens": 500, "cost_nano_usd": 10_000})
    assert only(answer(path, BOOKS)) == {
        "provider": "acme",
        "model": "m",
        "calls": 2,
        "recorded_nano_usd": 15_000,
        "repriced_nano_usd": 8_000 + 16_000,
        "difference_nano_usd": 9_000,
        "unpriced_calls": 0,
        "unpriced_then_calls": 0,
    }
    assert only(answer(path, BOOKS, date(2026, 5, 31)))["difference_nano_usd"] == 0


def test_nothing_is_overwritten(record: Callable[..., Path]) -> None:
    path = record({}, {"cost_nano_usd": None})
    before = path.read_bytes()
    answer(path, BOOKS)
    assert path.read_bytes() == before


def test_the_difference_is_of_the_calls_that_both_sides_price(
    record: Callable[..., Path],
) -> None:
    path = record({}, {"cost_nano_usd": None}, {"reasoning_tokens": 7, "cost_nano_usd": 70})
    found = only(answer(path, BOOKS))
    assert found["recorded_nano_usd"] == 5_070
    assert found["repriced_nano_usd"] == 16_000
    assert found["difference_nano_usd"] == 3_000
    assert (found["unpriced_calls"], found["unpriced_then_calls"]) == (1, 1)


def test_a_model_without_a_price_that_day_is_unknown_and_never_free(
    record: Callable[..., Path],
) -> None:
    later = PriceBooks([price(8_000_000, since=JUNE)])
    found = only(answer(record({}), later, date(2026, 5, 31)))
    assert found["repriced_nano_usd"] is None
    assert found["difference_nano_usd"] is None
    assert found["unpriced_then_calls"] == 1


def test_a_call_is_priced_as_the_model_that_answered_and_as_it_was_served(
    record: Callable[..., Path],
) -> None:
    books = PriceBooks([price(1), price(3_000_000, model="n"), price(7_000_000, model="n-batch")])
    path = record({"answering_model": "n"})
    assert only(answer(path, books))["repriced_nano_usd"] == 3_000
    path = record({"answering_model": "n", "service_tier": "batch", "requested_model": "o"})
    assert answer(path, books).values("repriced_nano_usd") == (3_000, 7_000)


def test_a_model_that_answered_without_a_price_is_priced_as_the_one_asked_for(
    record: Callable[..., Path],
) -> None:
    assert (
        only(answer(record({"answering_model": "m-snapshot-7"}), BOOKS))["repriced_nano_usd"]
        == 8_000
    )


def test_the_tier_is_that_of_the_context_of_each_call(record: Callable[..., Path]) -> None:
    rates = {TokenKind.INPUT: 9_000_000, TokenKind.CACHE_READ: 0}
    tiered = price(1_000_000, tiers=(Tier(1000, rates),))
    path = record({}, {"cache_read_tokens": 1})
    assert only(answer(path, PriceBooks([tiered])))["repriced_nano_usd"] == 1_000 + 9_000


def test_a_call_kept_within_the_united_states_costs_a_tenth_more(
    record: Callable[..., Path],
) -> None:
    path = record({"tags": {"inference_geo": "us"}})
    assert only(answer(path, BOOKS))["repriced_nano_usd"] == 8_800


def test_only_calls_of_the_period_count_and_a_corrected_call_counts_as_it_is_known_now(
    record: Callable[..., Path],
) -> None:
    path = record({}, {"admitted_at": "2026-05-01 00:00:00"})
    may = datetime(2026, 5, 1, tzinfo=UTC)
    assert only(answer(path, BOOKS, until=may))["calls"] == 1
    assert only(answer(path, BOOKS, since=may))["calls"] == 1
    assert only(answer(path, BOOKS))["calls"] == 2


def test_the_largest_difference_comes_first_and_the_unknown_last(
    record: Callable[..., Path],
) -> None:
    path = record(
        {"requested_model": "unheard-of"},
        {"cost_nano_usd": 9_000},
        {"provider": "acme-2", "requested_model": "acme/m", "cost_nano_usd": 1},
        {"requested_model": "acme/m", "cost_nano_usd": 90_000},
    )
    assert answer(path, BOOKS).values("difference_nano_usd") == (-82_000, 7_999, -1_000, None)


COUNTS = st.integers(0, 10**12)
USES = st.integers(0, 100)
UNCOUNTED = {name for name in NAMES if name not in TOKENS}
RATES = st.dictionaries(st.sampled_from(list(TokenKind)), st.integers(0, 10**12))


@settings(max_examples=examples(40, by_day=15))
@given(
    usage=st.builds(Usage, **{name: USES if name in UNCOUNTED else COUNTS for name in NAMES}),
    rates=RATES,
    tier=RATES,
    above=st.integers(0, 4 * 10**12),
)
def test_sql_and_python_price_a_call_to_the_same_nano_usd(
    usage: Usage,
    rates: dict[TokenKind, int],
    tier: dict[TokenKind, int],
    above: int,
) -> None:
    priced = Price("acme", "m", "user", "user:acme/m", rates, (Tier(above, tier),))
    try:
        expected = int(cost(usage, priced))
    except UnpricedModel:
        expected = None
    counts = {name: getattr(usage, name) for name in NAMES}
    columns, marks = ", ".join(counts), ", ".join(f"${name}" for name in counts)
    with TemporaryDirectory() as folder, open_ledger(Path(folder) / "l", write=True) as ledger:
        ledger.connection.execute(
            "INSERT INTO usage_record (id, calls, requested_at, admitted_at, settled_at, surface, "  # noqa: S608 - names of this test
            f"provider, requested_model, source, outcome, {columns}) SELECT uuidv7(), 1, t, t, t, "
            f"'api', 'acme', 'm', 'priced', 'completed', {marks} FROM (SELECT TIMESTAMP "
            "'2026-04-06' AS t)",
            counts,
        )
        found = reprice(ledger.connection, PriceBooks([priced]), JUNE)
    too_large = expected is not None and expected >= 2**63
    assert found.values("repriced_nano_usd") == (None if too_large else expected,)
