"""``httpx2`` transports that govern the calls of an SDK, like the proxy does (PRX-6).

::

    with open_runtime().governor() as governor:
        transport = GovernedTransport(governor)
        client = openai.OpenAI(http_client=httpx2.Client(transport=transport))

Every call is reserved before it leaves, and settled when its provider has said what it used: at the
terminal event of a stream, else at its end, when it is closed, when it fails, or when it is
collected unread. A refused call never leaves; the SDK raises its own error for status 402. Streams
pass untouched, but for the usage that the SDK's user had not requested. What cannot be metered is
refused, see ``corvus.calls.plan``. While governance is disabled, all goes through untouched.

One generator makes the calls of both transports; it yields what may wait, to be awaited or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar, Unpack

from corvus.base.errors import StoreError
from corvus.base.time import Clock
from corvus.calls.encodings import ABOUT_ENCODED
from corvus.calls.flight import Command, Flight
from corvus.calls.gate import Admission, Gate, Proposal
from corvus.calls.refusal import Refusal, unreadable, unverified
from corvus.calls.routes import FreeCall, MeteredCall, Unreadable, call_by_end
from corvus.calls.settle import Settler
from corvus.clients.extras import imports_of
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions
from corvus.metering.providers import kind_at_any_base
from corvus.model.gateway import Kind

with imports_of("clients"):
    import httpx2

_NEVER_LEFT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
"""Faults after which a request has surely not reached its provider."""

_OF_LENGTH = ("content-length", "transfer-encoding")
_OF_BYTES = (*_OF_LENGTH, *ABOUT_ENCODED)
_WRITING = ".send_request_headers.started"
_Result = TypeVar("_Result")
_Steps: TypeAlias = Generator[Callable[[], Any], Any, _Result]
"""Yields what may wait, and is sent what it returned, or what it raised."""


class _Transport:
    """What both transports do.

    Args:
        governor: Who admits calls.
        send: Sends a request, and returns its answer or what can be awaited for it.
        options: What is said of each call.
        is_async: Whether all that may wait is awaited.
    """

    def __init__(
        self,
        governor: Governor,
        send: Callable[[httpx2.Request], Any],
        options: CallOptions,
        *,
        is_async: bool,
    ) -> None:
        self._governor = governor
        self._gate = Gate(governor, **options)
        self._settler = Settler(lambda: governor)
        self._send = send
        self._is_async = is_async
        self._admit = self._gate.aadmit if is_async else self._gate.admit
        self._obey = self._settler.aobey if is_async else self._settler.obey

    def _handle(self, request: httpx2.Request) -> _Steps[httpx2.Response]:
        place = call_by_end(request.method, request.url.path)
        if isinstance(place, FreeCall) or not self._governor.policy.enabled:
            return (yield partial(self._send, request))
        if isinstance(place, Unreadable):
            return _refused(unreadable(place), kind_at_any_base(request.url.path), request)
        verdict = yield from self._verdict(place, request)
        if isinstance(verdict, Refusal):
            return _refused(verdict, place.endpoint.kind, request)
        if verdict.flight is None:
            return (yield partial(self._send, request))
        return (yield from self._fly(request, verdict.proposal, verdict.flight))

    def _verdict(self, place: MeteredCall, request: httpx2.Request) -> _Steps[Admission | Refusal]:
        encoding = request.headers.get("content-encoding", "")
        body = yield request.aread if self._is_async else request.read
        place = place.with_headers(lambda name: request.headers.get(name, ""))
        place = place.with_query(request.url.query.decode("latin-1"))
        proposal = self._gate.propose(place, body, encoding, host=request.url.host)
        if isinstance(proposal, Refusal):
            return proposal
        self._settler.start()
        try:
            decision, proposal = yield partial(self._admit, proposal)
        except StoreError:
            return unverified()
        return self._gate.verdict(proposal, decision)

    def _fly(
        self, request: httpx2.Request, proposal: Proposal, flight: Flight
    ) -> _Steps[httpx2.Response]:
        departure = _Departure(request, proposal, is_async=self._is_async)
        clock = self._governor.store.clock
        self._settler.watch(flight)
        try:
            response = yield partial(self._send, departure.request)
        except BaseException as fault:
            if departure.may_have_left(fault):
                flight.sent(clock.now())
            yield partial(self._obey, flight.failed(fault, clock.now()))
            raise
        flight.head(response.status_code, response.headers, clock.now())
        stream = _Stream(response.stream, flight, self._settler, clock, is_async=self._is_async)
        return _relaying(response, stream, proposal.headers)


class GovernedTransport(_Transport, httpx2.BaseTransport):
    """A transport for ``httpx2.Client``, and so for the SDKs of OpenAI and Anthropic.

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
        inner: httpx2.BaseTransport | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        self._inner = inner or httpx2.HTTPTransport()
        super().__init__(governor, self._inner.handle_request, options, is_async=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request that is free or admitted; else answer it in the provider's place."""
        return _run(self._handle(request))

    def close(self) -> None:
        """Settle what is left, and let go of all connections."""
        self._inner.close()
        self._settler.close()


class AsyncGovernedTransport(_Transport, httpx2.AsyncBaseTransport):
    """A transport for ``httpx2.AsyncClient`` under asyncio, with the arguments of the other."""

    def __init__(
        self,
        governor: Governor,
        inner: httpx2.AsyncBaseTransport | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        self._inner = inner or httpx2.AsyncHTTPTransport()
        super().__init__(governor, self._inner.handle_async_request, options, is_async=True)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request that is free or admitted; else answer it in the provider's place."""
        return await _arun(self._handle(request))

    async def aclose(self) -> None:
        """Settle what is left, and let go of all connections."""
        await self._inner.aclose()
        await asyncio.to_thread(self._settler.close)


class _Stream(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The bytes of an answer, read on the side; it is settled when it is closed or collected."""

    def __init__(
        self, inner: Any, flight: Flight, settler: Settler, clock: Clock, *, is_async: bool
    ) -> None:
        self._inner = inner
        self._flight = flight
        self._settler = settler
        self._now = clock.now
        self._is_async = is_async
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        flight, obey = self._flight, self._settler.obey
        try:
            for chunk in self._inner:
                if relayed := obey(flight.data(chunk, self._now())):
                    yield relayed
            if rest := obey(flight.end(self._now())):
                yield rest
        except BaseException as fault:
            obey(self._after(fault))
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        flight, obey = self._flight, self._settler.aobey
        try:
            async for chunk in self._inner:
                if relayed := await obey(flight.data(chunk, self._now())):
                    yield relayed
            if rest := await obey(flight.end(self._now())):
                yield rest
        except BaseException as fault:
            if commands := self._after(fault):
                await obey(commands)
            raise

    def close(self) -> None:
        self._is_closed = True
        try:
            self._inner.close()
        finally:
            self._settler.obey(self._flight.abandoned(self._now()))

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            await self._settler.aobey(self._flight.abandoned(self._now()))

    def __del__(self) -> None:
        close = None if self._is_closed or self._is_async else self._inner.close
        self._settler.later(self._flight.abandoned(self._now()), close)

    def _after(self, fault: BaseException) -> Sequence[Command]:
        if isinstance(fault, GeneratorExit):
            return ()  # it may be the garbage collector's: closing or collecting the stream settles
        return self._flight.failed(fault, self._now())


class _Departure:
    """A request on its way out, and whether any of it may have been written.

    It listens to the ``trace`` extension of ``httpcore2``. A transport that knows none of it is
    taken to have written the request, but for the faults that say otherwise.

    Args:
        request: As the client made it.
        proposal: Has what is sent in place of its body: the client's own bytes, packed as they are,
            unless something was changed about the call.
        is_async: Whether the transport awaits what it calls.
    """

    def __init__(self, request: httpx2.Request, proposal: Proposal, *, is_async: bool) -> None:
        self._is_traced = False
        self._is_written = False
        self._client_trace: Callable[[str, Any], Any] | None = request.extensions.get("trace")
        headers = httpx2.Headers(request.headers)
        if not headers.get("authorization", "").startswith("AWS4-"):  # signed as they are
            headers["accept-encoding"] = "identity"
        body = proposal.body
        is_unchanged = body is proposal.plan.body
        for name in _OF_LENGTH if is_unchanged else _OF_BYTES:
            headers.pop(name, None)
        self.request = httpx2.Request(
            request.method,
            request.url,
            headers=headers,
            content=request.content if is_unchanged else body,
            extensions={**request.extensions, "trace": self._atrace if is_async else self._trace},
        )

    def may_have_left(self, fault: BaseException) -> bool:
        """Return whether the provider may have read some of it, given how sending failed."""
        if isinstance(fault, _NEVER_LEFT):
            return False
        return self._is_written or not self._is_traced

    def _trace(self, name: str, info: object) -> Any:
        """Note what happens, and let the client's own trace know."""
        self._is_traced = True
        self._is_written |= name.endswith(_WRITING)
        return self._client_trace(name, info) if self._client_trace is not None else None

    async def _atrace(self, name: str, info: object) -> None:
        if (result := self._trace(name, info)) is not None:
            await result


def _run(steps: _Steps[_Result]) -> _Result:
    """Do what a generator yields, and return what it returns."""
    try:
        step = next(steps)
        while True:
            try:
                result = step()
            except BaseException as fault:
                step = steps.throw(fault)
            else:
                step = steps.send(result)
    except StopIteration as end:
        return end.value


async def _arun(steps: _Steps[_Result]) -> _Result:
    """Await what a generator yields, and return what it returns."""
    try:
        step = next(steps)
        while True:
            try:
                result = await step()
            except BaseException as fault:
                step = steps.throw(fault)
            else:
                step = steps.send(result)
    except StopIteration as end:
        return end.value


def _refused(refusal: Refusal, kind: Kind, request: httpx2.Request) -> httpx2.Response:
    """Return a refusal as an answer that never came over a wire."""
    headers, body = refusal.answer(kind)
    stream = httpx2.ByteStream(body)
    return httpx2.Response(refusal.status, headers=headers, stream=stream, request=request)


def _relaying(
    response: httpx2.Response, stream: _Stream, more: Mapping[str, str]
) -> httpx2.Response:
    """Return an answer whose bytes come from another stream, which may leave some out.

    Args:
        response: As the provider gave it.
        stream: What is read in place of its own.
        more: Headers of ours.
    """
    headers = httpx2.Headers(response.headers)
    if headers.get("content-type", "").startswith("text/event-stream"):
        headers.pop("content-length", None)
    headers.update(more)
    return httpx2.Response(
        response.status_code, headers=headers, stream=stream, extensions=response.extensions
    )
