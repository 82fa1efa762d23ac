"""Values in the cells of bills: amounts, counts, days. Amounts are read from text, never a float.

What cannot be read is refused by its name: a bill without one of its lines has another total.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from corvus.base.errors import BillRefused

AMOUNT_MAX_USD = Decimal(9_000_000_000)
"""The largest amount of one line, in either direction: int64 of nano-USD holds no more."""
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,60})?|\.\d{1,60})(?:[eE][+-]?\d{1,2})?")
_CREDIT = re.compile(r"\b(?:credits?|refunds?|adjustments?|grants?|rebates?)\b")
_DAY = timedelta(days=1)
_NULLS = frozenset({"", "null", "none", "n/a", "not_available"})
_LEFT_MAX = 8

_BUCKET_TIMES = ("starting_at", "ending_at", "start_time", "end_time")


def amount(value: object, place: str, *, cents: bool = False) -> Decimal:
    """Read an amount in USD.

    Args:
        value: A number as ``Decimal`` or ``int``, or its text.
        place: Where it stands, for a message.
        cents: Whether it counts cents.

    Raises:
        BillRefused: It is no finite decimal number, or absurdly large.
    """
    text = str(value).strip() if isinstance(value, (str, Decimal, int)) else ""
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise BillRefused(f"{place}: an amount is a decimal number, got {_shown(value)}")
    number = Decimal(text)
    if cents:
        number = number.scaleb(-2)
    if abs(number) > AMOUNT_MAX_USD:
        raise BillRefused(f"{place}: {_shown(value)} is more than any bill comes to")
    return number


def count(value: object, place: str) -> int:
    """Read a count, such as 12, 12.0 or its text; nothing is 0.

    Raises:
        BillRefused: It is negative or no whole number.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _NULLS):
        return 0
    number = amount(value, place)
    if number < 0 or number != number.to_integral_value():
        raise BillRefused(f"{place}: a count is a whole number from 0, got {_shown(value)}")
    return int(number)


def refuse_currency(value: object, place: str) -> None:
    """Refuse any currency but the US dollar, which the ledger counts in.

    Raises:
        BillRefused: It is another one, or none.
    """
    if not isinstance(value, str) or value.strip().upper() != "USD":
        raise BillRefused(
            f"{place}: the currency is {_shown(value)}; the ledger counts in USD, and no rate of "
            "exchange is assumed"
        )


def is_credited(words: str) -> bool:
    """Return whether words of a bill speak of money that is given back."""
    return bool(_CREDIT.search(words.lower()))


def text(value: object) -> str | None:
    """Return a text that says something, or ``None``."""
    if not isinstance(value, str) or value.strip().lower() in _NULLS:
        return None
    return value.strip()


def day_of(value: object, place: str) -> date:
    """Return the UTC day in which a bucket begins: an instant in ISO 8601, a day, or seconds.

    Raises:
        BillRefused: It is none of these.
    """
    return instant_of(value, place).date()


def instant_of(value: object, place: str) -> datetime:
    """Return an instant in UTC; one without an offset is in UTC already.

    Raises:
        BillRefused: It is no instant.
    """
    try:
        if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            return datetime.fromtimestamp(int(value), UTC)
        written = str(value).strip() if isinstance(value, str) else ""
        if re.fullmatch(r"\d{9,11}(?:\.0*)?", written):
            return datetime.fromtimestamp(int(written.partition(".")[0]), UTC)
        parsed = datetime.fromisoformat(written)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as fault:
        raise BillRefused(f"{place}: {_shown(value)} is no instant") from fault


def refuse_long(first: datetime, last: datetime, place: str) -> None:
    """Refuse a bucket of several days: it cannot be held against the calls of one.

    Raises:
        BillRefused: It is longer than a day.
    """
    if last - first > _DAY:
        raise BillRefused(
            f"{place}: a bucket from {first:%Y-%m-%d} to {last:%Y-%m-%d}; export the bill by day"
        )


def days_between(days: Iterable[date]) -> list[date]:
    """Return every day from the first to the last."""
    known = sorted(set(days))
    if not known:
        return []
    return [known[0] + timedelta(days=n) for n in range((known[-1] - known[0]).days + 1)]


def unread(found: Iterable[str], known: Iterable[str], what: str) -> list[str]:
    """Return a note that names the fields which nothing is read from, if there are any."""
    others = sorted(set(found) - set(known))
    if not others:
        return []
    rest = f" and {len(others) - _LEFT_MAX} more" if len(others) > _LEFT_MAX else ""
    return [f"{what} that are not read: {', '.join(others[:_LEFT_MAX])}{rest}"]


def mapping(value: object, place: str) -> Mapping[str, Any]:
    """Return an object of JSON.

    Raises:
        BillRefused: It is none.
    """
    if not isinstance(value, dict):
        raise BillRefused(f"{place}: an object is needed here, got {_shown(value)}")
    return cast("Mapping[str, Any]", value)


def items(value: object, place: str) -> list[Any]:
    """Return an array of JSON; ``null`` is an empty one.

    Raises:
        BillRefused: It is none.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise BillRefused(f"{place}: an array is needed here, got {_shown(value)}")
    return cast("list[Any]", value)


def buckets(value: object, file: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield place and members of each bucket of a report; one that is repeated counts once.

    Raises:
        BillRefused: It is no array of objects, or two buckets of one time have other results.
    """
    known: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for at, each in enumerate(items(value, file)):
        place = f"{file}: data[{at}]"
        bucket = mapping(each, place)
        times = tuple(str(bucket[name]) for name in _BUCKET_TIMES if name in bucket)
        if "results" not in bucket and "result" not in bucket:
            yield place, bucket  # a flat row: others of its time are other lines
        elif times not in known:
            known[times] = bucket
            yield place, bucket
        elif known[times] != bucket:
            raise BillRefused(
                f"{place}: a bucket of the same time stands before, with other results"
            )


def objects(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of what may be an array of objects; nothing of anything else."""
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Mapping[str, Any]", each) for each in found if isinstance(each, dict)]


def _shown(value: object) -> str:
    """Return a value for a message, cut."""
    shown = repr(str(value)) if isinstance(value, Decimal) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
