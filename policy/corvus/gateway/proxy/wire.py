"""One connection to a provider, on the bare protocol: a request, its answer, and the next (PRX-5).

llhttp reads the answers, in its strict mode. What comes without a request, or behind the end of an
answer, ends the connection: it may be the answer to somebody else. Nothing of an answer is followed
or unpacked. A provider that sends faster than the client reads is made to wait, and only then may
it be silent for as long as it likes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from corvus.gateway.asgi import Headers
from corvus.gateway.proxy.answer import Answer
from corvus.gateway.proxy.failures import UpstreamFailed, cut_off, silent, unread
from corvus.gateway.proxy.wire_answer import WireAnswer

HEAD_BYTES_MAX = 65_536
"""Most that is read of an answer without the end of its head, or a piece of its body, among it."""

_STATUS_MIN, _STATUS_MAX = 200, 599
_SWITCHING = 101
_WITHOUT_BODY = (204, 304)


class _NoStatus(Exception):
    """An answer has a status that is none."""


class Wire(asyncio.Protocol):
    """A connection, which serves one request at a time.

    Args:
        silence_seconds: Longest time without a byte while an answer is awaited.

    Attributes:
        on_free: Called when the answer has come whole and the connection can be used again.
        on_lost: Called once, when it is closed.
        free_since: When it became free, by the clock of the loop.
    """

    def __init__(self, silence_seconds: float) -> None:
        self.on_free: Callable[[Wire], None] = lambda _: None
        self.on_lost: Callable[[Wire], None] = lambda _: None
        self.free_since = 0.0
        self._silence_seconds = silence_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._head: asyncio.Future[Answer] | None = None
        self._answer: WireAnswer | None = None
        self._headers: Headers = []
        self._method = ""
        self._read_at = 0.0
        self._unread_bytes = self._unsent_bytes = 0
        self._has_length = self._is_interim = self._is_over = self._is_spoiled = False
        self._has_read_nothing = True

    @property
    def is_free(self) -> bool:
        """Whether it can take a request."""
        return self._head is None and not self._transport.is_closing()

    @property
    def is_stale(self) -> bool:
        """Whether it was closed before a byte of an answer came."""
        return self._has_read_nothing and self._transport.is_closing()

    def ask(self, method: str, request: list[bytes]) -> asyncio.Future[Answer]:
        """Send a request; return what its answer will be, once the head of it has come.

        Args:
            method: Of the request.
            request: Its head, and its body if it has one.
        """
        self._head = self._loop.create_future()
        self._answer = None
        self._method = method
        self._headers = []
        self._unread_bytes = self._unsent_bytes = 0
        self._has_read_nothing = True
        self._has_length = self._is_interim = self._is_over = False
        self._read_at = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._silence_seconds, self._look)
        self._transport.writelines(request)
        return self._head

    def abort(self) -> None:
        """End the connection at once, so that the provider stops."""
        self._transport.abort()

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End an answer that ends with its connection; any other was cut off."""
        if self._timer is not None:
            self._timer.cancel()
        answer = self._answer
        if answer is not None and exc is None and not (self._has_length or answer.is_whole):
            answer.end()
        self._fail(unread(exc) if answer is None else cut_off())
        self.on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if self._head is None or self._is_over:
            self._transport.abort()  # nobody has sent a request, or its answer has come
            return
        self._read_at = self._loop.time()
        self._has_read_nothing = False
        self._unread_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            if self._is_over:  # it is what came behind the answer
                self._is_spoiled = True
                self._finish()
                return
            self._fail(unread(fault) if self._answer is None else cut_off())
            self._transport.abort()
            return
        if self._unread_bytes > HEAD_BYTES_MAX:
            self._fail(unread())
            self._transport.abort()
        elif self._is_over:
            self._finish()
        elif self._answer is not None:
            self._answer.wake()

    def on_message_begin(self) -> None:
        """Note an answer behind the one that was awaited."""
        self._is_spoiled = self._is_spoiled or self._is_over

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows the body is none."""
        if self._answer is not None:
            return
        name = name.lower()
        if name == b"content-length" or (
            name == b"transfer-encoding" and b"chunked" in value.lower()
        ):
            self._has_length = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Hand over the head of an answer, if it is not one before the answer."""
        if self._is_over:
            return
        status = self._parser.get_status_code()
        if 100 <= status < _STATUS_MIN and status != _SWITCHING:
            self._is_interim = True
            return
        assert self._head is not None, "nothing is read without a request"
        if not _STATUS_MIN <= status <= _STATUS_MAX:
            raise _NoStatus
        self._unread_bytes = 0
        self._has_length = self._has_length or status in _WITHOUT_BODY
        self._answer = WireAnswer(self, status, self._headers)
        if not self._head.done():
            self._head.set_result(self._answer)
        if self._method == "HEAD":
            self._is_over = self._is_spoiled = True  # the parser would wait for its body

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        self._unread_bytes = 0
        if self._answer is not None and not self._is_over:
            self._answer.take(body)

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""
        if self._is_interim:
            self._is_interim, self._has_length = False, False
            self._headers = []
        elif self._answer is not None:
            self._is_over = True
            self._is_spoiled = self._is_spoiled or not self._parser.should_keep_alive()

    def pause(self) -> None:
        """Let the provider wait."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Let it go on."""
        if not self._transport.is_closing():
            self._read_at = self._loop.time()
            self._transport.resume_reading()

    def _finish(self) -> None:
        """End the answer, and be free for the next request."""
        answer, self._head = self._answer, None
        assert answer is not None, "it is over"
        answer.end()
        if self._is_spoiled or self._transport.get_write_buffer_size():
            self._transport.abort()
            return
        if answer.is_paused:
            self._transport.resume_reading()
        self._answer = None
        self.free_since = self._loop.time()
        self.on_free(self)

    def _fail(self, fault: UpstreamFailed) -> None:
        """Say to whoever waits that there will be no more."""
        head = self._head
        if head is not None and not head.done():
            head.set_exception(fault)
        elif self._answer is not None:
            self._answer.fail(fault)

    def _look(self) -> None:
        """Give up a provider that is silent; while it is read by nobody, it may be."""
        self._timer = None
        if self._head is None:
            return
        now = self._loop.time()
        unsent = self._transport.get_write_buffer_size()
        if unsent != self._unsent_bytes or (self._answer is not None and self._answer.is_paused):
            self._unsent_bytes, self._read_at = unsent, now
        left = self._read_at + self._silence_seconds - now
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
            return
        self._fail(silent())
        self._transport.abort()
