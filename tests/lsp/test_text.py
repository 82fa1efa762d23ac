"""Places in a text as editors count them, and the changes that they send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from corvus.lsp.text import Text

ENCODINGS = ("utf-8", "utf-16", "utf-32")
TEXTS = st.text(alphabet="ab\r\n\u00e9\u2028\x0c\U0001f600\ufeff", max_size=30)
END = types.Position(10**6, 10**6)


def units(text: str, encoding: str) -> int:
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    return len(text.encode(f"{encoding}-le" if width > 1 else encoding)) // width


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_astral_character_counts_as_the_encoding_says(encoding: str) -> None:
    text = Text("a\U0001f600b = 1\r\n\u00e9c\n", encoding)
    assert text.position(2) == types.Position(0, units("a\U0001f600", encoding))
    assert text.offset(types.Position(1, units("\u00e9", encoding))) == text.body.index("c")


def test_only_what_the_protocol_says_ends_a_line() -> None:
    text = Text("a # \x0c \x85 \u2028 \x1e\nb\rc\r\nd")
    assert [text.position(text.body.index(each)).line for each in "bcd"] == [1, 2, 3]


def test_a_byte_order_mark_counts_for_the_editor_and_not_for_a_check() -> None:
    text = Text("\ufeffa = 1\nb = 2\n")
    assert (text.position(0), text.position(6)) == (types.Position(0, 1), types.Position(1, 0))
    assert (text.offset(types.Position(0, 0)), text.offset(types.Position(0, 2))) == (0, 1)
    assert text.raw.startswith(b"\xef\xbb\xbfa")


def test_half_of_a_pair_never_fails() -> None:
    text = Text("a = '\ud83d'\n")
    assert text.raw == b"a = '?'\n"
    assert text.position(7).character == 7


@given(TEXTS, st.sampled_from(ENCODINGS))
def test_an_offset_that_an_editor_can_name_comes_back(whole: str, encoding: str) -> None:
    text = Text(whole, encoding)
    for offset in range(len(text.body) + 1):
        if text.body[offset - 1 : offset + 1] != "\r\n":  # between the two an editor cannot stand
            assert text.offset(text.position(offset)) == offset


@given(TEXTS, TEXTS, st.sampled_from(ENCODINGS), st.data())
def test_a_change_replaces_what_is_between_two_positions(
    whole: str, new: str, encoding: str, data: st.DataObject
) -> None:
    text = Text(whole, encoding, 1)
    bounds = st.integers(0, len(text.body))
    start, end = sorted((data.draw(bounds), data.draw(bounds)))
    change = types.TextDocumentContentChangePartial(text.range(start, end), new)
    kept = [text.offset(text.position(each)) for each in (start, end)]
    shift = len(text.whole) - len(text.body)
    changed = text.changed([change], 2)
    assert changed.version == 2
    assert changed.whole == whole[: kept[0] + shift] + new + whole[kept[1] + shift :]


def test_changes_are_made_in_their_order_and_beyond_the_end_is_the_end() -> None:
    text = Text("abc\n", version=1)
    place = types.Range(types.Position(0, 1), types.Position(0, 99))
    changed = text.changed(
        [
            types.TextDocumentContentChangePartial(place, "x"),
            types.TextDocumentContentChangePartial(types.Range(END, END), "tail"),
        ],
        7,
    )
    assert (changed.whole, changed.version) == ("ax\ntail", 7)
    whole = types.TextDocumentContentChangeWholeDocument("new")
    assert changed.changed([whole], 8).whole == "new"
