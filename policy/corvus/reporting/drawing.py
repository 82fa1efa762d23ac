"""Draws the chart of a report as a file: bars with their labels and values, as SVG or PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from corvus.base.errors import ReportError
from corvus.diagnostics.xml import attribute

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

SUFFIXES = (".svg", ".png")
"""Of the files that can be drawn."""

_ROW, _BAR, _TOP, _EDGE, _GAP = 24, 16, 48, 16, 8
_LABELS, _BARS, _VALUES = 280, 480, 160
"""Widths in pixels; a label is cut to fit."""
_TITLE_SIZE, _TEXT_SIZE = 16, 13
_PAPER, _INK, _FILL = "#ffffff", "#000000", "#1f6f8b"
_SCALE = 2
"""Pixels of a PNG for each of an SVG: it is sharp on a dense screen, and in print."""
_PIXELS_MAX = 32_000
"""Of height, beyond which programs that show a PNG give up."""


class _Row(NamedTuple):
    """One bar with its words; lengths in pixels of the SVG."""

    label: str
    value: str
    top: int
    length: float


class Drawing:
    """The chart of a report, drawn.

    Args:
        title: Stands above, and is what a screen reader says.
        labels: What each bar stands for.
        values: What each is worth, as people read it.
        amounts: The same, exact; there is no bar for what is unknown, 0 or less.
    """

    def __init__(
        self,
        title: str,
        labels: Sequence[str],
        values: Sequence[str],
        amounts: Sequence[Fraction | None],
    ) -> None:
        self._title = title
        largest = max((one for one in amounts if one is not None), default=0)
        lengths = [
            round(float(_BARS * one / largest), 1) if one and one > 0 else 0 for one in amounts
        ]
        self._rows = [
            _Row(label, value, _TOP + _ROW * place, length)
            for place, (label, value, length) in enumerate(
                zip(labels, values, lengths, strict=True)
            )
        ]
        self._width = _LABELS + _BARS + _VALUES + 2 * _EDGE
        self._height = _TOP + _ROW * len(self._rows) + _EDGE

    def bytes_of(self, suffix: str) -> bytes:
        """Return the file of a suffix of ``SUFFIXES``.

        Raises:
            ReportError: A PNG cannot be drawn: the library is missing, or there are too many bars.
        """
        return self._png() if suffix == ".png" else self.svg().encode("ascii")

    def svg(self) -> str:
        """Return a document of its own, which loads nothing."""
        width, height, title = self._width, self._height, attribute(self._title)
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" '
            f'font-size="{_TEXT_SIZE}">',
            f"<title>{title}</title>",
            f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>',
            f'<text x="{_EDGE}" y="28" font-size="{_TITLE_SIZE}" font-weight="bold">{title}</text>',
        ]
        start = _EDGE + _LABELS
        for label, value, top, length in self._rows:
            lines += [
                f'<text x="{start - _GAP}" y="{top + 13}" text-anchor="end">'
                f"{attribute(label)}</text>",
                f'<rect x="{start}" y="{top}" width="{length}" height="{_BAR}" fill="{_FILL}"/>',
                f'<text x="{start + length + _GAP}" y="{top + 13}">{attribute(value)}</text>',
            ]
        return "\n".join([*lines, "</svg>", ""])

    def _png(self) -> bytes:
        try:
            from PIL import Image, ImageDraw
        except ModuleNotFoundError as fault:
            raise ReportError(
                "a chart as PNG needs pillow: pip install 'corvus-policy[png]', or name a .svg"
            ) from fault
        width, height = _SCALE * self._width, _SCALE * self._height
        if height > _PIXELS_MAX:
            raise ReportError(
                f"{len(self._rows):,} bars are too many for a PNG: name a .svg, or a shorter period"
            )
        image = Image.new("RGB", (width, height), _PAPER)
        draw = ImageDraw.Draw(image)
        title, text = _font(_TITLE_SIZE, bold=True), _font(_TEXT_SIZE)
        middle = _SCALE * _TOP // 2
        fitting = _cut(self._title, title, width - 2 * _SCALE * _EDGE)
        draw.text((_SCALE * _EDGE, middle), fitting, _INK, title, anchor="lm")
        start = _SCALE * (_EDGE + _LABELS)
        for label, value, top, length in self._rows:
            upper, lower = _SCALE * top, _SCALE * (top + _BAR)
            middle, end = (upper + lower) // 2, start + round(_SCALE * length)
            shown = _cut(label, text, _SCALE * (_LABELS - _GAP))
            draw.text((start - _SCALE * _GAP, middle), shown, _INK, text, anchor="rm")
            if length:
                draw.rectangle((start, upper, end - 1, lower - 1), _FILL)
            draw.text((end + _SCALE * _GAP, middle), value, _INK, text, anchor="lm")
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
        return file.getvalue()


def _font(size: int, *, bold: bool = False) -> FreeTypeFont | ImageFont:
    """Return a font of this machine that has most letters, else the one of the library."""
    from PIL import ImageFont

    for name in ("DejaVuSans-Bold.ttf", "arialbd.ttf") if bold else ("DejaVuSans.ttf", "arial.ttf"):
        try:
            return ImageFont.truetype(name, _SCALE * size)
        except OSError:
            continue
    return ImageFont.load_default(_SCALE * size)


def _cut(text: str, font: FreeTypeFont | ImageFont, width: int) -> str:
    """Return a text on one line, cut to fit."""
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
