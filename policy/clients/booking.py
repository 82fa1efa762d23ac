"""One admitted call from its reservation to its settlement, without input or output.

Whoever moves the bytes feeds them to a booking, and asks it how to settle: once, however many ways
out there are. What the provider reports is committed; where it does not say, an upper bound marked
as estimated stands in. A hold is released only when nothing was produced: the request never left,
or the provider answered with an error and no usage.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple

from policy.calls.plan import Plan
from policy.clock import Clock
from policy.governor.pricing import Report
from policy.metering.tap import Tap
from policy.metering.taps import open_tap
from policy.metering.usage import MeteredUsage
from policy.model.reservation import Outcome, Reservation
from policy.model.usage import Usage

_REQUEST_IDS = ("request-id", "x-request-id")


class Ending(NamedTuple):
    """How a call is to be settled.

    Attributes:
        is_release: Nothing was spent.
        usage: What to commit; ``None`` takes what was held.
    """

    reservation: Reservation
    is_release: bool
    usage: Usage | None
    report: Report


class Booking:
    """The reading side of a call.

    Args:
        reservation: Its hold.
        plan: What was asked for.
        clock: Tells when the first bytes of the answer came.
    """

    def __init__(self, reservation: Reservation, plan: Plan, clock: Clock) -> None:
        self._reservation = reservation
        self._plan = plan
        self._clock = clock
        self._claim = threading.Lock()
        self._tap: Tap | None = None
        self._is_error = self._is_event_stream = False
        self._is_readable = True
        self._is_complete = False
        self._report: Report = {"settlement_key": f"{reservation.id}/client"}

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of the answer.

        Args:
            status: HTTP status; from 300 on, it is no answer of a model.
            headers: By name in lower case.
        """
        kind = headers.get("content-type", "")
        self._is_event_stream = kind.startswith("text/event-stream")
        self._is_error = status >= 300
        self._is_readable = headers.get("content-encoding", "identity") == "identity"
        self._tap = open_tap(self._plan.endpoint, self._plan, is_stream=self._is_event_stream)
        named = next((headers[name] for name in _REQUEST_IDS if name in headers), None)
        self._report["provider_request_id"] = named[:200] if named else None

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay."""
        assert self._tap is not None, "bytes come after the head"
        self._report.setdefault("first_token_at", self._clock.now())
        return self._tap.feed(chunk) if self._is_readable else chunk

    def finish(self) -> bytes:
        """Take the clean end of the answer and return the bytes still to relay."""
        assert self._tap is not None, "the end comes after the head"
        self._is_complete = True
        return self._tap.finish() if self._is_readable else b""

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will be reported: settle now, not at the end of the body."""
        return self._tap is not None and self._tap.is_settled

    def never_left(self) -> Ending | None:
        """Return how to settle a call that surely did not reach the provider."""
        return self._ended(None, is_release=True)

    def ending(self) -> Ending | None:
        """Return how to settle the call as far as it got; ``None`` when that was told before."""
        tap = self._tap
        if tap is None or not self._is_readable:
            is_release = self._is_error and tap is not None
            return self._ended(None, is_release=is_release)
        if not self._is_complete:
            tap.finish()  # the begin of an event may hold counts, too
        if tap.usage is None and (self._is_error or self._failed_at_once(tap)):
            return self._ended(None, is_release=True)
        if tap.usage is None and not self._is_event_stream and not self._is_complete:
            return self._ended(None)  # a body that broke off may have been produced to its end
        told = tap.usage_or_estimate(model=self._plan.model, input_tokens=self._plan.input_tokens)
        return self._ended(told)

    def _failed_at_once(self, tap: Tap) -> bool:
        return tap.error is not None and tap.output_bytes_relayed == 0

    def _ended(self, told: MeteredUsage | None, *, is_release: bool = False) -> Ending | None:
        if not self._claim.acquire(blocking=False):
            return None
        self._report["outcome"] = self._outcome()
        if told is None:
            return Ending(self._reservation, is_release, None, self._report)
        self._report["answering_model"] = told.model
        self._report["service_tier"] = told.service_tier
        self._report["is_estimated"] = told.is_estimated
        self._report["parts"] = told.parts
        return Ending(self._reservation, is_release, told.total, self._report)

    def _outcome(self) -> Outcome:
        tap = self._tap
        if tap is None or self._is_error or tap.error is not None:
            return Outcome.FAILED
        return Outcome.COMPLETED if self._is_complete or tap.is_settled else Outcome.CANCELLED
