"""Reads points in time as people type them: dates, months, ``last-week``, ``7d``.

It refuses what it would have to guess: without a zone they are UTC, and there are no month names.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from corvus.base.errors import ReportParameterInvalid
from corvus.base.period import next_month
from corvus.base.time import Clock, FixedClock, SystemClock

_AGO = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>[hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_YEAR = re.compile(r"[0-9]{4}")
_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})")
_WEEK = re.compile(r"(?P<year>[0-9]{4})-w(?P<week>[0-9]{2})")
_STARTS_WITH_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
_FIRST, _END = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_DURATION = re.compile(
    r"(?:(?P<days>[0-9]{1,8})d)?(?:(?P<hours>[0-9]{1,8})h)?"
    r"(?:(?P<minutes>[0-9]{1,8})m)?(?:(?P<seconds>[0-9]{1,8})s)?"
)
_LONGEST = timedelta(days=366)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_zone(name: str) -> tzinfo:
    """Read the name of a time zone.

    Raises:
        ReportParameterInvalid: The IANA database has no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # it is no name, a folder, or of no zone
        raise ReportParameterInvalid(
            f"--zone must be an IANA time zone such as Europe/Berlin or UTC, got {name!r}"
        ) from None


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


def clock_at(as_of: str | None) -> Clock:
    """Return a clock that stands at ``--as-of``, else the machine's.

    Raises:
        ReportParameterInvalid: The text is no instant.
    """
    return SystemClock() if as_of is None else FixedClock(parse_instant(as_of))


def parse_since(text: str, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Read the inclusive start of a range: the first instant of what the text names.

    Args:
        text: ``7d``, ``12h`` or ``2w`` before now, ``now``, ``today``, ``yesterday``, ``this-week``
            (from Monday), ``last-week``, ``this-month``, ``last-month``, a year ``2026``, a month
            ``2026-11``, an ISO week ``2026-W47``, a day ``2026-11-23``, or an instant.
        now: The present instant, aware.
        zone: Whose days, weeks and months they are.

    Raises:
        ReportParameterInvalid: The text is none of these.
    """
    return _named(text, now, zone)[0]


def parse_until(text: str, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Read the exclusive end of a range: the end of what the text names, else the instant.

    ``--until 2026-11`` thus ends with the last instant of November, ``--until yesterday`` with
    yesterday.

    Args:
        text: As for ``parse_since``.
        now: The present instant, aware.
        zone: Whose days, weeks and months they are.

    Raises:
        ReportParameterInvalid: The text is none of these.
    """
    return _named(text, now, zone)[1]


def parse_bounds(
    since: str | None, until: str | None, now: datetime, zone: tzinfo = UTC
) -> dict[str, datetime]:
    """Read the range that ``--since`` and ``--until`` name together.

    Returns:
        ``since``, inclusive, and ``until``, exclusive, as far as they are given.

    Raises:
        ReportParameterInvalid: One is no time, or the range is empty.
    """
    bounds: dict[str, datetime] = {}
    if since is not None:
        bounds["since"] = parse_since(since, now, zone)
    if until is not None:
        bounds["until"] = parse_until(until, now, zone)
    if since and until and bounds["since"] >= bounds["until"]:
        raise ReportParameterInvalid(
            f"--since {since} ({bounds['since']:%Y-%m-%d %H:%M}) is not before the end of "
            f"--until {until} ({bounds['until']:%Y-%m-%d %H:%M})"
        )
    return bounds


def parse_duration(text: str) -> timedelta:
    """Read a length of time such as ``90s``, ``15m``, ``2h30m`` or ``1d``.

    Returns:
        A span of at least a second and at most 366 days.

    Raises:
        ValueError: The text is none, in words that say what is wrong.
    """
    word = text.strip().lower()
    found = _DURATION.fullmatch(word)
    if not word or found is None:
        raise ValueError(f"{text!r} is no length of time: try 90s, 15m, 1h, 2h30m or 1d")
    counts = {name: int(count) for name, count in found.groupdict("0").items()}
    span = timedelta(**counts)
    if not timedelta(seconds=1) <= span <= _LONGEST:
        raise ValueError(f"{text!r} is outside 1s..=366d: try 90s, 15m, 1h, 2h30m or 1d")
    return span


def _named(text: str, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return first instant and exclusive end of what a text names; an instant is both."""
    word = text.strip().lower()
    try:
        if days := _days(word, now.astimezone(zone).date()):
            return _midnight(days[0], zone), _midnight(days[1], zone)
        instant = _instant(word, now, zone)
    except (ValueError, OverflowError, ReportParameterInvalid):
        raise ReportParameterInvalid(
            f"{text!r} is no time: try 7d, 12h, today, yesterday, last-week, last-month, 2026-11, "
            "2026-11-23 or 2026-11-23T10:00:00Z"
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
    return named.get(word) or _dated(word)


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
