"""The lines of a document that a diagnostic points at, with markers under them.

One source line becomes one row of at most ``MAX_COLUMNS`` columns, whatever it holds: tabs, wide
characters, control characters, secrets, or a megabyte without a line break.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from corvus.diagnostics.model import Span
from corvus.diagnostics.plain import escape, escape_character, width
from corvus.diagnostics.secrets import MASK, is_number, joined, secret_ranges

MAX_COLUMNS: Final = 100
_BEFORE: Final = 40
_TAB: Final = "    "
_CUT: Final = "..."


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one line to underline; columns are 0-based code points, ``end`` exclusive."""

    line: int
    start: int
    end: int
    label: str
    is_primary: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One row of output: ``line`` for source, ``mark`` for a marker, neither for lines left out."""

    text: str
    line: int | None = None
    mark: Mark | None = None


class Source:
    """A document prepared for excerpts.

    Args:
        text: The whole document without byte order mark.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines[:-1])]
        self._hidden = secret_ranges(text)

    def mark(self, span: Span, label: str, *, is_primary: bool) -> Mark | None:
        """Return the marker of a span; of several lines only the first, beyond the text none."""
        line = span.start.line
        if line > len(self._lines):
            return None
        start = min(span.start.column - 1, len(self._lines[line - 1]))
        end = span.end.column - 1
        if span.end.line > line:
            end = len(self._lines[line - 1].rstrip())
        return Mark(line, start, max(start + 1, end), label, is_primary)

    def rows(self, marks: list[Mark], *, hide: bool) -> list[Row]:
        """Return source and marker rows.

        Args:
            marks: At least one; several may share a line.
            hide: Whether the values of these lines are secret whatever their keys are.
        """
        rows: list[Row] = []
        shown: dict[int, list[Mark]] = {}
        for mark in marks:
            shown.setdefault(mark.line, []).append(mark)
        previous: int | None = None
        for line in sorted(shown):
            if previous is not None and line > previous + 1:
                rows.append(Row(_CUT))
            rows += self._line(line, shown[line], hide=hide)
            previous = line
        return rows

    def _line(self, line: int, marks: list[Mark], *, hide: bool) -> list[Row]:
        text = self._lines[line - 1].rstrip("\r")
        view = _View(text, self._hidden_in(line, text, hide=hide), _anchor(marks))
        rows = [Row(view.text, line=line)]
        for mark in sorted(marks, key=lambda mark: (mark.start, not mark.is_primary)):
            rows.append(Row(view.underline(mark), mark=mark))
        return rows

    def _hidden_in(self, line: int, text: str, *, hide: bool) -> list[tuple[int, int]]:
        start = self._starts[line - 1]
        first = max(bisect_left(self._hidden, (start, start)) - 1, 0)
        found: list[tuple[int, int]] = []
        for low, high in self._hidden[first:]:
            if low >= start + len(text):
                break
            if high > start:
                found.append((max(low - start, 0), min(high - start, len(text))))
        if hide and not text.lstrip().startswith("["):
            value = text.find("=") + 1
            value += len(text[value:]) - len(text[value:].lstrip())
            if value < len(text) and not is_number(text, value):
                found = joined(sorted([*found, (value, len(text))]))
        return found


class _View:
    """The part of a line that is shown: one printable cell for each code point."""

    def __init__(self, line: str, hidden: list[tuple[int, int]], anchor: int) -> None:
        self._hidden = hidden
        self._low = 0 if len(line) <= MAX_COLUMNS else max(0, min(anchor, len(line)) - _BEFORE)
        self._columns = [0]
        cells: list[str] = []
        high = self._low
        while high < len(line) and self._columns[-1] < MAX_COLUMNS:
            cells.append(self._cell(line[high], high))
            self._columns.append(self._columns[-1] + width(cells[-1]))
            high += 1
        self._prefix = _CUT if self._low else ""
        self.text = self._prefix + "".join(cells) + (_CUT if high < len(line) else "")

    def _cell(self, char: str, place: int) -> str:
        for start, end in self._hidden:
            if start <= place < end:
                return MASK if place == max(start, self._low) else ""
        return _TAB if char == "\t" else escape_character(char)

    def underline(self, mark: Mark) -> str:
        start, end = mark.start, mark.end
        for low, high in self._hidden:
            if low < start < high:
                start = low
            if low < end < high:
                end = high
        left = self._column(start)
        length = max(1, self._column(end) - left)
        sign = "^" if mark.is_primary else "-"
        label = f" {escape(mark.label)}" if mark.label else ""
        return " " * (len(self._prefix) + left) + sign * length + label

    def _column(self, place: int) -> int:
        return self._columns[min(max(place - self._low, 0), len(self._columns) - 1)]


def _anchor(marks: list[Mark]) -> int:
    return next((mark.start for mark in marks if mark.is_primary), marks[0].start)
