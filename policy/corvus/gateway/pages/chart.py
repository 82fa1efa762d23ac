"""Charts as lengths of an SVG: columns, a line, or bars with their names before them.

Words and amounts come from whoever asks. All start at 0; what is unknown has no bar, and where all
are 0 there is no line above it. Refuses to draw negative values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

_LEFT, _WIDTH, _HEIGHT, _TOP, _BOTTOM = 78, 420, 200, 10, 20
_LABELS_MAX = 7
_BAR_MAX = 60.0
_LINES = 4
_NAMES, _VALUES, _ROW, _LETTER = 0.3, 110, 22, 7
"""Of bars with names: the share that these have, room for values, height of a bar, of a letter."""


@dataclass(frozen=True, slots=True)
class Point:
    """One bar to be drawn.

    Attributes:
        value: >= 0; ``None`` is unknown.
        label: What stands below it, where there is room.
        text: What a pointer over it shows.
        parts: What the value is made of, from the bottom up: the series, how much, and what a
            pointer over it shows; without any, the bar is one piece.
    """

    value: int | None
    label: str
    text: str
    parts: Sequence[tuple[int, int, str]] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar as drawn, or a piece of it, in units of the view box.

    Attributes:
        series: Which of the colours it has; 0 where there is one.
    """

    x: float
    y: float
    width: float
    height: float
    label: str
    text: str
    series: int = 0

    @property
    def middle(self) -> float:
        """Where its label is centred."""
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the grid with its amount."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart, in units of its view box.

    Attributes:
        path: Points of a line through the tops of the bars; without one the bars are shown.
    """

    bars: Sequence[Bar]
    lines: Sequence[Line]
    left: int = _LEFT
    width: int = _WIDTH
    height: int = _HEIGHT
    path: str = ""


@dataclass(frozen=True, slots=True)
class NamedBar:
    """One bar with its name before it and its value after it.

    Attributes:
        name: Cut to the room there is.
        text: All of it, which a pointer over it shows.
    """

    y: int
    length: float
    name: str
    value: str
    text: str


@dataclass(frozen=True, slots=True)
class NamedBars:
    """A chart of bars that lie below each other, in units of its view box."""

    bars: Sequence[NamedBar]
    left: int
    width: int
    height: int


def bars_of(points: Sequence[Point], write: Callable[[int], str], width: int = _WIDTH) -> Bars:
    """Return the chart of some points.

    Args:
        points: From left to right.
        write: Writes the amount of a line of the grid.
        width: Of the view box: half as wide is written twice as large.
    """
    most = max((one.value or 0 for one in points), default=0)
    top = _round_up(most)
    room = _HEIGHT - _TOP - _BOTTOM
    step = (width - _LEFT) / max(1, len(points))
    wide = min(step * 0.8, _BAR_MAX)
    every = -(-len(points) // _LABELS_MAX)
    found: list[Bar] = []
    for place, point in enumerate(points):
        x = round(_LEFT + (place + 0.5) * step - wide / 2, 1)
        label = point.label if place % every == 0 else ""
        foot = float(_TOP + room)
        for series, value, text in point.parts or [(0, point.value or 0, point.text)]:
            height = room * value / top
            height = max(height, 1.0) if value else 0.0
            foot -= height
            found.append(
                Bar(x, round(foot, 1), round(wide, 1), round(height, 1), label, text, series)
            )
            label = ""
    lines = [
        Line(round(_TOP + room * (1 - one / _LINES), 1), write(top * one // _LINES))
        for one in range(_LINES + 1 if most else 1)
    ]
    return Bars(found, lines, width=width)


def line_of(points: Sequence[Point], write: Callable[[int], str], width: int = _WIDTH) -> Bars:
    """Return a line through some points, as ``bars_of`` does; what is unknown is left out."""
    drawn = bars_of(points, write, width)
    tops = zip(points, drawn.bars, strict=True)
    path = " ".join(f"{bar.middle},{bar.y}" for point, bar in tops if point.value is not None)
    return replace(drawn, path=path)


def named_bars_of(points: Sequence[Point], values: Sequence[str], *, width: int) -> NamedBars:
    """Return bars that lie below each other, each as long as its value.

    Args:
        points: From top to bottom; their labels are the names.
        values: What each is worth, as people read it.
        width: Of the view box.
    """
    most = max((one.value or 0 for one in points), default=0) or 1
    left = round(width * _NAMES)
    room = width - left - _VALUES
    bars = [
        NamedBar(
            place * _ROW,
            round(room * max(0, point.value or 0) / most, 1),
            _cut(point.label, left // _LETTER),
            value,
            point.text,
        )
        for place, (point, value) in enumerate(zip(points, values, strict=True))
    ]
    return NamedBars(bars, left, width, _ROW * len(bars))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _round_up(value: int) -> int:
    """Return the next round amount that four lines divide: 1, 2, 4 or 8 with zeros."""
    if value <= 0:
        return _LINES
    power = 10 ** (len(str(value)) - 1)
    return max(_LINES, next(one * power for one in (1, 2, 4, 8, 10) if one * power >= value))
