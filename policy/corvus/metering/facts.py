"""Reads JSON that someone else wrote: what is absent counts as absent, and nothing is guessed.

Counts are whole numbers of at most nine digits. Anything else in the place of a count means that
the usage around it cannot be trusted, and is an error here; taps turn it into "usage unknown".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

Json: TypeAlias = Mapping[str, Any]
"""A JSON object whose members are not known yet."""

_COUNT_MAX = 999_999_999
_NOTHING: Json = {}


class Unusable(ValueError):
    """A count is no count."""


def json_object(text: bytes) -> Json | None:
    """Decode a JSON object; ``None`` when the text is anything else, however broken."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return as_object(value)


def as_object(value: object) -> Json | None:
    """Return a JSON object as such; ``None`` for any other value."""
    return cast(Json, value) if isinstance(value, dict) else None


def member(of: Json, key: str) -> Json:
    """Return the object under a key; an empty one when there is none."""
    return as_object(of.get(key)) or _NOTHING


def objects(of: Json, key: str) -> list[Json]:
    """Return the objects of the array under a key."""
    value = of.get(key)
    if not isinstance(value, list):
        return []
    found = (as_object(item) for item in cast(list[object], value))
    return [item for item in found if item is not None]


def text_or_none(of: Json, key: str) -> str | None:
    """Return the text under a key; ``None`` when it is absent, empty or no text."""
    value = of.get(key)
    return value if isinstance(value, str) and value else None


def grown(before: Json, now: Json) -> dict[str, Any]:
    """Return counts that were reported twice: they are cumulative, so the larger one holds.

    What is ``None`` says nothing; what is no number is taken as it comes last. Some vendors report
    the input at the start of a stream, and 0 at its end.
    """
    found = dict(before)
    for key, value in now.items():
        known = found.get(key)
        if value is None:
            continue
        inner, known_inner = as_object(value), as_object(known)
        if inner is not None and known_inner is not None:
            found[key] = grown(known_inner, inner)
        elif not (_is_number(known) and _is_number(value) and known > value):
            found[key] = value
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def count(of: Json, *keys: str) -> int:
    """Return the count under the first key that has one; 0 when none has.

    Raises:
        Unusable: It is negative, no whole number, or has more than nine digits.
    """
    for key in keys:
        value = of.get(key)
        if value is None:
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _COUNT_MAX:
            raise Unusable(f"{key} is no count: {value!r}")
        return value
    return 0
