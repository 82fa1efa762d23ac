"""Says in the log that a provider fails, why, and when it answers again (OBS-1).

A client is shown that its provider failed, not the cause, which is the operator's: a name that does
not resolve, a certificate, a port where nobody listens. One outage is one line, and one more now
and then for as long as it lasts, however many calls it breaks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_log = logging.getLogger("corvus.gateway")

REPEAT_SECONDS = 60.0
"""How often an outage that lasts is said again."""


class Outages:
    """Which upstreams fail; bounded by the upstreams of the config.

    Args:
        now: Seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._said_at: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._said: set[str] = set()

    def failed(self, upstream: str, why: str) -> None:
        """Take a call that failed.

        Args:
            upstream: Its name.
            why: For the operator; nothing of a request or a key.
        """
        failures = self._failures[upstream] = self._failures.get(upstream, 0) + 1
        said_at = self._said_at.get(upstream)
        if said_at is not None and self._now() - said_at < REPEAT_SECONDS:
            return
        self._said_at[upstream] = self._now()
        self._said.add(upstream)
        _log.warning("the upstream %s fails: %s (failures in a row: %d)", upstream, why, failures)

    def answered(self, upstream: str) -> None:
        """Take a call that was answered."""
        failures = self._failures.pop(upstream, 0)
        if upstream in self._said:  # one that fails now and then fills no log
            self._said.remove(upstream)
            _log.warning(
                "the upstream %s answers again (failures in a row: %d)", upstream, failures
            )
