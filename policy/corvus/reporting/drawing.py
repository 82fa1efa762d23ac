"""Draws the chart of a report as an SVG file: bars with their labels and values, as text."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from corvus.diagnostics.xml import attribute

_ROW, _BAR, _TOP, _EDGE = 24, 16, 48, 16
_LABELS, _BARS, _VALUES = 280, 480, 160
"""Widths in pixels; a label is cut to fit."""


def svg(
    title: str, labels: Sequence[str], values: Sequence[str], amounts: Sequence[Fraction | None]
) -> str:
    """Return the chart of a report as a document of its own, which loads nothing.

    Args:
        title: Stands above, and is what a screen reader says.
        labels: What each bar stands for.
        values: What each is worth, as people read it.
        amounts: The same, exact; there is no bar for what is unknown, 0 or less.
    """
    largest = max((one for one in amounts if one is not None), default=0)
    width, height = _LABELS + _BARS + _VALUES + 2 * _EDGE, _TOP + _ROW * len(labels) + _EDGE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="13">',
        f"<title>{attribute(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_EDGE}" y="28" font-size="16" font-weight="bold">{attribute(title)}</text>',
    ]
    for place, (label, value, one) in enumerate(zip(labels, values, amounts, strict=True)):
        top, start = _TOP + _ROW * place, _EDGE + _LABELS
        length = round(float(_BARS * one / largest), 1) if one and one > 0 else 0
        lines += [
            f'<text x="{start - 8}" y="{top + 13}" text-anchor="end">{attribute(label)}</text>',
            f'<rect x="{start}" y="{top}" width="{length}" height="{_BAR}" fill="#1f6f8b"/>',
            f'<text x="{start + length + 8}" y="{top + 13}">{attribute(value)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
