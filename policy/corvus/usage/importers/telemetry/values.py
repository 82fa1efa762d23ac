"""Values as exporters write them: typed attributes, nested ones, and instants in many forms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

from corvus.usage.importers.importer import Object
from corvus.usage.importers.telemetry.attributes import CONTAINERS

_VALUES = ("arrayValue", "array_value", "kvlistValue", "kvlist_value")
_DEEPEST = 5
_DIGITS_OF_MICROSECONDS = 15


def end_of(span: Object) -> str | None:
    """Return the end of a span that states its start and duration in microseconds."""
    start, duration = (_whole(span.get(name)) for name in ("startTime", "duration"))
    start = start if start is not None else _whole(span.get("timestamp"))
    if not start or duration is None or len(str(start)) < _DIGITS_OF_MICROSECONDS:
        return None
    return instant(start + duration)


def instant(value: object) -> str | None:
    """Return an instant as text: ISO 8601 as it stands, or seconds since 1970.

    The unit of a number follows from its size: seconds, milliseconds, microseconds or nanoseconds.
    The JavaScript SDK writes ``[seconds, nanoseconds]``. 0 is no instant.
    """
    if isinstance(value, list):
        parts = [_whole(part) for part in cast("list[object]", value)]
        if len(parts) != 2 or None in parts:
            return None
        seconds, rest = cast("list[int]", parts)
        return _seconds(seconds * 10**9 + rest) if seconds > 0 else None
    number = _whole(value)
    if number is None:
        return value.strip() or None if isinstance(value, str) else _of_float(value)
    for digits, unit in ((18, 1), (15, 10**3), (12, 10**6), (1, 10**9)):
        if number > 0 and len(str(number)) >= digits:
            return _seconds(number * unit)
    return None


def _of_float(value: object) -> str | None:
    return f"{value:.6f}" if isinstance(value, float) and 0 < value < 10**11 else None


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds // 1000 % 10**6:06}"


def _whole(value: object) -> int | None:
    """Return a whole number that JSON may carry as text, as OTLP does for 64 bits."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def attributes_of(found: object) -> tuple[Object, frozenset[str]]:
    """Return attributes as one flat object, and the names of those that stand twice."""
    flat: dict[str, object] = {}
    doubled: set[str] = set()
    for key, value in _pairs(found):
        is_plain = isinstance(value, int | float) or (isinstance(value, str) and value[:1] != "{")
        for name, one in ((key, value),) if is_plain else _flat(key, value, 0):
            if name in flat and flat[name] != one:
                doubled.add(name)
            flat.setdefault(name, one)
    return flat, frozenset(doubled)


def _pairs(found: object) -> Iterator[tuple[str, object]]:
    if isinstance(found, dict):
        yield from cast("dict[str, object]", found).items()
    for item in cast("list[object]", found) if isinstance(found, list) else ():
        if isinstance(item, dict):
            pair = cast("Mapping[str, object]", item)
            yield str(pair.get("key")), value_of(pair.get("value"))
        elif isinstance(item, list) and len(cast("list[object]", item)) == 2:
            key, value = cast("list[object]", item)
            yield str(key), value


def value_of(typed: object) -> object:
    """Return the value of an OTLP value, which names its type."""
    if not isinstance(typed, dict):
        return typed
    kind, value = next(iter(cast("Mapping[str, object]", typed).items()), ("", None))
    if kind not in _VALUES or not isinstance(value, dict):
        return value
    inner = cast("Mapping[str, object]", value).get("values")
    if kind.startswith("kv"):
        return dict(_pairs(inner))
    return [value_of(one) for one in cast("list[object]", inner)] if isinstance(inner, list) else []


def _flat(name: str, value: object, depth: int) -> Iterator[tuple[str, object]]:
    """Yield a value under its name; the parts of an object under dotted names."""
    if isinstance(value, str) and value[:1] == "{" and _is_container(name):
        value = _parsed(value)
    if isinstance(value, list) and len(cast("list[object]", value)) == 1:
        value = cast("list[object]", value)[0]
    if isinstance(value, dict) and depth < _DEEPEST:
        for key, one in cast("dict[str, object]", value).items():
            yield from _flat(f"{name}.{key}", one, depth + 1)
    else:
        yield name, value


def _is_container(name: str) -> bool:
    lowered = name.lower()
    return any(part in lowered for part in CONTAINERS)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
