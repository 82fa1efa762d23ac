"""Text of strangers is printed so that it can forge nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.diagnostics.plain import escape, escape_character, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, with = and []", "plain text, with = and []"),
        ("é 漢字 🐦", "é 漢字 🐦"),
        ("a\tb\r\nc", "a\\tb\\r\\nc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("nul\x00 and del\x7f", "nul\\x00 and del\\x7f"),
        ("\x9b31m", "\\x9b31m"),  # the one-byte form of ESC [
        ("\u202egnp.exe", "\\u202egnp.exe"),  # reverses the reading direction
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028 and paragraph\u2029", "line\\u2028 and paragraph\\u2029"),
        ("half a pair \ud83d", "half a pair \\ud83d"),
        ("\U000e0041", "\\U000e0041"),  # an invisible letter of the tag block
        ("", ""),
    ],
)
def test_what_does_not_show_is_spelled_out_and_the_rest_stands(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text(st.characters()))
def test_escaped_text_is_one_line_without_anything_invisible(text: str) -> None:
    shown = escape(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    assert shown == "".join(map(escape_character, text))
    assert escape(shown) == shown


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("é", 1),
        ("e\u0301", 1),  # a combining accent takes no column of its own
        ("漢字", 4),
        ("\uff71", 1),
        ("\uff21", 2),
        ("🐦", 2),
        ("", 0),
    ],
)
def test_width_counts_terminal_columns(text: str, columns: int) -> None:
    assert width(text) == columns
