"""Periods and their windows: half-open ``[start, end)`` in a budget's time zone (EVA-8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo


class Period(StrEnum):
    """The recurrence of a budget."""

    SESSION = "session"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    MISSION = "mission"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Window:
    """One instance of a period: aware UTC instants, ``start`` inclusive, ``end`` exclusive."""

    start: datetime
    end: datetime


def window_at(period: Period, instant: datetime, timezone: str = "UTC") -> Window | None:
    """Return the calendar window that holds an instant.

    Args:
        period: ``day``, ``week`` (ISO, from Monday) or ``month`` have windows.
        instant: An aware instant.
        timezone: IANA name of the zone whose calendar counts.

    Returns:
        The window in UTC, or ``None`` for a period without a calendar (session, mission, total).
    """
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    today = instant.astimezone(zone).date()
    match period:
        case Period.DAY:
            first, after = today, today + timedelta(days=1)
        case Period.WEEK:
            first = today - timedelta(days=today.weekday())
            after = first + timedelta(days=7)
        case Period.MONTH:
            first = today.replace(day=1)
            after = next_month(first)
        case Period.SESSION | Period.MISSION | Period.TOTAL:
            return None
    return Window(_midnight(first, zone), _midnight(after, zone))


def next_month(day: date) -> date:
    """Return the first day of the month after ``day``."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a local day, in UTC.

    NOTE: some zones skip midnight when summer time begins (America/Sao_Paulo until 2018); the local
    day then starts at 01:00. ``fold=0`` of a skipped time carries the offset before the jump, which
    names that same instant.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
