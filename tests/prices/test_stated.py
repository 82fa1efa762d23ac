"""Prices as an author states them, exact (PRC-2)."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.compile import compile_prices
from corvus.config.model.settings import Settings
from corvus.config.toml.values import quoted, written
from corvus.model.usage import FEES, TokenKind
from corvus.prices.lookup import PriceBooks
from corvus.prices.stated import entry_of, rate_text


@pytest.mark.parametrize(
    ("kind", "rate", "text"),
    [
        (TokenKind.INPUT, 2_500_000_000, "2.5"),
        (TokenKind.INPUT, 10_000_000_000, "10"),
        (TokenKind.INPUT, 1, "0.000000001"),
        (TokenKind.INPUT, 0, "0"),
        (TokenKind.WEB_SEARCH, 10_000_000_000_000, "0.01"),
        (TokenKind.WEB_SEARCH, 1, "0.000000000000001"),
    ],
)
def test_a_rate_is_written_exactly_in_the_unit_of_its_key(
    kind: TokenKind, rate: int, text: str
) -> None:
    assert rate_text(kind, rate) == text


@given(st.sampled_from([*TokenKind]), st.integers(0, 10**18))
def test_no_rate_loses_a_digit(kind: TokenKind, rate: int) -> None:
    per = 10**15 if kind in FEES else 10**9
    assert Decimal(rate_text(kind, rate)) * per == rate


def test_every_bundled_price_can_be_stated_as_an_own_one() -> None:
    """What an editor offers costs what the book says, tiers and fees included."""
    for price in PriceBooks().in_force(date(2026, 11, 28)):
        required = {TokenKind.INPUT, TokenKind.OUTPUT}
        known = (price.rates, *(tier.rates for tier in price.tiers))
        if price.hours or not all(required <= rates.keys() for rates in known):
            continue
        text = f"[cost.prices]\n{quoted(price.key)} = {written(entry_of(price))}\n"
        data = tomllib.loads(text, parse_float=Decimal)
        (own,) = compile_prices(Settings.model_validate(data))
        assert own.rates == {**price.rates, TokenKind.REASONING: own.rates[TokenKind.REASONING]}
        assert [tier.above_tokens for tier in own.tiers] == [
            tier.above_tokens for tier in price.tiers
        ]
