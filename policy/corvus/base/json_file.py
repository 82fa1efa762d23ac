"""Reads a JSON object from a file that somebody else writes: bounded, and never half."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BYTES_MAX = 1_048_576


class JsonFileFault(Exception):
    """A file that is no JSON object; the words end a sentence that begins with its name."""


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        JsonFileFault: It cannot be read, is too large, or holds something else.
    """
    try:
        if not path.is_file():
            path.stat()
            raise JsonFileFault("is no regular file")
        with path.open("rb") as stream:
            data = stream.read(BYTES_MAX + 1)
    except (OSError, ValueError) as fault:  # as a path with a NUL is
        reason = getattr(fault, "strerror", None) or fault
        raise JsonFileFault(f"cannot be read: {reason}") from None
    if len(data) > BYTES_MAX:
        raise JsonFileFault(f"is larger than {BYTES_MAX:,} bytes")
    try:
        found: Any = json.loads(data, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise JsonFileFault("is no JSON") from None
    if not isinstance(found, dict):
        raise JsonFileFault("is no JSON object")
    return found  # pyright: ignore[reportUnknownVariableType] - whatever JSON can say


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
