"""A queue in front of listeners: however slow they are, no call waits for them (OBS-3).

Events wait in a queue of bounded length for one thread. When the listener cannot keep up, the
newest are dropped and counted, and the log says so: telemetry may lose what the ledger keeps.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

from corvus.events import Event
from corvus.governor.engine import Listener

_WAITING_MAX = 10_000
_CLOSE_SECONDS = 5.0
_log = logging.getLogger("corvus.observability")


class Background:
    """A listener that hands events over to another one.

    Args:
        listener: Hears the events in order, on a thread of its own; what it raises is logged.
        waiting_max: Most events that wait, > 0.

    Attributes:
        dropped: Events that the listener never got.
    """

    def __init__(self, listener: Listener, waiting_max: int = _WAITING_MAX) -> None:
        self.dropped = 0
        self._listener = listener
        self._waiting_max = waiting_max
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="corvus-events", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Take an event, and return at once."""
        with self._changed:
            if self._is_closed or len(self._waiting) >= self._waiting_max:
                self.dropped += 1
                return
            self._waiting.append(event)
            self._changed.notify()

    def close(self, timeout_seconds: float = _CLOSE_SECONDS) -> None:
        """Let the listener hear what waits, for so long at most. May be called again."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        self._log_dropped()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                event = self._waiting.popleft()
            try:
                self._listener(event)
            except Exception:
                _log.exception("a listener failed on %s", type(event).__name__)

    def _log_dropped(self) -> None:
        if self.dropped:
            _log.warning("%d events were not delivered: a listener was too slow", self.dropped)
