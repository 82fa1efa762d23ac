"""Figures as each language writes them; no amount above 0 is shown as 0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.gateway.pages.figures import Figures
from corvus.wording.words import load_words

EN, ES = Figures(load_words("en")), Figures(load_words("es"))
USD = 1_000_000_000


@pytest.mark.parametrize(
    ("amount", "english", "spanish"),
    [
        (4_000, "$0.000004", "0,000004 US$"),
        (4_000_000 * USD, "$4,000,000.00", "4.000.000,00 US$"),
        (0, "$0.00", "0,00 US$"),
        (1, "$0.000000001", "0,000000001 US$"),
        (5 * USD, "$5.00", "5,00 US$"),
        (5_370_000_000, "$5.37", "5,37 US$"),
        (5_372_150_000, "$5.3722", "5,3722 US$"),
        (99_999_990_000, "$100.00", "100,00 US$"),
        (123_456_789_012, "$123.46", "123,46 US$"),
        (-2_500_000_000, "-$2.50", "-2,50 US$"),
        (None, "unknown", "desconocido"),
    ],
)
def test_an_amount_has_the_decimals_that_its_size_asks_for(
    amount: int | None, english: str, spanish: str
) -> None:
    assert EN.usd(amount) == english
    assert ES.usd(amount).replace("\xa0", " ") == spanish


@given(st.integers(1, 9 * 10**18))
def test_no_amount_above_0_is_shown_as_0_and_exact_ones_are_exact(amount: int) -> None:
    assert set(EN.usd(amount)) - set("$0.,")
    digits = EN.usd_exact(amount).replace("$", "").replace(",", "")
    whole, _, decimals = digits.partition(".")
    assert int(whole) * USD + int(decimals.ljust(9, "0")) == amount


@pytest.mark.parametrize(
    ("percent", "english", "spanish"),
    [
        (Fraction(0), "0.0%", "0,0 %"),
        (Fraction(7996, 100), "79.9%", "79,9 %"),
        (Fraction(80), "80.0%", "80,0 %"),
        (Fraction(9999, 100), "99.9%", "99,9 %"),
        (250, "250.0%", "250,0 %"),
        (Fraction(10**7), "10,000,000.0%", "10.000.000,0 %"),
    ],
)
def test_percents_are_cut_not_rounded(percent: Fraction | int, english: str, spanish: str) -> None:
    assert EN.percent(percent) == english
    assert ES.percent(percent).replace("\xa0", " ") == spanish


def test_instants_are_in_utc_and_say_so() -> None:
    ahead = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert EN.instant(ahead) == "31 Dec 2025, 23:30 UTC"
    assert ES.instant(datetime(2026, 1, 1, 9, 5)) == "1 ene 2026, 09:05 UTC"  # noqa: DTZ001 - as rows of the ledger are
    assert EN.stamp("2026-03-04T05:06:07+00:00") == EN.instant(
        datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    )
    assert ES.number(1_234_567) == "1.234.567"
