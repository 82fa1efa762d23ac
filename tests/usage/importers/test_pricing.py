"""What SQL computes is what ``corvus.prices.cost`` computes, to the nano-USD (PRC-6)."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.model.decision import UnpricedModel
from corvus.model.price import Price, Tier
from corvus.model.usage import TokenKind, Usage
from corvus.prices.cost import cost
from tests.usage.importers.conftest import SONNET, Books
from tests.usage.importers.conftest import price as entry_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.usage.importers.conftest import Desk

COUNTS = st.one_of(st.just(0), st.integers(1, 1200), st.integers(0, 10**9))
USAGES = st.builds(Usage, *([COUNTS] * 7))
# Rates that make halves of a nano-USD likely, and free and absent kinds.
RATE = st.one_of(st.just(0), st.just(500_000), st.integers(1, 10**7), st.integers(0, 10**13))
RATES = st.dictionaries(st.sampled_from(list(TokenKind)), RATE, min_size=5)
TIERS = st.lists(
    st.tuples(st.integers(0, 2000), RATES), max_size=2, unique_by=lambda tier: tier[0]
).map(lambda tiers: tuple(Tier(above, rates) for above, rates in sorted(tiers, key=first)))
DAYS = (None, date(2026, 11, 10), date(2026, 11, 17))


def first(pair: tuple[int, object]) -> int:
    return pair[0]


def expected(price: Price | None, usage: Usage) -> int | None:
    if price is None:
        return None
    try:
        return cost(usage, price)
    except UnpricedModel:
        return None


def in_force(prices: list[Price], day: date) -> Price | None:
    started = [one for one in prices if (one.effective_from or date.min) <= day]
    return max(started, key=lambda one: one.effective_from or date.min, default=None)


MODELS = st.fixed_dictionaries(
    {
        "usages": st.lists(USAGES, min_size=1, max_size=8),
        "books": st.lists(st.tuples(RATES, TIERS), min_size=1, max_size=3),
        "days": st.permutations(DAYS),
    }
)


# An import costs more than what is in it, so one example prices calls of many models.
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(models=st.lists(MODELS, min_size=1, max_size=12))
def test_sql_and_python_agree_to_the_nano(desk: Desk, models: list[dict[str, Any]]) -> None:
    prices: list[Price] = []
    rows: list[dict[str, Any]] = []
    wanted: dict[str, tuple[int | None, str | None]] = {}
    for number, one in enumerate(models):
        name = f"m-{number}"
        own = [
            Price("acme", name, "bundled", f"{name}-{since}", rates, tiers, since)
            for (rates, tiers), since in zip(one["books"], one["days"], strict=False)
        ]
        prices += own
        for call, usage in enumerate(one["usages"]):
            day = date(2026, 11, 16 + call % 2)
            price = in_force(own, day)
            amount = expected(price, usage)
            wanted[f"{name}-{call}"] = (
                amount,
                price.entry if price and amount is not None else None,
            )
            rows.append(
                {"id": f"{name}-{call}", "timestamp": f"{day}T10:00:00Z", "model": name}
                | {field: getattr(usage, field) for field in Usage.__slots__}
            )
    with tempfile.TemporaryDirectory() as folder:
        there = type(desk)(Path(folder), type(desk.books)(*prices))
        there.take(there.write("usage.jsonl", rows), columns={"tags.call": "id"})
        found = there.ask("SELECT tags['call'], cost_nano_usd, price_entry FROM usage_record")
    assert {call: (cost, entry) for call, cost, entry in found} == wanted


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
