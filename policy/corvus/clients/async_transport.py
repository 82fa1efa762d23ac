"""The twin of ``corvus.clients.transport`` for ``httpx2.AsyncClient`` under asyncio (PRX-6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Unpack

import httpx2

from corvus.base.errors import StoreError
from corvus.base.time import Clock
from corvus.calls.flight import Flight
from corvus.calls.gate import Admitted, Gate
from corvus.calls.plan import Free, Unreadable, route
from corvus.calls.refusal import Refusal, unreadable, unverified
from corvus.calls.settle import Settler
from corvus.clients.leaving import Leaving, kind_of_path, refused, relaying
from corvus.governor.governor import Governor
from corvus.governor.pricing import CallOptions
from corvus.metering.endpoints import Endpoint


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
        governor: Governor,
        inner: httpx2.AsyncBaseTransport | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        self._governor = governor
        self._gate = Gate(governor, **options)
        self._inner = inner or httpx2.AsyncHTTPTransport()
        self._settler = Settler(lambda: governor)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request that is free or admitted; else answer it in the provider's place."""
        place = route(request.method, request.url.path, exact=False)
        if isinstance(place, Free) or not self._governor.policy.enabled:
            return await self._inner.handle_async_request(request)
        if isinstance(place, Unreadable):
            verdict = unreadable(place)
        else:
            verdict = await self._ask(place, request)
        if isinstance(verdict, Refusal):
            return refused(verdict, kind_of_path(request.url.path), request)
        if verdict.flight is None:
            return await self._inner.handle_async_request(request)
        return await self._send(request, verdict, verdict.flight)

    async def _ask(self, endpoint: Endpoint, request: httpx2.Request) -> Admitted | Refusal:
        encoding = request.headers.get("content-encoding", "")
        asked = self._gate.ask(endpoint, await request.aread(), encoding, host=request.url.host)
        if isinstance(asked, Refusal):
            return asked
        self._settler.start()
        try:
            decision, asked = await self._gate.aadmit(asked)
        except StoreError:
            return unverified()
        return self._gate.verdict(asked, decision)

    async def _send(
        self, request: httpx2.Request, call: Admitted, flight: Flight
    ) -> httpx2.Response:
        leaving = Leaving(request, call.asked.body, is_async=True)
        clock, settler = self._governor.store.clock, self._settler
        settler.watch(flight)
        try:
            response = await self._inner.handle_async_request(leaving.request)
        except BaseException as fault:
            if leaving.may_have_left(fault):
                flight.sent(clock.now())
            is_fault = isinstance(fault, Exception)
            await settler.aobey((flight.broken if is_fault else flight.abandoned)(clock.now()))
            raise
        flight.head(response.status_code, response.headers, clock.now())
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        stream = _Stream(response.stream, flight, settler, clock)
        return relaying(response, stream, call.asked.told)

    async def aclose(self) -> None:
        """Settle what is left, and let go of all connections."""
        from asyncio import to_thread

        await self._inner.aclose()
        await to_thread(self._settler.close)


class _Stream(httpx2.AsyncByteStream):
    """The bytes of an answer, read on the side."""

    def __init__(
        self, inner: httpx2.AsyncByteStream, flight: Flight, settler: Settler, clock: Clock
    ) -> None:
        self._inner = inner
        self._flight = flight
        self._settler = settler
        self._now = clock.now

    async def __aiter__(self) -> AsyncIterator[bytes]:
        flight, obey = self._flight, self._settler.aobey
        try:
            async for chunk in self._inner:
                if relayed := await obey(flight.data(chunk, self._now())):
                    yield relayed
            if rest := await obey(flight.end(self._now())):
                yield rest
        except GeneratorExit:
            raise  # it may be the garbage collector's: closing or collecting the stream settles
        except Exception:
            await obey(flight.broken(self._now()))
            raise
        except BaseException:
            await obey(flight.abandoned(self._now()))
            raise

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            await self._settler.aobey(self._flight.abandoned(self._now()))

    def __del__(self) -> None:
        self._settler.later(self._flight.abandoned(self._now()))
