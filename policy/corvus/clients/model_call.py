"""One call that a library makes, written down as its request and its answer would state it.

See ``corvus.clients.model_calls``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from corvus.base.time import Clock
from corvus.calls.flight import Command, Flight
from corvus.calls.gate import Proposal
from corvus.calls.settle import Settler
from corvus.clients.faults import has_never_left, status_of
from corvus.metering.provider import Endpoint

_BODY = {"content-type": "application/json"}
_STREAM = {"content-type": "text/event-stream"}


@dataclass(frozen=True, slots=True)
class CallText:
    """A call as its request would state it.

    Attributes:
        endpoint: Whose words it is written in.
        body: Its request.
        host: Host that it is sent to; ``None`` where the library does not show it.
        provider: Who bills; ``None`` where host or price book say so.
    """

    endpoint: Endpoint
    body: Mapping[str, Any]
    host: str | None = None
    provider: str | None = None


class ModelCall:
    """One call that was admitted; what happens to it is answered with what is to be done.

    Attributes:
        body: Its request in the form that was admitted: a maximum may be stated in it, or lowered.
        maximum_tokens: The maximum of one answer that it was admitted with in place of its own;
            ``None`` for its own.
    """

    def __init__(
        self, settler: Settler, clock: Clock, proposal: Proposal, flight: Flight | None
    ) -> None:
        self._settler = settler
        self._now = clock.now
        self._flight = flight
        self._has_head = False
        self.body = cast("dict[str, Any]", json.loads(proposal.body))
        self.maximum_tokens = proposal.plan.stated_tokens if flight is not None else None

    @property
    def is_governed(self) -> bool:
        """Whether there is a hold; there is none while governance is disabled (EVA-11)."""
        return self._flight is not None

    @property
    def is_over(self) -> bool:
        """Whether it is settled, or there is nothing to settle."""
        return self._flight is None or self._flight.is_settled

    def changed_in(self, given: Mapping[str, Any], text: CallText) -> dict[str, Any]:
        """Return some members of its request as they were admitted.

        Args:
            given: Members that the library sends as they are.
            text: The call as it was proposed.
        """
        said = cast("dict[str, Any]", json.loads(json_of(text.body)))
        return {
            name: self.body[name] if self.body.get(name) != said.get(name) else value
            for name, value in given.items()
        }

    def answered(self, answer: Mapping[str, Any], request_id: str | None = None) -> list[Command]:
        """Take a whole answer.

        Args:
            answer: In the words of the endpoint; without ``usage`` where none is reported.
            request_id: By which the provider knows the call.
        """
        flight = self._flight
        if flight is None:
            return []
        self._begin(_BODY, request_id)
        now = self._now()
        return [*flight.data(json_of(answer), now), *flight.end(now)]

    def event(self, data: Mapping[str, Any] | str, at: datetime | None = None) -> list[Command]:
        """Take an event of an answer that comes as a stream.

        Args:
            data: In the words of the endpoint, as JSON or decoded.
            at: When it came, aware UTC; by default, now.
        """
        flight = self._flight
        if flight is None:
            return []
        self._begin(_STREAM, None)
        text = data.encode() if isinstance(data, str) else json_of(data)
        return flight.data(b"data: %b\n\n" % text, at or self._now())

    def ended(self) -> list[Command]:
        """Take the end of a stream."""
        if self._flight is None:
            return []
        self._begin(_STREAM, None)
        return self._flight.end(self._now())

    def failed(self, fault: BaseException) -> list[Command]:
        """Take what the library raised, or what interrupted it.

        Args:
            fault: Released is a call that the provider refused, or that never left, as long as none
                of its answer came.
        """
        flight = self._flight
        if flight is None:
            return []
        now = self._now()
        if self._has_head or not isinstance(fault, Exception):
            flight.sent(now)
            return flight.failed(fault, now)
        if (status := status_of(fault)) is not None:
            flight.head(status, _head(_BODY, getattr(fault, "request_id", None)), now)
            return flight.end(now)
        if not has_never_left(fault):
            flight.sent(now)
        return flight.failed(fault, now)

    def left(self) -> list[Command]:
        """Take it that nobody waits for the answer any more."""
        flight = self._flight
        if flight is None:
            return []
        now = self._now()
        flight.sent(now)
        return flight.abandoned(now)

    def never_made(self) -> list[Command]:
        """Take it that the call was not made: nothing is recorded of it."""
        flight = self._flight
        return [] if flight is None or self._has_head else flight.abandoned(self._now())

    def __del__(self) -> None:
        if not self.is_over:
            self._settler.later(self.left())

    def _begin(self, headers: Mapping[str, str], request_id: object) -> None:
        assert self._flight is not None, "only a governed call has an answer"
        if not self._has_head:
            self._has_head = True
            self._flight.head(200, _head(headers, request_id), self._now())


def _head(headers: Mapping[str, str], request_id: object) -> dict[str, str]:
    named = {"x-request-id": request_id} if isinstance(request_id, str) else {}
    return {**headers, **named}


def json_of(value: Mapping[str, Any]) -> bytes:
    """Return an object of a request as its bytes, whatever objects a library has put into it."""
    return json.dumps(value, default=_plain, ensure_ascii=False).encode(errors="replace")


def _plain(value: Any) -> Any:
    """Return an object of a library as its request would state it, or else as it shows itself."""
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json", exclude_none=True)
    return str(value)
