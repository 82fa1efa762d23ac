"""Values of a parsed document, the routes that lead to them, and the words TOML has for both.

It knows no positions and reports nothing. A clean file is checked with this module alone, so it
imports no more than reading TOML did already.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias, TypeGuard

Route: TypeAlias = tuple[str | int, ...]
Table: TypeAlias = dict[str, object]

_BARE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
"""The characters of a key without quotes."""


_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    ((Decimal, float), "float"),
    (str, "string"),
    (list, "array"),
    (dict, "table"),
)


def is_table(value: object) -> TypeGuard[Table]:
    """Return whether a value is a TOML table; TOML keys are always strings."""
    return isinstance(value, dict)


def kind(value: object) -> str:
    """Return the TOML word for the type of a value."""
    word = next((word for type_, word in _KINDS if isinstance(value, type_)), None)
    if word:
        return word
    from datetime import date, datetime, time

    moments = ((datetime, "date-time"), (date, "date"), (time, "time"))
    return next((word for type_, word in moments if isinstance(value, type_)), "value")


def shown(route: Route) -> str:
    """Write a route as a dotted key, quoted as TOML needs: ``cost.prices."gpt-4.1".input``."""
    written = ""
    for part in route:
        if isinstance(part, int):
            written += f"[{part}]"
            continue
        written += ("." if written else "") + (part if is_bare(part) else quoted(part))
    return written


def is_bare(key: str) -> bool:
    """Return whether a key needs no quotes."""
    return bool(key) and not key.strip(_BARE)


def header(route: Route) -> str:
    """Write a table as its header: ``[cost]``; ``[[cost.budgets]]`` for an element of an array."""
    if route and isinstance(route[-1], int):
        return f"[[{shown(route[:-1])}]]"
    return f"[{shown(route)}]" if route else "the top level"


def quoted(text: str) -> str:
    """Quote a string as TOML does."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(map(_printable, escaped)) + '"'


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04X}" if ord(char) < 0x10000 else f"\\U{ord(char):08X}"


def value_at(data: Mapping[str, object], route: Route) -> object:
    """Return the value at a route, ``None`` where there is none (TOML has no null)."""
    found: object = data
    for part in route:
        if isinstance(part, str):
            found = found.get(part) if is_table(found) else None
        else:
            items = as_items(found)
            found = items[part] if part < len(items) else None
    return found


def as_items(value: object) -> list[object]:
    """Return the elements of an array; nothing for any other value."""
    return [*value] if is_array(value) else []


def is_array(value: object) -> TypeGuard[list[object]]:
    """Return whether a value is a TOML array."""
    return isinstance(value, list)


def written(value: object) -> str:
    """Write a value on one line.

    Args:
        value: A boolean, integer, finite ``Decimal``, string, date or time, or a list or dictionary
            of such.

    Returns:
        Its TOML; a decimal keeps all of its digits and gets no exponent.
    """
    from datetime import date, datetime, time

    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case str():
            return quoted(value)
        case date() | datetime() | time():
            return value.isoformat()
        case _:
            return _container(value)


def _container(value: object) -> str:
    if is_table(value):
        entries = [f"{shown((key,))} = {written(inner)}" for key, inner in value.items()]
        return f"{{ {', '.join(entries)} }}" if entries else "{}"
    assert kind(value) == "array", "TOML has no other values"
    return f"[{', '.join(written(item) for item in as_items(value))}]"
