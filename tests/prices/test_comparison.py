"""Own prices against the book: what differs, what is lacking, what is of another day (PRC-10)."""

from __future__ import annotations

from datetime import date

import pytest

from corvus.model.price import Price, Rates, Tier
from corvus.model.usage import TokenKind
from corvus.prices.comparison import Kind, Level, compare
from corvus.prices.lookup import PriceBooks

BOOK = PriceBooks()
TODAY = date(2026, 4, 1)


def bundled(model: str) -> Price:
    price = BOOK.find(model, on=TODAY)
    assert price is not None
    assert price.tiers
    return price


SONNET = bundled("claude-sonnet-4-5")


def own(rates: Rates, tiers: tuple[Tier, ...] = (), since: date | None = None) -> Price:
    return Price("", "claude-sonnet-4-5", "user", "user:x", rates, tiers, since)


def kinds(price: Price) -> list[Kind]:
    return [remark.kind for remark in compare(price, BOOK, TODAY)]


def test_the_same_price_can_be_left_out() -> None:
    assert kinds(own(SONNET.rates, SONNET.tiers)) == [Kind.EQUAL]


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        (3_029_999_999, []),
        (3_030_000_000, []),
        (3_030_000_001, [Kind.DIFFERENT]),
        (2_970_000_000, []),
        (2_969_999_999, [Kind.DIFFERENT]),
        (0, [Kind.DIFFERENT]),
        (29_999_999_999, [Kind.DIFFERENT]),
        (30_000_000_000, [Kind.UNIT]),
        (300_000_001, [Kind.DIFFERENT]),
        (300_000_000, [Kind.UNIT]),
    ],
)
def test_a_hundredth_is_a_difference_and_ten_times_another_unit(
    rate: int, found: list[Kind]
) -> None:
    price = own({**SONNET.rates, TokenKind.INPUT: rate}, SONNET.tiers)
    assert kinds(price) == found


def test_a_tier_of_the_book_that_an_own_price_has_not_is_named() -> None:
    assert kinds(own(SONNET.rates)) == [Kind.LACKING]


def test_tiers_are_compared_by_where_they_begin() -> None:
    (tier,) = SONNET.tiers
    dear = Tier(tier.above_tokens, {**tier.rates, TokenKind.OUTPUT: 1})
    (remark,) = compare(own(SONNET.rates, (dear,)), BOOK, TODAY)
    assert (remark.kind, remark.rate) == (Kind.UNIT, "output")
    assert "above 200,000 tokens" in remark.message


def test_a_kind_that_is_left_out_has_no_price_and_is_named() -> None:
    rates = {kind: SONNET.rates[kind] for kind in (TokenKind.INPUT, TokenKind.OUTPUT)}
    (remark,) = compare(own(rates, SONNET.tiers), BOOK, TODAY)
    assert remark.kind is Kind.LACKING
    assert "cache_read (0.3)" in remark.message


def test_a_price_older_than_that_of_the_book_is_outdated() -> None:
    dated = next(price for price in BOOK.in_force(TODAY) if price.effective_from)
    old = Price(
        dated.provider, dated.model, "user", "user:x", dated.rates, dated.tiers, date(2020, 1, 1)
    )
    assert Kind.OUTDATED in kinds(old)


def test_only_what_can_hardly_be_meant_is_an_error() -> None:
    levels = {kind: remark_level(kind) for kind in Kind}
    assert [kind for kind, level in levels.items() if level is Level.ERROR] == [Kind.UNIT]


def remark_level(kind: Kind) -> Level:
    from corvus.prices.comparison import LEVELS

    return LEVELS[kind]
