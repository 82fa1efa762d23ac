"""A model call and its answer on the connection itself, without messages of ASGI (PRX-2, PRX-10).

Those cost more than all that is done with such a request. Parser, limits, deadlines and places are
those of ``connections``; one task serves the call, and is cancelled when its client leaves. The
head of an answer goes out with its first bytes, an answer that is whole at once in one piece.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from corvus.gateway.asgi import Headers, Receive, Scope, Send

_WITHOUT_BODY = (204, 304)
_log = logging.getLogger("corvus.gateway")


class Outlet(Protocol):
    """Where the answer to a request goes."""

    def start(self, status: int, headers: Headers) -> None:
        """Begin an answer; its head may wait for what follows."""
        ...

    def flush(self) -> None:
        """Send what waits: what follows may take a while."""
        ...

    async def write(self, data: bytes) -> None:
        """Go on; returns when the client can take more."""
        ...

    async def end(self, data: bytes = b"") -> None:
        """Send the last bytes, and the end."""
        ...


class Calls(Protocol):
    """What serves requests for providers."""

    def takes(self, scope: Scope) -> bool:
        """Return whether a request is one of those."""
        ...

    async def serve(self, scope: Scope, body: bytes, outlet: Outlet) -> None:
        """Serve one, whose content has been read; its task is cancelled when its client goes."""
        ...


class CallServer:
    """An app of ASGI that serves some requests on their connections instead."""

    def takes(self, scope: Scope) -> bool:
        """Return whether a request is one of those."""
        raise NotImplementedError

    async def serve(self, exchange: Exchange) -> None:
        """Serve one of them."""
        raise NotImplementedError


class Exchange:
    """One request and its answer.

    Args:
        cycle: The request as uvicorn has it, of which nothing was answered.

    Attributes:
        scope: Its head.
        completed: Returns the headers of an answer with what its client needs besides, if anything.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self.scope: Scope = cycle.scope  # type: ignore[assignment]
        self.completed: Callable[[Headers], Headers] | None = None
        self._cycle = cycle
        self._status = 0
        self._headers: Headers | None = None
        self._is_chunked = False

    @property
    def receive(self) -> Receive:
        """Gives the body, as in ASGI."""
        return self._cycle.receive  # type: ignore[return-value]

    @property
    def send(self) -> Send:
        """Takes an answer, as in ASGI, in place of the methods here."""
        return self._cycle.send  # type: ignore[return-value]

    @property
    def has_started(self) -> bool:
        """Whether an answer has begun."""
        return self._cycle.response_started

    def whole_body(self) -> bytes | None:
        """Return the body where all of it has come; ``None`` where it must be waited for."""
        cycle = self._cycle
        if cycle.more_body:
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        return body

    def listen(self) -> None:
        """Read on, so that it shows when the client leaves."""
        self._cycle.flow.resume_reading()

    async def run(self, server: CallServer) -> None:
        """Have it served; an answer that does not come to its end ends the connection."""
        cycle = self._cycle
        try:
            await server.serve(self)
        except Exception:
            _log.exception("a request failed")
        finally:
            cycle.on_response = _do_nothing
            if not (cycle.response_complete or cycle.disconnected):
                cycle.transport.close()

    def start(self, status: int, headers: Headers) -> None:
        """Begin an answer."""
        cycle = self._cycle
        if cycle.response_started:
            raise RuntimeError("an answer has begun already")
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        self._status = status
        self._headers = headers if self.completed is None else self.completed(headers)

    def flush(self) -> None:
        """Send the head, if it was not."""
        if self._headers is not None and not self._cycle.disconnected:
            self._cycle.transport.write(self._head())

    async def write(self, data: bytes) -> None:
        """Go on, and wait for a client that does not read."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        if data:
            head = self._head() if self._headers is not None else b""
            cycle.transport.write(head + self._framed(data))
        if cycle.flow.write_paused:
            await cycle.flow.drain()

    async def end(self, data: bytes = b"") -> None:
        """Send the last bytes, and let the next request have its turn."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        if self._headers is not None:
            cycle.transport.write(self._head(len(data)) + self._framed(data))
        elif self._is_chunked:
            cycle.transport.write((self._framed(data) if data else b"") + b"0\r\n\r\n")
        elif data:
            cycle.transport.write(self._framed(data))
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    def _head(self, length: int | None = None) -> bytes:
        """Return the head as it is written.

        Args:
            length: Of the body, where that is known to be all of it.
        """
        cycle, headers = self._cycle, self._headers
        assert headers is not None, "an answer has a head, once"
        self._headers = None
        names = [name for name, _ in headers]
        lines = [line for line in cycle.default_headers if line[0] not in names] + headers
        has_body = self._status not in _WITHOUT_BODY and self.scope["method"] != "HEAD"
        if has_body and b"content-length" not in names:
            lines += self._framing(length)
        if cycle.more_body:
            cycle.keep_alive = False  # what is still sent of the request is dropped
        if b"connection" in names:
            cycle.keep_alive = False  # nothing but `close` is ever said there
        elif not cycle.keep_alive:
            lines.append((b"connection", b"close"))
        head = b"".join([b"%b: %b\r\n" % line for line in lines])
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("a header of an answer has a line break")
        return STATUS_LINE[self._status] + head + b"\r\n"

    def _framing(self, length: int | None) -> Headers:
        """Return the header by which the client knows the end of a body."""
        if length is not None:
            return [(b"content-length", str(length).encode())]
        if self.scope["http_version"] == "1.0":
            self._cycle.keep_alive = False  # it is the end of the connection
            return []
        self._is_chunked = True
        return [(b"transfer-encoding", b"chunked")]

    def _framed(self, data: bytes) -> bytes:
        if self._is_chunked:
            return b"%x\r\n%b\r\n" % (len(data), data)
        return b"" if self.scope["method"] == "HEAD" else data


def _do_nothing() -> None:
    pass
