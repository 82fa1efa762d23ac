"""Limits how long a range a report answers for: ``-- span: 366 days`` (REP-5).

The range is that from ``since`` to ``until`` or, without one, to ``as_of``; it is counted in whole
buckets, as the report counts them. Refuses before any work is done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from corvus.base.errors import ReportParameterInvalid
from corvus.reporting.parameters import Value

Unit: TypeAlias = Literal["days", "weeks", "months"]
_SPAN = re.compile(r"([1-9][0-9]{0,4}) (days|weeks|months)")


@dataclass(frozen=True, slots=True)
class Span:
    """The longest range, in buckets of ``unit``."""

    most: int
    unit: Unit


def parse_span(text: str) -> Span:
    """Read ``366 days``, ``260 weeks`` or ``60 months``.

    Raises:
        ValueError: The text reads otherwise.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"a span reads `366 days`, `260 weeks` or `60 months`, got {text!r}")
    unit: dict[str, Unit] = {"days": "days", "weeks": "weeks", "months": "months"}
    return Span(int(found[1]), unit[found[2]])


def check_span(span: Span, values: Mapping[str, Value]) -> None:
    """Refuse a range that is longer than the span, or that begins after it ends.

    Args:
        span: The longest range.
        values: The bound parameters; without ``since`` there is nothing to check.

    Raises:
        ReportParameterInvalid: The range is too long, or begins after it ends.
    """
    since, until, as_of = (values.get(name) for name in ("since", "until", "as_of"))
    if not isinstance(since, datetime) or not isinstance(as_of, datetime):
        return
    last = min(as_of, until - timedelta(microseconds=1)) if isinstance(until, datetime) else as_of
    if since > last:
        raise ReportParameterInvalid(
            f"the range begins at {since:%Y-%m-%d %H:%M}, after its end at {last:%Y-%m-%d %H:%M}"
        )
    buckets = _number(last.date(), span.unit) - _number(since.date(), span.unit) + 1
    if buckets > span.most:
        raise ReportParameterInvalid(
            f"the range from {since:%Y-%m-%d} to {last:%Y-%m-%d} is {buckets} {span.unit} long, "
            f"at most {span.most} are shown; begin later, or take longer buckets"
        )


def _number(day: date, unit: Unit) -> int:
    """Return the number of the bucket that holds a day, consecutive along time."""
    match unit:
        case "days":
            return day.toordinal()
        case "weeks":
            return (day.toordinal() - 1) // 7  # day 1 of year 1 was a Monday
        case "months":
            return day.year * 12 + day.month
