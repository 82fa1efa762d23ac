"""One governed call, from admission to its settlement (PRX-2).

The hold is settled when the usage is known, and not at the end of the body, which clients often do
not read. Bytes that end an answer are passed on once the call is recorded, or after a second at
most: who has an answer finds it counted. Whatever breaks a call off, the provider is told at once.

What was used is not always known. A stream that was cut costs what it read and what it wrote so
far; any other answer that was cut costs what was held for it, for it may be complete at the
provider. An error without usage costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from policy.gateway.asking import Asked
from policy.gateway.client import Answer, UpstreamFailed
from policy.gateway.forwarding import to_client
from policy.gateway.guards import Send
from policy.gateway.hold import Hold
from policy.gateway.wire import WireError, send_error, send_start
from policy.governor.pricing import Report
from policy.metering.tap import Tap
from policy.metering.taps import open_tap
from policy.metering.usage import MeteredUsage
from policy.model.gateway import Kind
from policy.model.reservation import Outcome

_COUNTED_SECONDS = 1.0
_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Exchange:
    """A call that was admitted.

    Attributes:
        asked: What was asked for.
        kind: Whose errors its client understands.
        hold: Settled whatever happens.
        more: Headers of ours for the client.
        tap: Reads the answer; ``None`` before there is one, and where it cannot be read.
    """

    asked: Asked
    kind: Kind
    hold: Hold
    more: dict[str, str]
    tap: Tap | None = None
    _answer: Answer | None = None
    _looks_at: float = 0.0

    async def run(self, open_answer: Callable[[], Awaitable[Answer]], send: Send) -> None:
        """Send the call and pass its answer on.

        Args:
            open_answer: Sends it, and waits for the headers of the answer.
            send: To the client.
        """
        outcome = Outcome.CANCELLED
        try:
            self._answer = await open_answer()
            await self._relay(self._answer, send)
            outcome = Outcome.COMPLETED if self._answer.status < 400 else Outcome.FAILED
        except UpstreamFailed as failed:
            outcome = Outcome.FAILED
            if self._answer is None and not failed.may_cost:
                self.hold.release()
            self._settle(outcome)
            await self.hold.settled()
            await self._tell(failed, send)
            return
        finally:
            if self._answer is not None:
                self._answer.close()
            self._settle(outcome)
        await self.hold.settled()
        await send({"type": "http.response.body", "body": b""})

    async def _relay(self, answer: Answer, send: Send) -> None:
        if not answer.is_packed:
            self.tap = open_tap(self.asked.endpoint, self.asked.plan, is_stream=answer.is_stream)
        await send_start(send, answer.status, to_client(answer.headers, self.more))
        async for chunk in answer.chunks():
            passed = chunk if self.tap is None else self.tap.feed(chunk)
            if self.tap is not None and self.tap.is_settled and not self.hold.is_settled:
                self.hold.commit(self.tap.usage, self._report(Outcome.COMPLETED))
                await self.hold.settled(_COUNTED_SECONDS)
            if self.tap is not None:
                self._cover(self.tap)
            if passed:
                await send({"type": "http.response.body", "body": passed, "more_body": True})
        if self.tap is not None and (rest := self.tap.finish()):
            await send({"type": "http.response.body", "body": rest, "more_body": True})

    def _cover(self, tap: Tap) -> None:
        """Now and then, see that what is held is not below what was written (RES-7)."""
        now = asyncio.get_running_loop().time()
        if self._looks_at > now or self.hold.is_settled or not self._is_stream:
            return
        self._looks_at = now + _LOOK_SECONDS
        so_far = tap.usage_or_estimate(
            model=self.asked.request.model, input_tokens=self.asked.plan.input_tokens
        ).total
        self.hold.cover(so_far.output_tokens + so_far.reasoning_tokens)

    def _settle(self, outcome: Outcome) -> None:
        """Settle by what is known, unless that was done."""
        if self.hold.is_settled:
            return
        answer, tap = self._answer, self.tap
        if tap is not None:
            tap.finish()  # of an answer that was cut, what it held back may say more
        if answer is not None and answer.status >= 400:
            if tap is None or tap.usage is None:
                self.hold.release()
                return
        elif tap is not None and tap.error is not None and _is_silent(tap):
            self.hold.release()
            return
        self.hold.commit(self._known(outcome), self._report(outcome))

    def _known(self, outcome: Outcome) -> MeteredUsage | None:
        """Return what was used, or bounds of it; ``None`` where only the hold is a bound."""
        tap, plan = self.tap, self.asked.plan
        model = self.asked.request.model
        if tap is None:
            if self._answer is None and plan.is_stream:
                return open_tap(self.asked.endpoint, plan, is_stream=True).usage_or_estimate(
                    model=model, input_tokens=plan.input_tokens
                )
            return None
        if tap.usage is None and outcome is not Outcome.COMPLETED and not self._is_stream:
            return None
        return tap.usage_or_estimate(model=model, input_tokens=plan.input_tokens)

    @property
    def _is_stream(self) -> bool:
        return self._answer is not None and self._answer.is_stream

    def _report(self, outcome: Outcome) -> Report:
        request_id = self._answer.request_id if self._answer is not None else None
        return {"outcome": outcome, "provider_request_id": request_id}

    async def _tell(self, failed: UpstreamFailed, send: Send) -> None:
        """Tell the client; an answer that has begun is left without its end, so that it shows."""
        error = WireError(failed.status, failed.code, str(failed))
        if self._answer is None:
            await send_error(send, error, self.kind)
        elif self._is_stream:
            event = error.event(self.asked.endpoint)
            await send({"type": "http.response.body", "body": event, "more_body": True})


def _is_silent(tap: Tap) -> bool:
    """Tell whether an answer brought neither usage nor any output."""
    return tap.usage is None and tap.output_bytes_relayed == 0
