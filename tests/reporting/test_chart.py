"""Bars are proportional, never lost for small values, and need no block characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corvus.reporting.chart import bar, bars


def test_bars_share_one_scale() -> None:
    assert bars([4, 2, 1, 0, None], width=4) == ["████", "██", "█", "", "?"]


def test_fractions_of_a_cell_are_drawn_in_eighths() -> None:
    assert bar(9, 16, width=2) == "█▏"


def test_without_block_characters_bars_are_ascii() -> None:
    assert bars([4, 2, 0], width=4, unicode=False) == ["####", "##", ""]


def test_bars_of_nothing_are_empty() -> None:
    assert bars([0, 0], width=4) == ["", ""]
    assert bars([], width=4) == []


@given(st.integers(1, 2**63), st.integers(1, 2**63), st.integers(1, 100), st.booleans())
def test_bar_of_a_value_above_0_shows_and_never_overflows(
    value: int, largest: int, width: int, unicode: bool
) -> None:
    assert 1 <= len(bar(value, max(value, largest), width=width, unicode=unicode)) <= width
