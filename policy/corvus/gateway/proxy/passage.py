"""Drives one admitted call through the proxy: its bytes, and what its flight says (PRX-2, RES-11).

The call is settled when its usage is known, and not at the end of the body, which clients often do
not read. Bytes that end an answer are passed on once the call is recorded, or a moment later at
most: who has an answer finds it counted. Whatever breaks a call off, the provider is stopped at
once, and settling goes on when the client is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from corvus.base.time import Clock
from corvus.calls.flight import Command, Flight, Settle, StopUpstream
from corvus.calls.settle import Settler, relayed
from corvus.gateway.asgi import Send, send_piece, send_start
from corvus.gateway.proxy.client import Answer, UpstreamFailed
from corvus.gateway.proxy.headers import to_client
from corvus.gateway.refusal import send_refusal
from corvus.metering.provider import Endpoint

_COUNTED_SECONDS = 1.0
"""Longest that the bytes of an answer wait for its record."""


@dataclass(slots=True)
class Passage:
    """A call that was admitted.

    Attributes:
        more: Headers of ours for the client.
        pending: Gets what must be waited for before the store is closed.
    """

    endpoint: Endpoint
    flight: Flight
    more: Mapping[str, str]
    settler: Settler
    clock: Clock
    pending: set[asyncio.Task[bytes]]
    _answer: Answer | None = None

    async def run(
        self, open_answer: Callable[[Callable[[], None]], Awaitable[Answer]], send: Send
    ) -> None:
        """Send the call and pass its answer on.

        Args:
            open_answer: Sends it, and waits for the head of the answer. It calls what it is given
                before the first byte of the request is written.
            send: To the client.
        """
        flight, now = self.flight, self.clock.now
        try:
            answer = self._answer = await open_answer(lambda: flight.sent(now()))
            flight.head(answer.status, answer.by_name, now())
            answer.require_no_redirect()
            await send_start(send, answer.status, to_client(answer.headers, dict(self.more)))
            async for chunk in answer.chunks():
                await send_piece(send, await self._obey(flight.data(chunk, now())))
            await send_piece(send, await self._obey(flight.end(now())), is_last=True)
        except UpstreamFailed as failed:
            await self._obey(flight.broken(now()))
            await self._report(failed, send)
        finally:
            await self._obey(flight.abandoned(now()), is_left=True)

    async def _obey(self, commands: Sequence[Command], *, is_left: bool = False) -> bytes:
        """Do what the flight says; return the bytes to relay."""
        if (
            any(isinstance(command, StopUpstream) for command in commands)
            and self._answer is not None
        ):
            self._answer.close()
        if not any(isinstance(command, Settle) for command in commands):
            return await self.settler.aobey(commands)
        work = asyncio.get_running_loop().create_task(self.settler.aobey(commands))
        self.pending.add(work)
        work.add_done_callback(self.pending.discard)
        if is_left:
            return b""
        await asyncio.wait([work], timeout=_COUNTED_SECONDS)
        return relayed(commands)

    async def _report(self, failed: UpstreamFailed, send: Send) -> None:
        """Answer the client; one that has begun is left without its end, so that it shows."""
        if self._answer is None or self._answer.is_redirect:
            await send_refusal(send, failed.refusal, self.endpoint.kind)
        elif self.flight.is_stream:
            await send_piece(send, failed.refusal.event(self.endpoint))
