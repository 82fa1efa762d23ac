"""No price stands in for another one: a property of the whole bundled book (PRC-8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest

from corvus.model.price import Price
from corvus.model.usage import MODALITIES, TokenKind
from corvus.prices.book import BOOK_PATH, BundledBook
from corvus.prices.entry import Entry

BOOK = BundledBook()
ENTRIES = [entry for shop in BOOK.shops.values() for entry in shop.models()]
STATED_EQUAL = {"openai/gpt-3.5-turbo-1106-batch"}
"""Variants for which the source itself states the standard prices, and litellm the same."""


def in_force(history: tuple[Price, ...], on: date) -> Price | None:
    begun = [one for one in history if one.effective_from is None or one.effective_from <= on]
    return begun[-1] if begun else None


def offers() -> Iterator[tuple[Entry, str, Price]]:
    for entry in ENTRIES:
        for variant in entry.variants():
            for price in entry.history(variant):
                yield entry, variant, price


def test_no_variant_costs_what_the_standard_costs_on_its_first_day() -> None:
    wrong: list[str] = []
    for entry, variant, price in offers():
        standard = in_force(entry.history(), price.effective_from or date.min)
        alike = standard is not None and (price.rates, price.tiers) == (
            standard.rates,
            standard.tiers,
        )
        if alike and f"{entry.provider}/{entry.model}-{variant}" not in STATED_EQUAL:
            wrong.append(price.entry)
    assert wrong == []


def test_nearly_every_variant_has_a_first_day() -> None:
    """The source states seven models' variants without one; no other is "always"."""
    always = {entry.model for entry, _, price in offers() if price.effective_from is None}
    assert always <= {
        "claude-fable-5-2",
        "claude-mythos-5-2",
        "claude-opus-4-8",
        "claude-opus-5",
        "claude-opus-5-5",
        "gpt-6.1-terra",
    }


def test_a_batch_never_costs_more_than_the_standard() -> None:
    for entry, variant, price in offers():
        standard = in_force(entry.history(), price.effective_from or date.min)
        if variant != "batch" or standard is None:
            continue
        for kind in (TokenKind.INPUT, TokenKind.OUTPUT):
            if kind in price.rates and kind in standard.rates:
                assert price.rates[kind] <= standard.rates[kind], price.entry


def test_the_days_of_a_history_ascend() -> None:
    for entry in ENTRIES:
        for history in (entry.history(), *(entry.history(one) for one in entry.variants())):
            days = [price.effective_from or date.min for price in history]
            assert days == sorted(set(days)), entry


def test_hours_leave_no_minute_of_a_week_without_a_price() -> None:
    """PRC-11: and what is held is never less than what an hour costs."""
    priced = [price for entry in ENTRIES for price in entry.history() if price.hours]
    assert priced
    for price in priced:
        last = price.hours[-1]
        assert (last.days, last.start_minute, last.end_minute) == (frozenset(range(7)), 0, 1440)
        for some in price.hours:
            assert all(price.rates[kind] >= rate for kind, rate in some.rates.items())


@pytest.mark.parametrize("kind", ["cache_read", "input", "output"])
def test_a_rate_of_a_modality_stands_beside_one_of_text(kind: str) -> None:
    """A model that prices pictures and no text would price nothing of a usual call."""
    for entry in ENTRIES:
        for price in entry.history():
            if any(one.startswith(kind) for one in price.rates if one in MODALITIES):
                assert {TokenKind.INPUT, TokenKind.OUTPUT} & price.rates.keys(), price.entry


def test_hosts_name_only_models_of_their_makers() -> None:
    for makers in BOOK.equal.values():
        for maker, models in makers.items():
            assert all(BOOK.shops[maker].exact(model) for model in models)


def test_the_book_is_one_line_for_each_model_and_small() -> None:
    text = BOOK_PATH.read_text(encoding="utf-8")
    assert len(text) < 500_000
    assert text.count("\n") < len(ENTRIES) + 200
    assert json.loads(text)["book"]["format"] == 2
