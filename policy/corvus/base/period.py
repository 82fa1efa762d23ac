"""Periods and their windows: half-open ``[start, end)`` in a budget's time zone (EVA-8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple


class Calendar(NamedTuple):
    """How a calendar divides days into windows.

    Attributes:
        first: Returns the first day of the window that holds a day.
        after: Returns the first day of the window after the one that begins on a day.
        number: Returns the number of the window that holds a day, consecutive along time.
    """

    first: Callable[[date], date]
    after: Callable[[date], date]
    number: Callable[[date], int]


def next_month(day: date) -> date:
    """Return the first day of the month after ``day``."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _same_day(day: date) -> date:
    return day


def _next_day(day: date) -> date:
    return day + timedelta(days=1)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _next_monday(day: date) -> date:
    return _monday(day) + timedelta(days=7)


def _week_number(day: date) -> int:
    return (day.toordinal() - 1) // 7  # day 1 of year 1 was a Monday


def _month_number(day: date) -> int:
    return day.year * 12 + day.month


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _first_of_quarter(day: date) -> date:
    return date(day.year, day.month - (day.month - 1) % 3, 1)


def _next_quarter(day: date) -> date:
    return next_month(next_month(next_month(_first_of_quarter(day))))


def _quarter_number(day: date) -> int:
    return day.year * 4 + (day.month - 1) // 3


def _first_of_year(day: date) -> date:
    return date(day.year, 1, 1)


def _next_year(day: date) -> date:
    return date(day.year + 1, 1, 1)


def _year_number(day: date) -> int:
    return day.year


class Period(StrEnum):
    """The recurrence of a budget, and what a bucket of a history can be.

    Whatever offers periods is made from this list. A new one is a line here, its report
    ``spend/history-by-<period>.sql`` if it has a history, and its words in each language.

    Attributes:
        calendar: How it divides days; ``None`` for a period that no calendar knows.
        buckets_max: Most buckets that a history of it shows (REP-5); 0 has no history.
    """

    _value_: str
    calendar: Calendar | None
    buckets_max: int

    def __new__(
        cls,
        name: str,
        calendar: Calendar | None = None,
        buckets_max: int = 0,
    ) -> Period:
        """Make a member that is the text of its name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.calendar = calendar
        member.buckets_max = buckets_max
        return member

    SESSION = "session", None, 1000
    DAY = "day", Calendar(_same_day, _next_day, date.toordinal), 366
    WEEK = "week", Calendar(_monday, _next_monday, _week_number), 260
    MONTH = "month", Calendar(_first_of_month, next_month, _month_number), 60
    QUARTER = "quarter", Calendar(_first_of_quarter, _next_quarter, _quarter_number), 40
    YEAR = "year", Calendar(_first_of_year, _next_year, _year_number), 20
    MISSION = "mission", None, 1000
    TOTAL = "total"
    WINDOW = "window"


CALENDAR_PERIODS = tuple(period for period in Period if period.calendar is not None)
"""The periods that have windows."""

STATED_PERIODS = tuple(period for period in Period if period is not Period.WINDOW)
"""What ``period`` of a budget may say; a length of time is said by ``window``."""

HISTORY_PERIODS = (
    *(period for period in CALENDAR_PERIODS if period.buckets_max),
    *(period for period in Period if period.buckets_max and period.calendar is None),
)
"""What a bucket of a history can be."""


class Window(NamedTuple):
    """One instance of a period: aware UTC instants, ``start`` inclusive, ``end`` exclusive."""

    start: datetime
    end: datetime


def listed(periods: Sequence[Period], last: str = "and") -> str:
    """Return the names of periods as a sentence has them: ``day, week and month``."""
    return f"{', '.join(periods[:-1])} {last} {periods[-1]}"


def window_at(period: Period, instant: datetime, timezone: str = "UTC") -> Window | None:
    """Return the calendar window that holds an instant.

    Args:
        period: Those with a calendar have windows; a week is of ISO 8601, from Monday.
        instant: An aware instant.
        timezone: IANA name of the zone whose calendar counts.

    Returns:
        The window in UTC, or ``None`` for a period without a calendar (session, mission, total).
    """
    if period.calendar is None:
        return None
    zone = UTC if timezone == "UTC" else _zone(timezone)
    today = instant.astimezone(zone).date()
    first = period.calendar.first(today)
    after = period.calendar.after(first)
    return Window(_midnight(first, zone), _midnight(after, zone))


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # a check asks for the names of periods alone

    return ZoneInfo(name)


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a local day, in UTC.

    NOTE: some zones skip midnight when summer time begins (America/Sao_Paulo until 2018); the local
    day then starts at 01:00. ``fold=0`` of a skipped time carries the offset before the jump, which
    names that same instant.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
