"""Writes the items of one JSON array as JSON lines. Refuses arrays too large to hold in memory."""

from __future__ import annotations

import gzip
import json
from array import array
from collections.abc import Callable
from pathlib import Path

from policy.errors import ImportRefused

MAX_BYTES = 256 * 1024 * 1024
"""The largest array that is read, in bytes."""


def write_items(
    path: Path, target: Path, on_bytes: Callable[[int], None]
) -> tuple[array[int], list[tuple[int, str]]]:
    """Write the items of a JSON array as JSON lines.

    Args:
        path: The file.
        target: Where to write.
        on_bytes: Told once how many bytes are read; an array is read as a whole.

    Returns:
        The position from 1 of each item written, and those of the others with the reason.

    Raises:
        ImportRefused: The file is too large, or no JSON array.
        OSError: The file cannot be read, or the copy not written.
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ImportRefused("a JSON array of more than 256 MiB; convert it to JSON lines")
    try:
        items = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        raise ImportRefused(f"no JSON array: {fault}") from fault
    on_bytes(path.stat().st_size)
    numbers = array("q")
    bad: list[tuple[int, str]] = []
    with target.open("w", encoding="utf-8", errors="replace") as copy:
        for number, item in enumerate(items, start=1):
            if isinstance(item, dict):
                copy.write(json.dumps(item, ensure_ascii=False) + "\n")
                numbers.append(number)
            else:
                bad.append((number, "the item is no JSON object"))
    return numbers, bad
