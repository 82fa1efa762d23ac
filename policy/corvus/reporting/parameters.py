"""Parameters of a report: what a header declares, and how given values are typed and bound.

Values are only ever bound, never pasted into SQL. A value of the wrong type, out of range or of
an unknown name is refused with the names that exist (REP-1, REP-5). So is a range that is longer
than the span of the report (``-- span: 366 days``), counted in whole buckets, as the report counts
them: from ``since`` to ``until`` or, without one, to ``as_of``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from corvus.base.errors import ReportParameterInvalid
from corvus.base.period import CALENDAR_PERIODS, Period
from corvus.base.time import naive_utc
from corvus.reporting.times import is_past_span, named_span

Value: TypeAlias = str | int | bool | date | datetime | None
"""A typed value as DuckDB binds it; ``datetime`` is naive and in UTC."""

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_SPAN = re.compile(
    rf"([1-9][0-9]{{0,4}}) ({'|'.join(f'{period}s' for period in CALENDAR_PERIODS)})"
)
_WORDS = {"true": True, "false": False}


class ParameterType(StrEnum):
    """The types a parameter can have."""

    VARCHAR = "VARCHAR"
    BIGINT = "BIGINT"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    BOOLEAN = "BOOLEAN"
    ZONE = "ZONE"
    """A name of the IANA database of time zones; bound as VARCHAR."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter.

    Attributes:
        name: Name as in the SQL, without ``$``.
        required: Whether it must be given; an optional one without a default is bound as NULL.
        default: The value when nothing is given.
        default_now: Whether the value is the present instant when nothing is given.
        minimum: Smallest whole number allowed, inclusive.
        maximum: Largest whole number allowed, inclusive.
    """

    name: str
    type: ParameterType
    description: str = ""
    required: bool = False
    default: Value = None
    default_now: bool = False
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The longest range, in buckets of a period with a calendar."""

    most: int
    period: Period


def bind(
    parameters: Sequence[Parameter], given: Mapping[str, object], *, now: datetime | None = None
) -> dict[str, Value]:
    """Make the value of every declared parameter.

    Args:
        parameters: The declared parameters.
        given: Values by name: text, which is read by the declared type, or values of that type
            already. A time may also be a word such as ``7d`` or ``last-month``, of which ``until``
            is the end, and every other the first instant. ``since`` alone with a word for what is
            over, such as ``last-month``, is that range.
        now: The present instant, aware, for parameters whose default is ``now``.

    Returns:
        One value for each declared parameter, in order of declaration.

    Raises:
        ReportParameterInvalid: A name is unknown, a required value is missing, or a value does
            not fit.
    """
    for name in given:
        _refuse_unknown(name, parameters)
    since, names = given.get("since"), {parameter.name for parameter in parameters}
    if "until" in names and "until" not in given and isinstance(since, str) and is_past_span(since):
        given = {**given, "until": since}
    zones = [each for each in parameters if each.type is ParameterType.ZONE and each.name in given]
    zone = str(_typed(zones[0], given[zones[0].name])) if zones else "UTC"
    return {
        parameter.name: _typed(parameter, _dated(parameter, given[parameter.name], now, zone), zone)
        if parameter.name in given
        else _absent(parameter, now)
        for parameter in parameters
    }


def value_from_text(kind: ParameterType, text: str, zone: str = "UTC") -> Value:
    """Read a value from text.

    Dates and instants are ISO 8601; an instant without an offset is one of a time zone, and a date
    stands for its first instant.

    Raises:
        ValueError: The text does not spell a value of the type; the message says what does.
    """
    match kind:
        case ParameterType.VARCHAR:
            return text
        case ParameterType.BIGINT:
            return _whole_number(text)
        case ParameterType.DATE:
            return _instant(text, zone).date()
        case ParameterType.TIMESTAMP:
            return _instant(text, zone)
        case ParameterType.ZONE:
            _zone(text)
            return text
        case ParameterType.BOOLEAN:
            if text.lower() not in _WORDS:
                raise ValueError("true or false")
            return _WORDS[text.lower()]


