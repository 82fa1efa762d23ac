"""What SQL computes is what ``corvus.prices.cost`` computes, to the nano-USD (PRC-6)."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.model.decision import UnpricedModel
from corvus.model.price import HourRates, Price, Rates, Tier
from corvus.model.usage import COUNTS as FIELDS
from corvus.model.usage import TokenKind, Usage
from corvus.prices.cost import cost
from corvus.prices.modality import Doubt, doubt
from tests.usage.importers.conftest import SONNET, Books
from tests.usage.importers.conftest import price as entry_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.usage.importers.conftest import Desk

COUNTS = st.one_of(st.just(0), st.integers(1, 1200), st.integers(0, 10**9))
USAGES = st.builds(Usage, *([COUNTS] * len(FIELDS)))
TEXTS = st.builds(Usage, *([COUNTS] * 7))  # without modalities, so that a price may be in doubt
# Rates that make halves of a nano-USD likely, and free and absent kinds.
RATE = st.one_of(st.just(0), st.just(500_000), st.integers(1, 10**7), st.integers(0, 10**13))
BASE = st.fixed_dictionaries({kind: RATE for kind in list(TokenKind)[:7]})
RATES = st.one_of(
    BASE, st.dictionaries(st.sampled_from(list(TokenKind)), RATE, min_size=5).map(dict)
)
TIERS = st.lists(
    st.tuples(st.integers(0, 2000), RATES), max_size=2, unique_by=lambda tier: tier[0]
).map(lambda tiers: tuple(Tier(above, rates) for above, rates in sorted(tiers, key=first)))
DAYS = (None, date(2026, 11, 10), date(2026, 11, 17))
MINUTES = st.sampled_from([0, 60, 240, 599, 600, 601, 1439])


def window(
    days: set[int], minutes: tuple[int, int], rates: Rates, tiers: tuple[Tier, ...]
) -> HourRates:
    start, length = minutes
    return HourRates(frozenset(days), start, min(start + length, 1440), rates, tiers)


WINDOWS = st.lists(
    st.builds(
        window,
        st.sets(st.integers(0, 6), min_size=1),
        st.tuples(MINUTES, st.integers(1, 1440)),
        RATES,
        TIERS,
    ),
    max_size=3,
).map(tuple)
WHENS = st.sampled_from(["00:00:00", "04:00:00", "09:59:59.999999", "10:00:00", "23:59:59"])


def first(pair: tuple[int, object]) -> int:
    return pair[0]


def expected(price: Price | None, usage: Usage, is_stated: bool) -> tuple[int | None, bool]:
    """Return the cost, and whether it is a lower bound."""
    if price is None:
        return None, False
    worth = doubt(price, usage, states_modalities=is_stated)
    try:
        amount = None if worth is Doubt.UNKNOWN else cost(usage, price)
    except UnpricedModel:
        return None, False
    return amount, amount is not None and worth is Doubt.AT_LEAST


def in_force(prices: list[Price], at: datetime) -> Price | None:
    started = [one for one in prices if (one.effective_from or date.min) <= at.date()]
    last = max(started, key=lambda one: one.effective_from or date.min, default=None)
    return last.at(at) if last else None


MODELS = st.fixed_dictionaries(
    {
        "calls": st.lists(
            st.tuples(st.one_of(USAGES, TEXTS), WHENS, st.booleans()), min_size=1, max_size=8
        ),
        "books": st.lists(st.tuples(RATES, TIERS, WINDOWS), min_size=1, max_size=3),
        "days": st.permutations(DAYS),
    }
)


# An import costs more than what is in it, so one example prices calls of many models.
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(models=st.lists(MODELS, min_size=1, max_size=12))
def test_sql_and_python_agree_to_the_nano(desk: Desk, models: list[dict[str, Any]]) -> None:
    prices: list[Price] = []
    rows: list[dict[str, Any]] = []
    wanted: dict[str, tuple[int | None, bool, str | None]] = {}
    for number, one in enumerate(models):
        name = f"m-{number}"
        own = [
            Price("acme", name, "bundled", f"{name}-{since}", rates, tiers, since, hours=hours)
            for (rates, tiers, hours), since in zip(one["books"], one["days"], strict=False)
        ]
        prices += own
        for call, (usage, time, is_stated) in enumerate(one["calls"]):
            at = f"2026-11-{16 + call % 2}T{time}Z"
            price = in_force(own, datetime.fromisoformat(at))
            amount, is_bound = expected(price, usage, is_stated)
            entry = price.entry if price and amount is not None else None
            wanted[f"{name}-{call}"] = (amount, is_bound, entry)
            rows.append(
                {"id": f"{name}-{call}", "timestamp": at, "model": name}
                | {"states_modalities": is_stated}
                | {field: getattr(usage, field) for field in FIELDS}
            )
    with tempfile.TemporaryDirectory() as folder:
        there = type(desk)(Path(folder), type(desk.books)(*prices))
        there.take(there.write("usage.jsonl", rows), columns={"tags.call": "id"})
        found = there.ask(
            "SELECT tags['call'], cost_nano_usd, at_least, price_entry FROM usage_record"
        )
    assert {call: tuple(rest) for call, *rest in found} == wanted


def call(**rest: Any) -> dict[str, Any]:
    usual = {"timestamp": "2026-11-16T10:00:00Z", "model": "m-1"}
    return usual | {"input_tokens": 10, "output_tokens": 0} | rest


COSTS = (
    "SELECT cost_nano_usd, computed_cost_nano_usd, source, at_least FROM usage_call "
    "ORDER BY admitted_at"
)


@pytest.mark.parametrize(
    ("stated", "right"),
    [
        ({"cost_usd": "0.00000007"}, (70, 10, "provider", False)),
        ({"cost_usd": "0.00000007", "at_least": True}, (70, 10, "provider", False)),
        ({"cost_usd": "0.00000007", "unknown_cost": True}, (70, None, "provider", False)),
        ({"cost_usd": 0}, (10, None, "imported", False)),
        ({"cost_usd": 0, "is_free": True}, (0, 10, "provider", False)),
        ({"cost_usd": 0, "input_tokens": 0}, (0, 0, "provider", False)),
        ({"cost_usd": 1}, (1_000_000_000, 10, "provider", False)),
        ({"cost_usd": "1.000000001"}, (10, None, "imported", False)),
        ({"estimated_cost_usd": "0.5"}, (10, None, "imported", False)),
        ({"at_least": True}, (10, None, "imported", True)),
        ({"unknown_cost": True}, (None, None, "imported", False)),
        ({"unknown_cost": True, "at_least": True}, (None, None, "imported", False)),
    ],
)
def test_what_a_record_says_of_its_cost(
    desk: Desk, stated: dict[str, Any], right: tuple[object, ...]
) -> None:
    rates = {kind: 1_000_000 for kind in TokenKind}
    desk.books.prices = (Price("acme", "m-1", "user", "e", rates),)
    log = desk.write("usage.jsonl", [call(**stated)])
    desk.take(log)
    assert desk.ask(COSTS) == [right]
    assert desk.take(log).duplicate == 1
    assert desk.ask(COSTS) == [right]


@pytest.mark.parametrize(
    ("stated", "right"),
    [
        ({"cost_usd": "0.5"}, (500_000_000, None, "provider", False)),
        ({"cost_usd": 0}, (None, None, "imported", False)),
        ({"model": "m-1:free", "cost_usd": 0}, (0, None, "provider", False)),
        ({"cost_usd": 1000}, (10**12, None, "provider", False)),
        ({"cost_usd": 1001}, (None, None, "imported", False)),
        ({"cost_usd": 1001, "calls": 2}, (1_001 * 10**9, None, "provider", False)),
        ({"estimated_cost_usd": "0.5"}, (500_000_000, None, "estimated", False)),
        ({"estimated_cost_usd": 0}, (None, None, "imported", False)),
    ],
)
def test_what_a_record_says_of_its_cost_counts_without_a_price(
    desk: Desk, stated: dict[str, Any], right: tuple[object, ...]
) -> None:
    log = desk.write("usage.jsonl", [call(**stated)])
    desk.take(log)
    assert desk.ask(COSTS) == [right]
    assert desk.take(log).duplicate == 1
    assert desk.ask(COSTS) == [right]


def test_a_cost_that_is_not_believed_is_told(desk: Desk) -> None:
    rows = [call(cost_usd=0), call(cost_usd=0, n=1), call(cost_usd=5000)]
    summary = desk.take(desk.write("usage.jsonl", rows))
    told = [(note.text.split(",")[0].split(":")[0], note.lines) for note in summary.notes]
    assert ("the stated cost is 0", 2) in told
    assert any(text.startswith("the stated cost is beyond 1") for text, _ in told)


def test_a_stated_cost_is_taken_back_with_what_the_books_made_of_it(desk: Desk) -> None:
    rates = {kind: 1_000_000 for kind in TokenKind}
    desk.books.prices = (Price("acme", "m-1", "user", "e", rates),)
    desk.take(
        desk.write("a.jsonl", [call(id=1, cost_usd="0.5", settled_at="2026-11-16T11:00:00Z")])
    )
    more = call(id=1, cost_usd="0.75", output_tokens=5, settled_at="2026-11-16T12:00:00Z")
    desk.take(desk.write("b.jsonl", [more]))
    sums = (
        "SELECT sum(cost_nano_usd)::BIGINT, sum(computed_cost_nano_usd)::BIGINT FROM usage_record"
    )
    assert desk.ask(sums) == [(750_000_000, 15)]


def test_a_sum_of_calls_at_a_price_that_differs_by_the_hour_is_unknown(desk: Desk) -> None:
    rates = {kind: 2_000_000 for kind in TokenKind}
    low = {kind: 1_000_000 for kind in TokenKind}
    hours = (HourRates(frozenset(range(7)), 0, 600, low),)
    desk.books.prices = (Price("acme", "m-1", "user", "e", rates, hours=hours),)
    times = ("2026-11-16T09:59:59Z", "2026-11-16T10:00:00Z")
    rows = [call(timestamp=at) for at in times] + [call(timestamp="2026-11-17T00:00:00Z", calls=2)]
    desk.take(desk.write("usage.jsonl", rows))
    assert [row[0] for row in desk.ask(COSTS)] == [10, 20, None]
    assert desk.ask("SELECT rates['input'] FROM price_entry") == [(2_000_000,)]


def test_the_price_of_the_day_of_admission_counts(desk: Desk) -> None:
    rates = {kind: 1_000_000 for kind in TokenKind}
    dearer = {kind: 2_000_000 for kind in TokenKind}
    desk.books.prices = (
        Price("acme", "m-1", "user", "old", rates, (), date(2026, 11, 1)),
        Price("acme", "m-1", "user", "new", dearer, (), date(2026, 11, 17)),
    )
    rows = [
        {"timestamp": at, "model": "m-1", "input_tokens": 7, "output_tokens": 0}
        for at in ("2026-10-31T23:59:59Z", "2026-11-16T23:59:59Z", "2026-11-17T00:00:00Z")
    ]
    desk.take(desk.write("usage.jsonl", rows))
    assert desk.ask(
        "SELECT cost_nano_usd, price_book, price_entry, provider FROM usage_record"
    ) == [
        (None, None, None, "unknown"),
        (7, "user", "old", "acme"),
        (14, "user", "new", "acme"),
    ]


def test_a_long_context_is_priced_by_its_tier_as_a_whole(desk: Desk) -> None:
    base = {kind: 1_000_000 for kind in TokenKind}
    long = {kind: 3_000_000 for kind in TokenKind}
    desk.books.prices = (Price("acme", "m-1", "user", "e", base, (Tier(100, long),)),)
    rows = [
        {"timestamp": f"2026-11-16T10:00:0{n}Z", "model": "m-1"}
        | {"input_tokens": 60 + n, "cache_read_tokens": 40, "output_tokens": 5}
        for n in (0, 1)
    ]
    desk.take(desk.write("usage.jsonl", rows))
    assert desk.ask("SELECT cost_nano_usd FROM usage_record") == [(105,), (318,)]


def test_the_prices_that_an_import_used_are_kept_and_told_anew_when_they_change(
    desk: Desk, line: Callable[..., dict[str, Any]]
) -> None:
    model = "claude-sonnet-4-5-20250929"
    desk.take(desk.write("first.jsonl", [line(1), line(2)]))
    desk.take(desk.write("second.jsonl", [line(3)]))
    dearer = {kind: 2 * rate for kind, rate in SONNET.items()}
    desk.books = Books(entry_of(model, dearer))
    desk.take(desk.write("third.jsonl", [line(4)]))
    told = desk.ask("SELECT entry, rates['input'] FROM price_entry ORDER BY seq")
    entry = f"bundled:anthropic/{model}@always"
    assert told == [(entry, SONNET[TokenKind.INPUT]), (entry, 2 * SONNET[TokenKind.INPUT])]
