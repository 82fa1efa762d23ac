"""One source line is one row of bounded width, and a marker stands under what it marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.diagnostics.excerpt import MAX_COLUMNS, Mark, Row, Source
from corvus.diagnostics.model import Position, Span
from corvus.diagnostics.plain import width


def position(line: int, column: int) -> Position:
    return Position(0, 0, line, column)


def span(line: int, start: int, end: int, last: int | None = None) -> Span:
    """A span by lines and 1-based columns, the end exclusive."""
    return Span(position(line, start), position(last or line, end))


def rows(text: str, *spans: Span, label: str = "") -> list[str]:
    source = Source(text)
    marks = [source.mark(one, label, is_primary=not n) for n, one in enumerate(spans)]
    return [row.text for row in source.rows([mark for mark in marks if mark], hide=False)]


def test_a_marker_stands_under_its_span() -> None:
    assert rows("limit = 5\nwarn = 80", span(2, 8, 10), label="too high") == [
        "warn = 80",
        "       ^^ too high",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"漢字" = x', ['"漢字" = x', "         ^"]),
        ('"e\u0301" = x', ['"e\u0301" = x', "      ^"]),
        ("\tk = x", ["    k = x", "        ^"]),
        ('"\x1b" = x', ['"\\x1b" = x', "         ^"]),
        ('"\u202e" = x', ['"\\u202e" = x', "           ^"]),
    ],
)
def test_wide_narrow_and_escaped_characters_move_the_marker(text: str, shown: list[str]) -> None:
    place = text.index("x", text.index("=")) + 1
    assert rows(text, span(1, place, place + 1)) == shown


def test_a_marker_is_as_wide_as_what_it_marks() -> None:
    assert rows('k = "漢\t字"', span(1, 5, 10)) == ['k = "漢    字"', "    ^^^^^^^^^^"]


def test_several_marks_of_one_line_come_under_it_from_left_to_right() -> None:
    found = Source("a = 1, b = 2").rows(
        [
            Mark(1, 7, 8, "second", is_primary=False),
            Mark(1, 0, 1, "first", is_primary=True),
            Mark(1, 7, 12, "here", is_primary=True),
        ],
        hide=False,
    )
    assert [row.text for row in found] == [
        "a = 1, b = 2",
        "^ first",
        "       ^^^^^ here",
        "       - second",
    ]
    assert [row.line for row in found] == [1, None, None, None]
    assert [row.mark.label for row in found if row.mark] == ["first", "here", "second"]


def test_lines_are_shown_in_their_order_and_a_gap_is_told() -> None:
    text = "one\ntwo\nthree\nfour"
    assert rows(text, span(4, 1, 5), span(1, 1, 4), span(2, 1, 4)) == [
        "one",
        "---",
        "two",
        "---",
        "...",
        "four",
        "^^^^",
    ]


def test_a_carriage_return_before_a_line_feed_is_no_part_of_the_line() -> None:
    assert rows("a = 1\r\nb = 2\r\n", span(1, 5, 6), span(2, 1, 2)) == [
        "a = 1",
        "    ^",
        "b = 2",
        "-",
    ]


def test_of_a_span_of_several_lines_the_first_is_marked_to_its_end() -> None:
    assert rows("a = [  \r\n1,\n]", span(1, 5, 2, last=3)) == ["a = [  ", "    ^"]
    assert rows("a = [1,\n2]", span(1, 5, 3, last=2)) == ["a = [1,", "    ^^^"]


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("a = ", span(1, 5, 5), ["a = ", "    ^"]),  # the end of a line
        ("a = 1", span(1, 90, 99), ["a = 1", "     ^"]),  # beyond it
        ("a\n", span(2, 1, 1), ["", "^"]),  # the empty line behind the last line feed
        ("", span(1, 1, 1), ["", "^"]),
        ("a = 1", span(1, 3, 3), ["a = 1", "  ^"]),  # of no length
    ],
)
def test_every_place_can_be_marked(text: str, place: Span, shown: list[str]) -> None:
    assert rows(text, place) == shown


def test_a_line_beyond_the_text_has_no_marker() -> None:
    assert Source("a = 1").mark(span(2, 1, 2), "", is_primary=True) is None


def test_a_label_is_escaped() -> None:
    assert rows("a", span(1, 1, 2), label="\x1b[2J\n") == ["a", "^ \\x1b[2J\\n"]


def test_a_long_line_is_cut_around_the_mark() -> None:
    text = "x" * 500 + "MARK" + "y" * 1_000_000
    line, marker = rows(text, span(1, 501, 505))
    assert line.startswith("...xx")
    assert line.endswith("yy...")
    place = line.index("MARK")
    assert marker == " " * place + "^^^^"


def test_a_long_line_marked_at_its_start_is_cut_only_behind() -> None:
    line, marker = rows("MARK" + "y" * 500, span(1, 1, 5))
    assert line == "MARK" + "y" * (MAX_COLUMNS - 4) + "..."
    assert marker == "^^^^"


def test_a_second_mark_outside_the_cut_stays_within_the_row() -> None:
    found = rows("a" * 1000, span(1, 500, 504), span(1, 1, 3), span(1, 990, 999))
    assert all(len(row) <= MAX_COLUMNS + 6 for row in found)
    assert sum(row.lstrip().startswith("-") for row in found) == 2


@given(
    text=st.text(st.characters(exclude_characters="\n"), max_size=300),
    start=st.integers(1, 400),
    length=st.integers(0, 400),
)
def test_any_line_is_one_row_of_bounded_width_with_a_marker_below(
    text: str, start: int, length: int
) -> None:
    line, marker = rows(text, span(1, start, start + length))
    # The last character shown may be an escape of ten columns; both cuts take three.
    assert width(line) <= MAX_COLUMNS + 3 + 10 + 3
    assert len(line.splitlines()) <= 1
    assert marker.strip(" ").strip("^") == ""
    assert 1 <= len(marker.strip(" ")) <= len(marker) <= width(line) + 1


def test_a_row_is_a_line_a_marker_or_what_was_left_out() -> None:
    source = Source("one\ntwo\nthree")
    marks = [source.mark(span(line, 1, 2), "", is_primary=True) for line in (1, 3)]
    found = source.rows([mark for mark in marks if mark], hide=False)
    assert [(row.line, row.mark is not None) for row in found] == [
        (1, False),
        (None, True),
        (None, False),
        (3, False),
        (None, True),
    ]
    assert found[2] == Row("...")
