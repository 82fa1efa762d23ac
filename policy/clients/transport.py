"""An ``httpx2`` transport that governs the calls of an SDK, like the proxy does (PRX-6).

::

    with open_runtime().governor() as governor:
        transport = GovernedTransport(governor)
        client = openai.OpenAI(http_client=httpx2.Client(transport=transport))

Every call is reserved before it leaves, and settled when its provider has said what it used: at the
terminal event of a stream, else at its end, when it is closed, when it fails, or when it is
collected unread. A refused call never leaves; the SDK raises its own error for status 402. Streams
pass untouched, but for the usage that the SDK's user had not asked for.

Refuses what cannot be metered, see ``policy.clients.gate``. While governance is disabled, all goes
through untouched.
"""

from __future__ import annotations

from collections.abc import Iterator
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
        governor: Calls,
        inner: httpx2.BaseTransport | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
        self._governor = governor
        self._gate = Gate(governor, options)
        self._inner = inner or httpx2.HTTPTransport()
        self._settler = Settler(governor)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request that is free or admitted; else answer it in the provider's place."""
        endpoint = self._gate.route(request.method, request.url.path)
        if endpoint is None:
            return self._inner.handle_request(request)
        if isinstance(endpoint, Refusal):
            return refusal_response(endpoint, request)
        asked = self._gate.ask(endpoint, request.read())
        if isinstance(asked, Refusal):
            return refusal_response(asked, request)
        self._settler.start()
        try:
            verdict = self._gate.verdict(asked, self._governor.reserve(asked.request))
        except StoreError:
            verdict = unverified(endpoint)
        if verdict is None:
            return self._inner.handle_request(request)
        if isinstance(verdict, Refusal):
            return refusal_response(verdict, request)
        return self._send(request_to_send(request, asked.body), verdict)

    def _send(self, request: httpx2.Request, booking: Booking) -> httpx2.Response:
        try:
            response = self._inner.handle_request(request)
        except NEVER_LEFT:
            self._settler.settle(booking.never_left())
            raise
        except BaseException:
            self._settler.settle(booking.ending())
            raise
        begin(booking, response)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        return with_stream(response, _Stream(response.stream, booking, self._settler))

    def close(self) -> None:
        """Settle what is left, and let go of all connections."""
        self._inner.close()
        self._settler.close()


class _Stream(httpx2.SyncByteStream):
    """The bytes of an answer, read on the side."""

    def __init__(self, inner: httpx2.SyncByteStream, booking: Booking, settler: Settler) -> None:
        self._inner = inner
        self._booking = booking
        self._settler = settler
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        booking = self._booking
        try:
            for chunk in self._inner:
                relayed = booking.feed(chunk)
                if booking.is_settled:
                    self._settler.settle(booking.ending())
                if relayed:
                    yield relayed
            rest = booking.finish()
            self._settler.settle(booking.ending())
            if rest:
                yield rest
        except GeneratorExit:
            raise  # it may be the garbage collector's: closing or collecting the stream settles
        except BaseException:
            self._settler.settle(booking.ending())
            raise

    def close(self) -> None:
        self._is_closed = True
        try:
            self._inner.close()
        finally:
            self._settler.settle(self._booking.ending())

    def __del__(self) -> None:
        close = None if self._is_closed else self._inner.close
        self._settler.later(self._booking.ending(), close)
