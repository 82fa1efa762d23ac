"""Where time comes from: what needs the time takes a ``Clock``, nothing asks the system itself.

Refuses: naive datetimes. An instant is always an aware ``datetime`` in UTC (EVA-8).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of the present instant."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still: for ``--as-of``, the demo and tests.

    Args:
        instant: The instant to answer, aware; converted to UTC.
    """

    def __init__(self, instant: datetime) -> None:
        if instant.tzinfo is None:
            raise ValueError(f"an instant needs a time zone, got {instant.isoformat()}")
        self._instant = instant.astimezone(UTC)

    def now(self) -> datetime:
        """Return the fixed instant."""
        return self._instant


class FrozenClock:
    """A clock that moves only when it is moved.

    Args:
        instant: Where it stands first, aware; by default a Wednesday noon, UTC.

    Raises:
        ValueError: The instant has no time zone.
    """

    def __init__(self, instant: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)) -> None:
        self._instant = _aware(instant)

    def now(self) -> datetime:
        """Return the present instant."""
        return self._instant

    def move(self, by: timedelta) -> None:
        """Move on, or back.

        A store refuses to work more than a day before what it has recorded (EVA-8).
        """
        self._instant += by

    def set(self, instant: datetime) -> None:
        """Move to an aware instant.

        Raises:
            ValueError: It has no time zone, so nobody knows which instant it is.
        """
        self._instant = _aware(instant)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"the instant {instant} has no time zone: give one, such as tzinfo=UTC")
    return instant


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970 in UTC, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_at(instant_us: int) -> datetime:
    """Return microseconds since 1970 as an aware instant in UTC."""
    return _EPOCH + timedelta(microseconds=instant_us)


def naive_utc(instant: datetime) -> datetime:
    """Return an aware instant as the ledger writes it: naive, in UTC.

    Raises:
        ValueError: The instant has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant with a time zone")
    return instant.astimezone(UTC).replace(tzinfo=None)
