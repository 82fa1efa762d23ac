"""What was most likely meant by a text that stands in place of a number, a boolean or a date.

The checker, which sees it in quotes, ``config set``, which sees it bare, and the reader of TOML,
which cannot read it, all give the advice that is found here.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Final

CURRENCIES: Final = frozenset(
    (
        *("aed", "ars", "aud", "brl", "cad", "chf", "clp", "cny", "cop", "czk", "dkk", "eur"),
        *("euro", "euros", "gbp", "hkd", "huf", "idr", "ils", "inr", "jpy", "krw", "mxn", "myr"),
        *("nok", "nzd", "php", "pln", "pounds", "ron", "rub", "sar", "sek", "sgd", "thb", "try"),
        *("twd", "uah", "vnd", "yen", "zar"),
    )
)
"""Words for other currencies than the one of every amount, which is USD."""
CONVERT: Final = "Amounts are in USD: convert the number."

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_NUMBER = (
    r"\s*[$]?\s*(?P<number>(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)\s*(?:%|\$|usd|cents?|percent)?\s*\Z"
)
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"


def plain(text: str, wanted: str, key: str = "") -> str | None:
    """Return a text in quotes as the value it spells, ``None`` where it spells none.

    Args:
        text: The text between the quotes.
        wanted: The kind of error of pydantic, such as ``int_type``.
        key: The key, whose last part may name the unit of its number; of another unit, a number
            is not the one to write.
    """
    word = text.strip().casefold()
    if wanted == "bool_type" and word in _YES | _NO:
        return "true" if word in _YES else "false"
    is_number = wanted in {"int_type", "decimal_type"} and not _is_other_unit(word, key)
    number = re.match(_NUMBER, text, re.IGNORECASE) if is_number else None
    if number and (wanted == "decimal_type" or "." not in number["number"]):
        return number["number"]
    return text if wanted == "date_type" and is_day(text) else None


def _is_other_unit(word: str, key: str) -> bool:
    """Return whether a text names cents, dollars or percents, and its key counts another unit."""
    if "cent" in word.replace("percent", ""):
        return "cent" not in key.replace("percent", "")
    if "$" in word or "usd" in word:
        return "cent" in key or "percent" in key
    return ("%" in word or "percent" in word) and key.endswith(("_usd", "_cents"))


def names_other_currency(text: str) -> bool:
    """Return whether a text is a number with the sign or the name of another currency than USD."""
    if not any(map(str.isdigit, text)):
        return False
    words = re.findall(r"[a-z]+", text.casefold())
    signs = (char for char in text if char != "$" and unicodedata.category(char) == "Sc")
    return not CURRENCIES.isdisjoint(words) or any(signs)


def looks_like_day(text: str) -> bool:
    """Return whether a text has the form of a date, be it one of the calendar or not."""
    return re.match(_DATE, text) is not None


def is_day(text: str) -> bool:
    """Return whether a text is a date of the calendar as TOML writes it."""
    if not looks_like_day(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def whole_number(value: Decimal, key: str) -> str | None:
    """Return the whole number that was meant by one with decimals, where that is certain enough."""
    if key.endswith("_percent") and 0 < value <= 1:
        share = value * 100
        return str(int(share)) if share == share.to_integral_value() else None
    is_whole = value == value.to_integral_value() and abs(value) < 10**12
    return str(int(value)) if is_whole else None


def whole(value: Decimal, key: str) -> str:
    """Say which whole number was meant by one with decimals."""
    number = whole_number(value, key)
    if key.endswith("_percent") and 0 < value <= 1:
        return f"A share is written in percent: {number or (value * 100).to_integral_value()}."
    return f"Write {number}." if number else "Write a whole number."
