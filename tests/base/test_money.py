"""Amounts are integers of nano-USD, exact in and out (PRC-1)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.money import (
    divide_half_even,
    divide_up,
    nano_usd,
    usd,
    usd_exact,
    usd_short,
    usd_text,
)


@given(st.integers(0, 10**22))
def test_usd_and_nano_usd_convert_without_loss(amount: int) -> None:
    assert nano_usd(usd(amount)) == amount


@pytest.mark.parametrize("amount", ["0.0000000001", "NaN", "Infinity"])
def test_an_amount_finer_than_a_nano_usd_or_not_finite_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="whole number of nano-USD"):
        nano_usd(Decimal(amount))


@given(st.integers(0, 10**30), st.integers(1, 10**12))
def test_rounding_is_half_even_or_up_as_the_name_says(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert divide_half_even(numerator, denominator) == round(exact)
    assert 0 <= divide_up(numerator, denominator) - exact < 1


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [
        (0, 4, "0.0000"),
        (0, 9, "0.000000000"),
        (1, 9, "0.000000001"),
        (1_234_567_890, 4, "1.2346"),
        (None, 4, "unknown"),
        (50_000, 4, "0.0000"),
    ],
)
def test_amounts_are_written_with_fixed_decimals_and_never_an_exponent(
    amount: int | None, places: int, text: str
) -> None:
    assert usd_text(amount, places) == text


@given(st.integers(-(10**22), 10**22), st.integers(1, 9))
def test_short_and_exact_amounts_read_back_as_they_were(amount: int, least: int) -> None:
    assert nano_usd(Decimal(usd_exact(amount))) == amount
    short = usd_short(amount, least)
    assert nano_usd(Decimal(short.replace(",", ""))) == amount
    decimals = short.partition(".")[2]
    assert least <= len(decimals) <= 9
    assert not decimals[least:].endswith("0")


@pytest.mark.parametrize("amount", [0.1, 1.0, float("nan")])
def test_a_float_is_told_what_to_pass_instead(amount: float) -> None:
    with pytest.raises(ValueError, match=rf'pass Decimal\("{amount!r}"\)'):
        nano_usd(amount)  # pyright: ignore[reportArgumentType]
