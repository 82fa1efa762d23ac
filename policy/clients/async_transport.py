"""The twin of ``policy.clients.transport`` for ``httpx2.AsyncClient`` under asyncio (PRX-6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Unpack

import httpx2

from policy.clients.booking import Booking
from policy.clients.gate import Gate
from policy.clients.refusals import Refusal, unverified
from policy.clients.settler import Settler
from policy.clients.wire import NEVER_LEFT, begin, refusal_response, request_to_send, with_stream
from policy.errors import StoreError
from policy.governor.calls import Calls
from policy.governor.pricing import CallOptions


class AsyncGovernedTransport(httpx2.AsyncBaseTransport):
    """A transport for ``httpx2.AsyncClient``; see ``GovernedTransport``.

    Args:
        governor: Who admits calls; closed by whoever opened it, after this transport.
        inner: The transport that sends; by default a plain one.
        **options: What is said of each call: its session, mission, project, user, agent, tags.

    Raises:
        TypeError: An option has a name that nothing reads.
    """

    def __init__(
        self,
        governor: Calls,
        inner: httpx2.AsyncBaseTransport | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        self._governor = governor
        self._gate = Gate(governor, options)
        self._inner = inner or httpx2.AsyncHTTPTransport()
        self._settler = Settler(governor)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request that is free or admitted; else answer it in the provider's place."""
        endpoint = self._gate.route(request.method, request.url.path)
        if endpoint is None:
            return await self._inner.handle_async_request(request)
        if isinstance(endpoint, Refusal):
            return refusal_response(endpoint, request)
        asked = self._gate.ask(endpoint, await request.aread())
        if isinstance(asked, Refusal):
            return refusal_response(asked, request)
        self._settler.start()
        try:
            decision = await self._governor.areserve(asked.request)
            verdict = self._gate.verdict(asked, decision)
        except StoreError:
            verdict = unverified(endpoint)
        if verdict is None:
            return await self._inner.handle_async_request(request)
        if isinstance(verdict, Refusal):
            return refusal_response(verdict, request)
        return await self._send(request_to_send(request, asked.body), verdict)

    async def _send(self, request: httpx2.Request, booking: Booking) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
        except NEVER_LEFT:
            await self._settler.asettle(booking.never_left())
            raise
        except BaseException:
            await self._settler.asettle(booking.ending())
            raise
        begin(booking, response)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return with_stream(response, _Stream(response.stream, booking, self._settler))

    async def aclose(self) -> None:
        """Settle what is left, and let go of all connections."""
        from asyncio import to_thread

        await self._inner.aclose()
        await to_thread(self._settler.close)


class _Stream(httpx2.AsyncByteStream):
    """The bytes of an answer, read on the side."""

    def __init__(self, inner: httpx2.AsyncByteStream, booking: Booking, settler: Settler) -> None:
        self._inner = inner
        self._booking = booking
        self._settler = settler

    async def __aiter__(self) -> AsyncIterator[bytes]:
        booking = self._booking
        try:
            async for chunk in self._inner:
                relayed = booking.feed(chunk)
                if booking.is_settled:
                    await self._settler.asettle(booking.ending())
                if relayed:
                    yield relayed
            rest = booking.finish()
            await self._settler.asettle(booking.ending())
            if rest:
                yield rest
        except GeneratorExit:
            raise  # it may be the garbage collector's: closing or collecting the stream settles
        except BaseException:
            await self._settler.asettle(booking.ending())
            raise

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            await self._settler.asettle(self._booking.ending())

    def __del__(self) -> None:
        self._settler.later(self._booking.ending())
