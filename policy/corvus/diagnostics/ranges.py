"""Half-open ranges of offsets in a text."""

from __future__ import annotations


def joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return sorted ranges with those that overlap or touch made one."""
    whole: list[tuple[int, int]] = []
    for start, end in ranges:
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole
