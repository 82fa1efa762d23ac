"""Draws bars of plain text, also for a terminal without colours or block characters."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(value: int | Fraction, largest: int | Fraction, *, width: int, unicode: bool = True) -> str:
    """Draw one bar.

    Args:
        value: What the bar stands for, exact; 0 or less draws nothing.
        largest: The value of a bar of full width.
        width: Full width in character cells, at least 1.
        unicode: Whether block characters in steps of an eighth can be shown; otherwise ``#`` in
            whole cells.

    Returns:
        The bar without trailing space. A value above 0 always shows at least the shortest mark.
    """
    if value <= 0 or largest <= 0:
        return ""
    steps = 8 if unicode else 1
    length = max(1, (2 * value * width * steps + largest) // (2 * largest))
    length = min(length, width * steps)
    if not unicode:
        return "#" * length
    whole, rest = divmod(length, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def bars(values: Sequence[int | Fraction | None], *, width: int, unicode: bool = True) -> list[str]:
    """Draw one bar for each value on a common scale; an unknown value (``None``) draws ``?``.

    Args:
        values: The values, in order.
        width: Width of the longest bar in character cells, at least 1.
        unicode: As in ``bar``.
    """
    largest = max((value for value in values if value is not None), default=0)
    return [
        "?" if value is None else bar(value, largest, width=width, unicode=unicode)
        for value in values
    ]
