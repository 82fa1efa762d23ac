"""An ``httpx2`` transport that governs the calls of an SDK, like the proxy does (PRX-6).

::

    with open_runtime().governor() as governor:
        transport = GovernedTransport(governor)
        client = openai.OpenAI(http_client=httpx2.Client(transport=transport))

Every call is reserved before it leaves, and settled when its provider has said what it used: at the
terminal event of a stream, else at its end, when it is closed, when it fails, or when it is
collected unread. A refused call never leaves; the SDK raises its own error for status 402. Streams
pass untouched, but for the usage that the SDK's user had not asked for.

Refuses what cannot be metered, see ``corvus.calls.plan``. While governance is disabled, all goes
through untouched.
"""

from __future__ import annotations

from collections.abc import Iterator
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


class GovernedTransport(httpx2.BaseTransport):
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
        self._governor = governor
        self._gate = Gate(governor, **options)
        self._inner = inner or httpx2.HTTPTransport()
        self._settler = Settler(lambda: governor)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request that is free or admitted; else answer it in the provider's place."""
        place = route(request.method, request.url.path, exact=False)
        if isinstance(place, Free) or not self._governor.policy.enabled:
            return self._inner.handle_request(request)
        verdict = unreadable(place) if isinstance(place, Unreadable) else self._ask(place, request)
        if isinstance(verdict, Refusal):
            return refused(verdict, kind_of_path(request.url.path), request)
        if verdict.flight is None:
            return self._inner.handle_request(request)
        return self._send(request, verdict, verdict.flight)

    def _ask(self, endpoint: Endpoint, request: httpx2.Request) -> Admitted | Refusal:
        encoding = request.headers.get("content-encoding", "")
        asked = self._gate.ask(endpoint, request.read(), encoding, host=request.url.host)
        if isinstance(asked, Refusal):
            return asked
        self._settler.start()
        try:
            decision, asked = self._gate.admit(asked)
        except StoreError:
            return unverified()
        return self._gate.verdict(asked, decision)

    def _send(self, request: httpx2.Request, call: Admitted, flight: Flight) -> httpx2.Response:
        leaving = Leaving(request, call.asked.body, is_async=False)
        clock, settler = self._governor.store.clock, self._settler
        settler.watch(flight)
        try:
            response = self._inner.handle_request(leaving.request)
        except BaseException as fault:
            if leaving.may_have_left(fault):
                flight.sent(clock.now())
            is_fault = isinstance(fault, Exception)
            settler.obey((flight.broken if is_fault else flight.abandoned)(clock.now()))
            raise
        flight.head(response.status_code, response.headers, clock.now())
        assert isinstance(response.stream, httpx2.SyncByteStream)
        stream = _Stream(response.stream, flight, settler, clock)
        return relaying(response, stream, call.asked.told)

    def close(self) -> None:
        """Settle what is left, and let go of all connections."""
        self._inner.close()
        self._settler.close()


class _Stream(httpx2.SyncByteStream):
    """The bytes of an answer, read on the side."""

    def __init__(
        self, inner: httpx2.SyncByteStream, flight: Flight, settler: Settler, clock: Clock
    ) -> None:
        self._inner = inner
        self._flight = flight
        self._settler = settler
        self._now = clock.now
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        flight, obey = self._flight, self._settler.obey
        try:
            for chunk in self._inner:
                if relayed := obey(flight.data(chunk, self._now())):
                    yield relayed
            if rest := obey(flight.end(self._now())):
                yield rest
        except GeneratorExit:
            raise  # it may be the garbage collector's: closing or collecting the stream settles
        except Exception:
            obey(flight.broken(self._now()))
            raise
        except BaseException:
            obey(flight.abandoned(self._now()))
            raise

    def close(self) -> None:
        self._is_closed = True
        try:
            self._inner.close()
        finally:
            self._settler.obey(self._flight.abandoned(self._now()))

    def __del__(self) -> None:
        close = None if self._is_closed else self._inner.close
        self._settler.later(self._flight.abandoned(self._now()), close)
