"""Reads JSON that someone else wrote: what is absent counts as absent, and nothing is guessed.

Counts are whole numbers of at most nine digits. Anything else in the place of a count means that
the usage around it cannot be trusted, and is an error here; taps turn it into "usage unknown".

A number with a fraction is a ``Decimal``, read from its text: an answer may state its cost (PRC-9),
and no float takes part in money.

An object that names a member twice says two things. The one that costs more holds: the larger of
two counts, but the smaller of two that count a discount (PRX-3).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, DecimalException
from typing import Any, NamedTuple, TypeAlias, cast

Json: TypeAlias = Mapping[str, Any]
"""A JSON object whose members are not known yet."""

_COUNT_MAX = 999_999_999
NOTHING: Json = {}
"""An object without members."""


_DISCOUNT = re.compile(r"cached|_hit_")
"""In the name of a count of what was cheaper than the rest of its total.

Anthropic's ``cache_read_input_tokens`` stands next to a total, and is none.
"""


class Unusable(ValueError):
    """A count is no count."""


class Decoded(NamedTuple):
    """An object of an answer.

    Attributes:
        value: ``None`` where the text is anything else, however broken.
        is_doubtful: Some object in it names a member twice, and differently.
    """

    value: Json | None
    is_doubtful: bool


def json_object(text: bytes) -> Json | None:
    """Decode a JSON object; ``None`` when the text is anything else, however broken."""
    return decode(text).value


def decode(text: bytes) -> Decoded:
    """Decode a JSON object, and say whether it can be read in two ways."""
    is_doubtful = False

    def merge(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_doubtful
        found: dict[str, Any] = dict(pairs)
        if len(found) == len(pairs):
            return found
        found = {}
        for name, value in pairs:
            is_doubtful |= name in found and bool(found[name] != value)
            found[name] = _dearer(name, found[name], value) if name in found else value
        return found

    try:
        value: object = json.loads(text, parse_float=_exact, object_pairs_hook=merge)
    except (ValueError, RecursionError):
        return Decoded(None, is_doubtful=False)
    return Decoded(as_object(value), is_doubtful)


def _dearer(name: str, first: Any, second: Any) -> Any:
    """Return which of two values of a member costs more, as far as that shows."""
    if first is None or second is None:
        return first if second is None else second
    inner, other = as_object(first), as_object(second)
    if inner is not None and other is not None:
        return {key: _dearer(key, inner.get(key), other.get(key)) for key in {**inner, **other}}
    if _is_number(first) and _is_number(second):
        return min(first, second) if _DISCOUNT.search(name) else max(first, second)
    return second


def object_text_at(text: str, start: int) -> str | None:
    """Return the text of the JSON object that begins at an offset; ``None`` where there is none."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return text[start:end] if isinstance(value, dict) else None


def _exact(text: str) -> Decimal | float:
    """Return a number with a fraction or an exponent; beyond all exponents it is no number."""
    try:
        return Decimal(text)
    except DecimalException:
        return float("nan")


_DECODER = json.JSONDecoder(parse_float=_exact)


def as_object(value: object) -> Json | None:
    """Return a JSON object as such; ``None`` for any other value."""
    return cast(Json, value) if isinstance(value, dict) else None


def member(of: Json, key: str) -> Json:
    """Return the object under a key; an empty one when there is none."""
    return as_object(of.get(key)) or NOTHING


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
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def count(of: Json, *keys: str) -> int:
    """Return the count under the first key that has one; 0 when none has.

    Raises:
        Unusable: It is negative, no whole number, or has more than nine digits.
    """
    for key in keys:
        value = of.get(key)
        if value is None:
            continue
        if isinstance(value, float | Decimal) and 0 <= value <= _COUNT_MAX and value % 1 == 0:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _COUNT_MAX:
            raise Unusable(f"{key} is no count: {value!r}")
        return value
    return 0
