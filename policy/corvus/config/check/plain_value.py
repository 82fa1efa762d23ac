"""What was most likely meant by a text that stands in place of a number, a boolean or a date.

The checker, which sees it in quotes, ``config set``, which sees it bare, and the reader of TOML,
which cannot read it, all give the advice that is found here.
"""

from __future__ import annotations

import re
from decimal import Decimal

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_NUMBER = (
    r"\s*[$]?\s*(?P<number>(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)\s*(?:%|\$|usd|cents?|percent)?\s*\Z"
)
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"


def plain(text: str, wanted: str) -> str | None:
    """Return a text in quotes as the value it spells, ``None`` where it spells none.

    Args:
        text: The text between the quotes.
        wanted: The kind of error of pydantic, such as ``int_type``.
    """
    word = text.strip().casefold()
    if wanted == "bool_type" and word in _YES | _NO:
        return "true" if word in _YES else "false"
    is_number = wanted in {"int_type", "decimal_type"}
    number = re.match(_NUMBER, text, re.IGNORECASE) if is_number else None
    if number and (wanted == "decimal_type" or "." not in number["number"]):
        return number["number"]
    return text if wanted == "date_type" and re.match(_DATE, text) else None


def whole(value: Decimal, key: str) -> str:
    """Say which whole number was meant by one with decimals."""
    if key.endswith("_percent") and 0 < value <= 1:
        return f"A share is written in percent: {(value * 100).to_integral_value()}."
    exact = value == value.to_integral_value() and abs(value) < 10**12
    return f"Write {int(value)}." if exact else "Write a whole number."
