"""How to write the value that was most likely meant where a value of another type stands."""

from __future__ import annotations

import re
from decimal import Decimal

from corvus.config.toml.values import Route, header, is_table, kind

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_NUMBER = re.compile(
    r"\s*[$]?\s*(?P<number>(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)\s*(?:%|\$|usd|cents?|percent)?\s*\Z",
    re.IGNORECASE,
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


def type_help(value: object, wanted: str, route: Route) -> tuple[str, ...]:
    """Return advice, if there is any.

    Args:
        value: What stands there.
        wanted: The kind of error of pydantic, such as ``int_type``.
        route: Where it stands.
    """
    if isinstance(value, str) and (meant := plain(value, wanted)):
        return (f"Remove the quotes: {meant}." if meant == value else f"Write {meant}.",)
    if wanted == "int_type" and isinstance(value, Decimal) and value.is_finite():
        return (_whole(value, str(route[-1])),)
    if wanted == "bool_type" and isinstance(value, int) and value in {0, 1}:
        return (f"Write {str(bool(value)).lower()}.",)
    return _container_help(value, wanted, route)


def plain(text: str, wanted: str) -> str | None:
    """Return a text in quotes as the value it spells, ``None`` where it spells none.

    Args:
        text: The text between the quotes.
        wanted: The kind of error of pydantic, such as ``int_type``.
    """
    word = text.strip().casefold()
    if wanted == "bool_type" and word in _YES | _NO:
        return "true" if word in _YES else "false"
    number = _NUMBER.match(text) if wanted in {"int_type", "decimal_type"} else None
    if number and (wanted == "decimal_type" or "." not in number["number"]):
        return number["number"]
    return text if wanted == "date_type" and _DATE.match(text) else None


def _whole(value: Decimal, key: str) -> str:
    if key.endswith("_percent") and 0 < value <= 1:
        return f"A share is written in percent: {(value * 100).to_integral_value()}."
    exact = value == value.to_integral_value() and abs(value) < 10**12
    return f"Write {int(value)}." if exact else "Write a whole number."


def _container_help(value: object, wanted: str, route: Route) -> tuple[str, ...]:
    """Say which brackets were most likely meant."""
    from corvus.config.model.keys import node

    items = node(route).get("items")
    holds_tables = is_table(items) and items.get("type") != "string"
    if wanted == "list_type" and holds_tables:
        return (f"Write each one below a header of its own, `{header((*route, 0))}`.",)
    if wanted == "list_type":
        only = ", even when it is the only one" if isinstance(value, str) else ""
        return (f'Write texts in square brackets{only}: ["one", "two"].',)
    if wanted == "model_type" and route[-2:-1] == ("prices",):
        return ("A price is a table in USD per million tokens: { input = 3, output = 15 }.",)
    if wanted == "model_type" and kind(value) == "array" and isinstance(route[-1], str):
        return (f"Write `{header(route)}` with one pair of brackets.",)
    return ()
