"""Values as TOML text: what ``tomli`` reads back as the same value."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

from corvus.config.toml.values import as_items, is_table, kind, quoted, shown


def written(value: object) -> str:
    """Write a value on one line.

    Args:
        value: A boolean, integer, finite ``Decimal``, string, date or time, or a list or dictionary
            of such.

    Returns:
        Its TOML; a decimal keeps all of its digits and gets no exponent.
    """
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