def parse_span(text: str) -> Span:
    """Read ``366 days``, ``260 weeks`` or ``60 months``.

    Raises:
        ValueError: The text reads otherwise.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"a span reads `366 days`, `260 weeks` or `60 months`, got {text!r}")
    return Span(int(found[1]), Period(found[2].removesuffix("s")))


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
            f"the range begins at {since:%Y-%m-%d %H:%M}, after its end at {last:%Y-%m-%d %H:%M}",
            "until",
        )
    assert span.period.calendar is not None, "a span is of a period with a calendar"
    number = span.period.calendar.number
    zone = _zone(str(values.get("zone") or "UTC"))
    ends = (each.replace(tzinfo=UTC).astimezone(zone) for each in (since, last))
    first_day, last_day = (each.date() for each in ends)
    buckets = number(last_day) - number(first_day) + 1
    if buckets > span.most:
        raise ReportParameterInvalid(
            f"the range from {since:%Y-%m-%d} to {last:%Y-%m-%d} is {buckets} {span.period}s long, "
            f"at most {span.most} are shown; begin later, or take longer buckets",
            "since",
        )


def _refuse_unknown(name: str, parameters: Sequence[Parameter]) -> None:
    known = [parameter.name for parameter in parameters]
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ReportParameterInvalid(
        f"this report has no parameter {name!r}{hint} (it has: {', '.join(known) or 'none'})"
    )


def _dated(parameter: Parameter, value: object, now: datetime | None, zone: str) -> object:
    """Return the instant that a word names in place of a date or instant; else the value."""
    is_time = parameter.type in (ParameterType.TIMESTAMP, ParameterType.DATE)
    if not is_time or not isinstance(value, str) or now is None or _is_instant(value):
        return value
    try:
        first, end = named_span(value, now, _zone(zone))
    except ReportParameterInvalid as error:
        raise ReportParameterInvalid(
            f"parameter {parameter.name}: {error}", parameter.name
        ) from None
    return end if parameter.name == "until" else first


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _absent(parameter: Parameter, now: datetime | None) -> Value:
    if parameter.required or (parameter.default_now and now is None):
        raise ReportParameterInvalid(
            f"parameter {parameter.name} ({parameter.type}: {parameter.description}) must be given",
            parameter.name,
        )
    if parameter.default_now and now is not None:
        return _typed(parameter, now)
    return parameter.default


def _typed(parameter: Parameter, value: object, zone: str = "UTC") -> Value:
    try:
        typed = (
            value_from_text(parameter.type, value, zone)
            if isinstance(value, str)
            else _checked(parameter.type, value)
        )
    except (ValueError, OverflowError) as error:
        raise ReportParameterInvalid(
            f"parameter {parameter.name} must be {error}, got {value!r}", parameter.name
        ) from None
    if isinstance(typed, int) and not isinstance(typed, bool):
        _refuse_out_of_range(parameter, typed)
    return typed


def _checked(kind: ParameterType, value: object) -> Value:
    """Check a typed value; ``bool`` is no whole number and an instant needs a time zone."""
    match kind, value:
        case _, None:
            return None
        case ParameterType.BOOLEAN, bool():
            return value
        case ParameterType.BIGINT, int() if not isinstance(value, bool):
            return _whole_number(str(value))
        case ((ParameterType.TIMESTAMP | ParameterType.DATE), datetime()):
            instant = naive_utc(value)
            return instant if kind is ParameterType.TIMESTAMP else instant.date()
        case ParameterType.DATE, date():
            return value
        case _:
            raise ValueError(f"a {kind}")


def _refuse_out_of_range(parameter: Parameter, value: int) -> None:
    low, high = parameter.minimum, parameter.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = (
            f"from {low} to {high}"
            if None not in (low, high)
            else (f"at least {low}" if high is None else f"at most {high}")
        )
        raise ReportParameterInvalid(
            f"parameter {parameter.name} must be {bounds}, got {value}",
            parameter.name,
        )


def _whole_number(text: str) -> int:
    # NOTE: int() alone would take "1_0", " 1" and digits of other scripts.
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        raise ValueError("a whole number")
    number = int(text)
    if not _INT64_MIN <= number <= _INT64_MAX:
        raise ValueError("a whole number of 64 bits")
    return number


def _instant(text: str, zone: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a date or instant such as 2026-11-23 or 2026-11-23T10:00:00Z") from None
    return naive_utc(instant if instant.tzinfo else instant.replace(tzinfo=_zone(zone)))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # it is no name, a folder, or of no zone
        raise ValueError("an IANA time zone such as Europe/Berlin or UTC") from None
