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
from corvus.calls.flight import Command, Flight, Relay, Settle, StopUpstream
from corvus.calls.settle import Settler, relayed
from corvus.gateway.exchange import Outlet
from corvus.gateway.proxy.answer import Answer
from corvus.gateway.proxy.failures import UpstreamFailed
from corvus.gateway.proxy.headers import to_client
from corvus.gateway.refusal import refuse_call
from corvus.metering.provider import Endpoint

_FAILED = 500
_ERROR_BYTES_MAX = 65_536
_ERROR_SECONDS = 5.0
"""An answer that only says that the provider failed is read so far before another one is tried."""
_COUNTED_SECONDS = 1.0
"""Longest that the bytes of an answer wait for its record."""


@dataclass(slots=True)
class Passage:
    """A call that was admitted.

    Attributes:
        more: Headers of ours for the client.
        pending: Gets what must be waited for before the store is closed.
        open_answer: Sends the call, and waits for the head of the answer. It calls what it is given
            before the first byte of the request is written.
        elsewhere: Admits the call for another upstream, where this one failed before its answer
            began; what it did is settled by then. Returns ``None`` where the call stays here.
    """

    endpoint: Endpoint
    flight: Flight
    more: Mapping[str, str]
    settler: Settler
    clock: Clock
    pending: set[asyncio.Task[bytes]]
    open_answer: Callable[[Callable[[], None]], Awaitable[Answer]]
    elsewhere: Callable[[], Awaitable[Passage | None]] | None = None
    _answer: Answer | None = None

    async def run(self, outlet: Outlet) -> None:
        """Send the call and pass its answer on."""
        flight, now = self.flight, self.clock.now
        try:
            answer = self._answer = await self.open_answer(lambda: flight.sent(now()))
            flight.head(answer.status, answer.by_name, now())
            answer.require_no_redirect()
            if answer.status >= _FAILED and self.elsewhere is not None:
                await self._replace(answer, outlet)
                return
            outlet.start(answer.status, to_client(answer.headers, self.more))
            await self._relay(answer, outlet)
        except UpstreamFailed as failed:
            await self._obey(flight.broken(now()))
            if not await self._goes_elsewhere(failed, outlet):
                await self._report(failed, outlet)
        finally:
            await self._obey(flight.abandoned(now()), is_left=True)

    async def _relay(self, answer: Answer, outlet: Outlet) -> None:
        """Pass the bytes of an answer on; those that end it once the call is recorded."""
        flight, now = self.flight, self.clock.now
        while True:
            if not answer.is_ready:
                outlet.flush()
            commands: list[Command] = []
            if data := await answer.read():
                commands += flight.data(data, now())
            if answer.is_read or not data:
                commands += flight.end(now())
                await outlet.end(await self._obey(commands))
                return
            await outlet.write(await self._obey(commands))

    async def _replace(self, answer: Answer, outlet: Outlet) -> None:
        """Take an answer that says that the provider failed, and pass on that of another one.

        Where there is none, the client gets this one after all.
        """
        flight, now = self.flight, self.clock.now
        body = bytearray()
        try:
            async with asyncio.timeout(_ERROR_SECONDS):
                while data := await answer.read():
                    body += await self._obey(flight.data(data, now()))
                    if len(body) > _ERROR_BYTES_MAX:
                        raise _endless()
        except TimeoutError:
            raise _endless() from None
        body += await self._obey(flight.end(now()))
        other = await self.elsewhere() if self.elsewhere is not None else None
        if other is not None:
            await other.run(outlet)
            return
        outlet.start(answer.status, to_client(answer.headers, self.more))
        await outlet.end(bytes(body))

    async def _goes_elsewhere(self, failed: UpstreamFailed, outlet: Outlet) -> bool:
        """Make the call at another upstream, if this one began no answer; return whether it was."""
        has_failed = self._answer is None or self._answer.status >= _FAILED
        if self.elsewhere is None or not (has_failed and failed.may_be_elsewhere):
            return False
        other = await self.elsewhere()
        if other is None:
            return False
        await other.run(outlet)
        return True

    async def _obey(self, commands: Sequence[Command], *, is_left: bool = False) -> bytes:
        """Do what the flight says; return the bytes to relay."""
        if len(commands) == 1 and isinstance(commands[0], Relay):
            return commands[0].data
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

    async def _report(self, failed: UpstreamFailed, outlet: Outlet) -> None:
        """Answer the client; one that has begun is left without its end, so that it shows."""
        answer = self._answer
        is_held_back = answer is None or (answer.status >= _FAILED and self.elsewhere is not None)
        if answer is None or answer.is_redirect or is_held_back:
            await refuse_call(outlet, failed.refusal, self.endpoint.kind)
        elif self.flight.takes_events:
            await outlet.write(failed.refusal.event(self.endpoint))


def _endless() -> UpstreamFailed:
    return UpstreamFailed(502, "upstream_broken", "the provider failed, and did not come to an end")
