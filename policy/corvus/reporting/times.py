"""Reads the time that a word names, as people type it: dates, months, ``last-week``, ``7d``.

It refuses what it would have to guess: without a zone they are UTC, and there are no month names.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from corvus.base.errors import ReportParameterInvalid
from corvus.base.period import Period, next_month

_AGO = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>[hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_LAST = re.compile(r"last-(?P<count>[1-9][0-9]{0,3})-(?P<period>day|week|month|year)s")
_YEAR = re.compile(r"[0-9]{4}")
_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})")
_WEEK = re.compile(r"(?P<year>[0-9]{4})-w(?P<week>[0-9]{2})")
_STARTS_WITH_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
_FIRST, _END = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_instant(text: str, zone: tzinfo = UTC) -> datetime:
    """Read an ISO 8601 date (its first instant) or instant; without an offset it is of a zone.

    Returns:
        An aware instant in UTC.

    Raises:
        ReportParameterInvalid: The text is neither.
    """
    try:
        if not _STARTS_WITH_DAY.match(text):
            raise ValueError
        instant = datetime.fromisoformat(text)
        instant = instant.replace(tzinfo=instant.tzinfo or zone).astimezone(UTC)
        if not _FIRST <= instant < _END:
            raise ValueError
    except (ValueError, OverflowError):
        raise ReportParameterInvalid(
            f"{text!r} is no date or instant of 1970..2199 such as 2026-11-23 or "
            "2026-11-23T10:00:00Z"
        ) from None
    return instant


_PAST = frozenset({"yesterday", "last-week", "last-month"})


def is_past_span(text: str) -> bool:
    """Return whether a text names a day, week or month that is over, which alone is a range."""
    return text.strip().lower() in _PAST


def named_span(text: str, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return first instant and exclusive end of what a text names; an instant is both.

    Args:
        text: ``7d``, ``12h`` or ``2w`` before now, ``now``, ``today``, ``yesterday``, ``this-week``
            (from Monday), ``last-week``, ``this-month``, ``last-month``, ``last-30-days`` (or
            weeks, months, years; whole ones, the last is the present one), a year ``2026``, a month
            ``2026-11``, an ISO week ``2026-W47``, a day ``2026-11-23``, or an instant.
        now: The present instant, aware.
        zone: Whose days, weeks and months they are.

    Raises:
        ReportParameterInvalid: The text is none of these.
    """
    word = text.strip().lower()
    try:
        if days := _days(word, now.astimezone(zone).date()):
            return _midnight(days[0], zone), _midnight(days[1], zone)
        instant = _instant(word, now, zone)
    except (ValueError, OverflowError, ReportParameterInvalid):
        raise ReportParameterInvalid(
            f"{text!r} is not a time: try 7d, 12h, today, yesterday, last-month, last-30-days, "
            "2026-11, 2026-11-23 or 2026-11-23T10:00:00Z"
        ) from None
    return instant, instant


def _days(word: str, today: date) -> tuple[date, date] | None:
    """Return the first day of what a word names, and the day after; ``None`` when it names none."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    named = {
        "today": _from(today, 1),
        "yesterday": _from(today - timedelta(days=1), 1),
        "this-week": _from(monday, 7),
        "last-week": _from(monday - timedelta(days=7), 7),
        "this-month": (first, next_month(first)),
        "last-month": ((first - timedelta(days=1)).replace(day=1), first),
    }
    return named.get(word) or _last(word, today) or _dated(word)


def _last(word: str, today: date) -> tuple[date, date] | None:
    """Read ``last-30-days``: so many whole days, weeks, months or years up to the present one."""
    found = _LAST.fullmatch(word)
    if found is None:
        return None
    calendar = Period(found["period"]).calendar
    assert calendar is not None, "days, weeks, months and years have a calendar"
    first = calendar.first(today)
    end = calendar.after(first)
    for _ in range(int(found["count"]) - 1):
        first = calendar.first(first - timedelta(days=1))
    return first, end


def _dated(word: str) -> tuple[date, date] | None:
    """Read a day, an ISO week, a month or a year."""
    if _DAY.fullmatch(word):
        return _from(date.fromisoformat(word), 1)
    if week := _WEEK.fullmatch(word):
        return _from(date.fromisocalendar(int(week["year"]), int(week["week"]), 1), 7)
    if month := _MONTH.fullmatch(word):
        first = date(int(month["year"]), int(month["month"]), 1)
        return first, next_month(first)
    if _YEAR.fullmatch(word):
        return date(int(word), 1, 1), date(int(word) + 1, 1, 1)
    return None


def _from(day: date, days: int) -> tuple[date, date]:
    return day, day + timedelta(days=days)


def _instant(word: str, now: datetime, zone: tzinfo) -> datetime:
    if word == "now":
        return now
    if ago := _AGO.fullmatch(word):
        return now - timedelta(hours=int(ago["count"]) * _HOURS[ago["unit"]])
    return parse_instant(word.upper(), zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
