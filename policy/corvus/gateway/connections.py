"""The connections of the server: nobody who is silent or slow keeps the others out (PRX-10).

uvicorn counts sockets and has no deadline for the head of a request. Here a connection without a
request is merely waiting: it has a deadline, and is the first to go when places run out. Requests
have places of their own, of which one peer never gets all; probes need none. What a client sends
without end, or does not take, is not kept in memory.

A connection that ends while its client still writes would be reset, and the answer lost with it. So
the answer and its end are sent first, and what comes is dropped for a while.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

from corvus.gateway.asgi import Receive, Scope, Send
from corvus.gateway.exchange import CallServer, Exchange
from corvus.gateway.paths import is_probe
from corvus.gateway.problems import Problem
from corvus.gateway.refusal import reply_of, send_problem
from corvus.gateway.upgrades import HttpOneProtocol

HEAD_SECONDS = 10.0
"""From the accept, or the first byte of a later request, to the last of its head."""
UNREAD_BYTES_MAX = 65_536
"""Most that is read without the end of a head, or a piece of a body, among it."""
LINGER_SECONDS = 30.0
LINGER_BYTES_MAX = 134_217_728
"""How long, and how much of, a body is dropped after its request was refused."""
STALL_SECONDS = 60.0
WRITTEN_BYTES_PER_SECOND = 16_384
"""An answer that its client does not take is given up after so long, and a second for so much."""

_REQUESTS_MAX = 1200
_DESCRIPTORS_OF_OURS = 100
_BUSY = Problem(503, "gateway-busy", "the gateway has too many requests at once; ask again", {}, 1)
_log = logging.getLogger("corvus.gateway")


@dataclass(frozen=True, slots=True)
class Room:
    """How many fit.

    Attributes:
        sockets: Connections, with a request or without one.
        requests: Requests that are served at once.
        of_a_peer: Those of one address: a proxy before the gateway is one, so it is most of them.
    """

    sockets: int
    requests: int
    of_a_peer: int

    @classmethod
    def within(cls, descriptors: int) -> Room:
        """Return what fits a limit of file descriptors; a request needs a second one upstream."""
        free = max(16, descriptors - _DESCRIPTORS_OF_OURS)
        requests = min(_REQUESTS_MAX, free * 3 // 8)
        return cls(requests * 5 // 3, requests, requests * 5 // 6)


class Places(ServerState):
    """Who is connected, since when, and who has to go.

    Args:
        room: How many fit.
        monotonic: Seconds that only grow.
    """

    def __init__(self, room: Room, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.room = room
        self._monotonic = monotonic
        self._waiting: dict[str, dict[Connection, float]] = {}
        """Of each peer, those without a request, the longest waiting first, with since when."""
        self._serving: Counter[str] = Counter()
        self._due: dict[Connection, float] = {}
        """What must have ended, or got on, by an instant."""
        self._told_at = float("-inf")

    @property
    def is_empty(self) -> bool:
        """Whether nobody has a place."""
        return not (self.connections or self._waiting or self._serving or self._due)

    def arrive(self, connection: Connection) -> None:
        """Let a connection in; whoever waits for nothing makes room for it."""
        self.wait(connection)
        if len(self.connections) > self.room.sockets:
            self._tell("connections")
            self._first_to_go(connection).give_up()

    def wait(self, connection: Connection) -> None:
        """Note that a connection has no request, as of now."""
        self._forget(connection)
        self._waiting.setdefault(connection.peer, {})[connection] = self._monotonic()

    def admit(self, connection: Connection) -> bool:
        """Note that a connection has a request; return whether there is a place for it."""
        if not connection.is_serving:
            self._forget(connection)
            connection.is_serving = True
            self._serving[connection.peer] += 1
        has_room = (
            self._serving.total() <= self.room.requests
            and self._serving[connection.peer] <= self.room.of_a_peer
        )
        if not has_room:
            self._tell("requests")
        return has_room

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._forget(connection)
        self._due.pop(connection, None)

    def expect(self, connection: Connection, seconds: float) -> None:
        """Give up a connection unless it ends, or gets on, in time."""
        self._due[connection] = self._monotonic() + seconds

    def got_on(self, connection: Connection) -> None:
        """Note that a connection need not end after all."""
        self._due.pop(connection, None)

    def tick(self) -> None:
        """Give up whatever is overdue."""
        now = self._monotonic()
        for of_a_peer in [*self._waiting.values()]:
            for connection, since in [*of_a_peer.items()]:
                if since + HEAD_SECONDS > now:
                    break  # the others came later
                connection.give_up()
        for connection in [connection for connection, due in self._due.items() if due <= now]:
            connection.break_off()

    def _forget(self, connection: Connection) -> None:
        if connection.is_serving:
            connection.is_serving = False
            self._serving[connection.peer] -= 1
            if not self._serving[connection.peer]:
                del self._serving[connection.peer]
        of_a_peer = self._waiting.get(connection.peer, {})
        of_a_peer.pop(connection, None)
        if not of_a_peer:
            self._waiting.pop(connection.peer, None)

    def _first_to_go(self, newest: Connection) -> Connection:
        """Return the longest waiting of the peer that has most of them, or one that had its answer.

        The newest goes itself only where all others are being served.
        """
        waiting = next(iter(max(self._waiting.values(), key=len)))
        if waiting is not newest:
            return waiting
        return next((connection for connection in self._due if connection.is_closing), newest)

    def _tell(self, what: str) -> None:
        """Say in the log, once a minute, that there is no room."""
        now = self._monotonic()
        if now - self._told_at > 60:
            self._told_at = now
            _log.warning("there are too many %s at once: %s", what, self.room)


class Connection(HttpOneProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(server_state, Places)
        self._served: Any = self.app
        self.places = server_state
        self.peer = ""
        self.is_serving = False
        """Whether there is a request without a whole answer."""
        self.url = b""
        self.headers = []
        self._raw: asyncio.Transport
        self._has_body_to_come = False
        self._is_lingering = False
        self._is_lost = False
        self._has_had_a_request = False
        self._is_got_on = False
        self._unread_bytes = 0
        self._exchanging: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place among those who wait."""
        super().connection_made(transport)
        self._raw = transport
        self.transport = _Outgoing(transport, self)  # type: ignore[assignment]
        self.peer = self.client[0] if self.client else ""
        self.places.arrive(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._is_lost = True
        self.places.leave(self)
        super().connection_lost(exc)
        if self._exchanging is not None:
            self._exchanging.cancel()

    @property
    def is_closing(self) -> bool:
        """Whether no answer can be sent any more."""
        return self._is_lingering or self._raw.is_closing()

    def end(self) -> None:
        """Close, once the client has seen what was answered."""
        is_first = not (self._is_lingering or self._is_lost or self._raw.is_closing())
        if is_first and (self._has_body_to_come or self.pipeline):
            self.places.leave(self)
            self._is_lingering = True
            self._unread_bytes = 0
            self.flow.resume_reading()
            self._raw.write_eof()
            self.places.expect(self, LINGER_SECONDS)
        else:
            self.give_up()

    def give_up(self) -> None:
        """Close, after what is written has gone out, if it does; at once the second time."""
        self.places.leave(self)
        if self.is_closing:
            self._raw.abort()
        self._raw.close()
        if not self._is_lost:
            self._expect_to_be_read()

    def break_off(self) -> None:
        """Close at once."""
        self.places.leave(self)
        self._raw.abort()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, for a while."""
        super().pause_writing()
        self._expect_to_be_read()

    def resume_writing(self) -> None:
        """Go on, for it reads."""
        super().resume_writing()
        if not self.is_closing:
            self.places.got_on(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the answer is given already or it never comes to anything."""
        if self._is_lingering:
            self._unread_bytes += len(data)
            if self._unread_bytes > LINGER_BYTES_MAX:
                self.break_off()
            return
        self._is_got_on = False
        super().data_received(data)
        self._unread_bytes = 0 if self._is_got_on else self._unread_bytes + len(data)
        if self._unread_bytes > UNREAD_BYTES_MAX and not self.is_closing:
            detail = f"the head of a request takes {UNREAD_BYTES_MAX // 2:,} bytes at most"
            self._refuse(Problem(431, "headers-too-large", detail))

    def on_message_begin(self) -> None:
        """Start the deadline of a later request; that of the first began with the accept."""
        super().on_message_begin()
        if self._has_had_a_request and not self.is_serving:
            self.places.wait(self)
        self._has_had_a_request = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows the body is none, for the headers were judged by then."""
        if not self._has_body_to_come:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Serve a request, or say that there are too many."""
        self._has_body_to_come = self._is_got_on = True
        has_place = self.places.admit(self) or self._is_probe()
        self.app = self._served if has_place else _busy  # type: ignore[assignment]
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Serve a request by the framework, or on this connection itself."""
        served = self._served
        if (
            app is not served
            or not isinstance(served, CallServer)
            or not served.takes(cast("Scope", cycle.scope))
        ):
            super()._start_asgi_task(cycle, app)
        else:
            task = self.loop.create_task(Exchange(cycle).run(served))
            self._exchanging = task
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of a body."""
        self._is_got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the client has sent all of its request."""
        self._has_body_to_come = False
        self._is_got_on = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless a client still sends the last.

        With another request in line, the body to come is of that one.
        """
        if not (self.is_closing or self.pipeline):
            if self._has_body_to_come:
                self.end()
            else:
                self.places.wait(self)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(Problem(400, "request-unreadable", "this is no HTTP request"))

    def _unsupported_upgrade_warning(self) -> None:
        """Decline websockets: the request is served as it is, and bytes behind it are lost."""
        super()._unsupported_upgrade_warning()
        self.cycle.keep_alive = False
        if self.cycle.response_complete:
            self.end()

    def _is_probe(self) -> bool:
        assert self.parser is not None
        method = self.parser.get_method()
        return is_probe(method.decode("ascii"), self.url.partition(b"?")[0].decode("latin-1"))

    def _refuse(self, problem: Problem) -> None:
        """Answer in place of the app, if nothing else is being answered, and close."""
        self._has_body_to_come = True  # whatever it is that the client sends
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or not cycle.more_body or self.pipeline:
                self.give_up()  # it is another request that is being answered
                return
            cycle.disconnected = True
            cycle.message_event.set()
        path = self.url.partition(b"?")[0].decode("latin-1")
        reply = reply_of(path, {name for name, _ in self.headers}, problem)
        lines = [*self.server_state.default_headers, *reply.headers]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        self._raw.write(STATUS_LINE[reply.status] + head + b"\r\n" + reply.body)
        self.end()

    def _expect_to_be_read(self) -> None:
        if size := self._raw.get_write_buffer_size():
            self.places.expect(self, STALL_SECONDS + size / WRITTEN_BYTES_PER_SECOND)


class _Outgoing:
    """The transport as uvicorn's requests use it, which closes as ``Connection.end`` does."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self.write = transport.write
        self.close = connection.end
        self._connection = connection

    def is_closing(self) -> bool:
        """Return whether no answer can be sent any more."""
        return self._connection.is_closing


async def _busy(scope: Scope, _: Receive, send: Send) -> None:
    await send_problem(scope, send, _BUSY)
