"""Reads the times and lengths of time that options name."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from corvus.base.errors import ReportParameterInvalid
from corvus.base.time import Clock, FixedClock, SystemClock
from corvus.reporting.times import is_past_span, named_span, parse_instant

_DURATION = re.compile(
    r"(?:(?P<days>[0-9]{1,8})d)?(?:(?P<hours>[0-9]{1,8})h)?"
    r"(?:(?P<minutes>[0-9]{1,8})m)?(?:(?P<seconds>[0-9]{1,8})s)?"
)
_LONGEST = timedelta(days=366)


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


def clock_at(as_of: str | None) -> Clock:
    """Return a clock that stands at ``--as-of``, else the machine's.

    Args:
        as_of: What ``parse_since`` takes; of a day or month it is the first instant.

    Raises:
        ReportParameterInvalid: The text is not a time, or one before 1970 or after 2199.
    """
    running = SystemClock()
    if as_of is None:
        return running
    named = parse_since(as_of, running.now())
    return FixedClock(parse_instant(named.isoformat()))


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
    return named_span(text, now, zone)[0]


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
    return named_span(text, now, zone)[1]


def parse_bounds(
    since: str | None, until: str | None, now: datetime, zone: tzinfo = UTC
) -> dict[str, datetime]:
    """Read the range that ``--since`` and ``--until`` name together.

    ``--since last-month`` alone is that month, as is each word for what is over.

    Returns:
        ``since``, inclusive, and ``until``, exclusive, as far as they are given.

    Raises:
        ReportParameterInvalid: One is not a time, or the range is empty.
    """
    bounds: dict[str, datetime] = {}
    if since is not None:
        bounds["since"] = parse_since(since, now, zone)
        if until is None and is_past_span(since):
            until = since
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
