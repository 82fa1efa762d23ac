"""Stand-ins for what tests must control: time, and whom clients trust."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP: reading the usual authorities takes 50 ms for each client."""


class FrozenClock:
    """A clock that moves only when told to.

    Args:
        instant: Where it starts, aware.
    """

    def __init__(self, instant: datetime = datetime(2026, 11, 25, 12, tzinfo=UTC)) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """Return the present instant."""
        return self._instant

    def move(self, by: timedelta) -> None:
        """Move on, or back."""
        self._instant += by

    def set(self, instant: datetime) -> None:
        """Move to an instant."""
        self._instant = instant
