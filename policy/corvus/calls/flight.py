"""One admitted call from its hold to its settlement, without input or output (RES-10, RES-11).

A driver reports what happens to the call, and does what the flight commands. Whatever the events
and however the bytes are cut, the call is settled once, by one table:

==============================================  =========================  =========
reached                                         settled with               outcome
==============================================  =========================  =========
nothing written to the provider                 release                    failed
request written, no head of an answer           the hold, estimated        failed
head 3xx, 4xx or 5xx, no usage                  release                    failed
head 3xx, 4xx or 5xx, usage                     the usage                  failed
2xx, no stream, broke off                       the hold, estimated        failed
stream, an error before usage and output        release                    failed
stream, broke off or failed                     usage, else a bound        failed
usage is final                                  the usage                  completed
an answer that cannot be unpacked or trusted    the hold, estimated        as above
==============================================  =========================  =========

A call that its client left is ``cancelled`` where it would be ``failed`` by the provider's break.
The bound of a stream is the bound of the input and of what was written until then. The first usage
that is final settles the call, and nothing that comes after it changes that: clients often read no
further.

The driver keeps the hold alive while the call is under way. Two threads must not feed it at once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple, TypeAlias

from corvus.base.money import NanoUSD, divide_up
from corvus.calls.billing import may_have_answered
from corvus.calls.plan import Plan
from corvus.calls.unpacking import Unpacker, unpacker_of
from corvus.governor.options import CallReport
from corvus.metering.tap import Tap
from corvus.metering.usage import MeteredUsage
from corvus.model.reservation import Outcome, Reservation
from corvus.model.usage import Usage
from corvus.prices.names import VARIANTS

_LOOK = timedelta(seconds=1)
_REQUEST_IDS = ("request-id", "x-request-id", "x-amzn-requestid")
_ID_CHARACTERS_MAX = 200


class Ending(NamedTuple):
    """How a call is to be settled.

    Attributes:
        is_release: Nothing was spent.
        usage: What to commit; ``None`` takes what was held, marked as estimated.
        report: What else is known.
    """

    reservation: Reservation
    is_release: bool
    usage: Usage | None
    report: CallReport


class Relay(NamedTuple):
    """Pass bytes on to the client."""

    data: bytes


class Extend(NamedTuple):
    """Hold more: the answer has outgrown what was expected of it (RES-7).

    Attributes:
        hold_nano_usd: What is to be held, more than before.
    """

    reservation: Reservation
    hold_nano_usd: NanoUSD


class Settle(NamedTuple):
    """Settle the call; comes exactly once, before the bytes that end the answer."""

    ending: Ending


class StopUpstream(NamedTuple):
    """Let go of the provider, so that it stops."""


Command: TypeAlias = Relay | Extend | Settle | StopUpstream


class _How(Enum):
    """How the bytes ended."""

    ENDED = Outcome.COMPLETED
    BROKEN = Outcome.FAILED
    ABANDONED = Outcome.CANCELLED


@dataclass(slots=True)
class _Head:
    """What the head of an answer says."""

    is_error: bool
    is_stream: bool
    request_id: str | None
    tap: Tap
    unpacker: Unpacker | None


class Flight:
    """A call under way.

    Args:
        reservation: Its hold.
        plan: The call.
    """

    def __init__(self, reservation: Reservation, plan: Plan) -> None:
        self.reservation = reservation
        self._plan = plan
        self._claim = threading.Lock()
        self._is_sent = False
        self._head: _Head | None = None
        self._first_byte_at: datetime | None = None
        self._held_nano_usd = reservation.hold_nano_usd
        self._looks_at: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the one ``Settle`` was given."""
        return self._claim.locked()

    @property
    def is_stream(self) -> bool:
        """Whether the answer comes as events."""
        return self._head is not None and self._head.is_stream

    @property
    def takes_events(self) -> bool:
        """Whether an event of ours may be put into the answer."""
        return self._head is not None and self._head.is_stream and self._head.tap.takes_events

    def sent(self, now: datetime) -> None:
        """Take it that the request may have been written, in whole or in part."""
        self._is_sent = True

    def head(self, status: int, headers: Mapping[str, str], now: datetime) -> None:
        """Take the head of the answer.

        Args:
            status: HTTP status; from 300 on, it is no answer of a model.
            headers: By name in lower case.
            now: Instant, aware UTC.
        """
        self._is_sent = True
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_stream = self._plan.endpoint.streams(kind, self._plan)
        named = next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)
        tap = self._plan.endpoint.open_tap(self._plan, is_stream=is_stream)
        tap.take_head(headers)
        self._head = _Head(
            is_error=status >= 300,
            is_stream=is_stream,
            request_id=named[:_ID_CHARACTERS_MAX] if named and named.isascii() else None,
            tap=tap,
            unpacker=unpacker_of(headers.get("content-encoding", "")),
        )

    def data(self, chunk: bytes, now: datetime) -> list[Command]:
        """Take the next bytes of the answer."""
        head = self._head
        assert head is not None, "bytes come after the head"
        if chunk and self._first_byte_at is None:
            self._first_byte_at = now
        relayed = self._read(head, chunk)
        commands: list[Command] = []
        if head.tap.is_settled:
            commands += self._settled(_How.ENDED)
        commands += self._cover(head, now)
        if relayed:
            commands.append(Relay(relayed))
        return commands

    def end(self, now: datetime) -> list[Command]:
        """Take the clean end of the answer."""
        head = self._head
        assert head is not None, "the end comes after the head"
        rest = head.tap.finish()
        commands = self._settled(_How.ENDED)
        if rest and head.unpacker is None:
            commands.append(Relay(rest))
        return commands

    def broken(self, now: datetime) -> list[Command]:
        """Take it that the provider failed: no connection, no answer, or one that ends early."""
        return [*self._settled(_How.BROKEN), StopUpstream()]

    def abandoned(self, now: datetime) -> list[Command]:
        """Take it that nobody waits for the answer any more."""
        return [*self._settled(_How.ABANDONED), StopUpstream()]

    def failed(self, fault: BaseException, now: datetime) -> list[Command]:
        """Take it that a driver met a fault: the provider's, or that it was interrupted."""
        return self.broken(now) if isinstance(fault, Exception) else self.abandoned(now)

    def _read(self, head: _Head, chunk: bytes) -> bytes:
        """Show bytes to the tap; return those to relay, which is all of what is compressed."""
        if head.unpacker is None:
            return head.tap.feed(chunk)
        for piece in head.unpacker.feed(chunk):
            head.tap.feed(piece)
        return chunk

    def _cover(self, head: _Head, now: datetime) -> list[Command]:
        """Now and then, see that what is held is not below what was written (RES-7)."""
        request = self.reservation.request
        if self.is_settled or not head.is_stream or request.output_rate is None:
            return []
        if self._looks_at is not None and now < self._looks_at:
            return []
        self._looks_at = now + _LOOK
        so_far = self._metered(head.tap).total
        read = request.input_nano_usd or 0
        tokens = so_far.total_tokens - so_far.context_tokens
        written = divide_up(tokens * request.output_rate, 1_000_000)
        if read + written <= self._held_nano_usd:
            return []
        self._held_nano_usd = NanoUSD(read + 2 * written)  # it will go on
        return [Extend(self.reservation, self._held_nano_usd)]

    def _settled(self, how: _How) -> list[Command]:
        if not self._claim.acquire(blocking=False):
            return []
        return [Settle(self._ending(how))]

    def _ending(self, how: _How) -> Ending:
        head = self._head
        if head is None:
            return self._ended(how, None, is_release=not self._is_sent)
        tap = head.tap
        if how is not _How.ENDED:
            tap.finish()  # of an answer that was cut, what it held back may say more
        if tap.is_settled or self._is_bounded(head, how):
            return self._ended(how, self._metered(tap))
        return self._ended(how, None, is_release=self._is_free(head))

    def _is_bounded(self, head: _Head, how: _How) -> bool:
        """Return whether what was read bounds the usage better than the hold does."""
        tap = head.tap
        if self._is_free(head) or (tap.costs_hold and tap.usage_unknown):
            return False
        if tap.is_unreadable or (head.unpacker is not None and not head.unpacker.is_whole):
            return False
        # NOTE: a body that broke off may have been produced to its end.
        return tap.usage is not None or how is _How.ENDED or head.is_stream

    def _is_free(self, head: _Head) -> bool:
        """Return whether the provider says that it did nothing: an error, before any output."""
        tap = head.tap
        if tap.usage is not None and tap.usage.total.total_tokens:
            return False
        if tap.stated_cost is not None and tap.stated_cost.nano_usd:
            return False
        return head.is_error or (tap.error is not None and not tap.output_bytes_relayed)

    def _ended(
        self, how: _How, metered: MeteredUsage | None, *, is_release: bool = False
    ) -> Ending:
        head = self._head
        report: CallReport = {
            "seller": self.reservation.request.seller,
            "settlement_key": f"{self.reservation.id}/meter",
            "outcome": self._outcome(how),
            "provider_request_id": head.request_id if head else None,
            "first_token_at": self._first_byte_at,
        }
        if metered is None:
            return Ending(self.reservation, is_release, None, report)
        tier = metered.service_tier
        report["answering_model"] = metered.model
        report["service_tier"] = tier if tier in VARIANTS else None
        report["is_estimated"] = metered.is_estimated
        report["is_at_least"] = metered.is_at_least or self._plan.bills_more
        location = self._plan.location
        parts = metered.parts
        report["parts"] = (
            tuple(replace(part, location=location) for part in parts) if location else parts
        )
        named = [part.model for part in metered.parts]
        request = self.reservation.request
        provider = request.seller or request.provider
        report |= _stated(head, how)
        if self._plan.service_tier is not None and not metered.states_tier:
            report["tiers"] = (None, self._plan.service_tier)
        report["models"] = may_have_answered(self._plan.models, named, provider)
        return Ending(self.reservation, is_release, metered.total, report)

    def _outcome(self, how: _How) -> Outcome:
        head = self._head
        if head is not None and (head.is_error or head.tap.error is not None):
            return Outcome.FAILED
        if head is not None and head.tap.is_settled:
            return Outcome.COMPLETED
        return how.value

    def _metered(self, tap: Tap) -> MeteredUsage:
        plan = self._plan
        return tap.usage_or_estimate(model=plan.model, input_tokens=plan.input_tokens)


def _stated(head: _Head | None, how: _How) -> CallReport:
    """Return what an answer says about its own cost; of one that broke off it is that so far."""
    tap = head.tap if head is not None else None
    if tap is None or tap.stated_cost is None:
        return {}
    is_so_far = how is not _How.ENDED and not tap.is_settled
    stated = replace(tap.stated_cost, is_so_far=is_so_far)
    return {"stated_cost": stated, "has_counts": tap.usage is not None}
