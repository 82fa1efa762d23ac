"""Silent, slow and broken clients keep nobody out, and get an answer or a clean end (PRX-10)."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from corvus.gateway.asgi import Receive, Scope, Send
from corvus.gateway.connections import (
    HEAD_SECONDS,
    LINGER_SECONDS,
    STALL_SECONDS,
    UNREAD_BYTES_MAX,
    Places,
    Room,
)
from corvus.gateway.serve import Server, open_socket

ROOM = Room(sockets=12, requests=6, of_a_peer=4)
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
HALVES = [b"", b"\r\n\r\n", b"GET /heal", b"POST /v1/x HTTP/1.1\r\nA: b\r\n"]
SLOW = b"GET /v1/slow HTTP/1.1\r\nHost: h\r\n\r\n"


class Serving:
    """A server with few places, whose clock stands, before an app that can be held up.

    Attributes:
        now: Seconds; what is overdue is looked for ten times a second.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.scopes: list[Scope] = []
        self.gone = 0
        ready = threading.Event()
        listening = open_socket("127.0.0.1", 0)
        self.port: int = listening.getsockname()[1]
        self.server = Server(self._app, ready.set)
        self.places = Places(ROOM, lambda: self.now)
        self.server.places = self.server.server_state = self.places
        self._may_end = asyncio.Event()
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        assert ready.wait(20)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.scopes.append(scope)
        if scope["path"] == "/v1/slow":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone += 1
            return
        body = b"x" * 30_000_000 if scope["path"] == "/large" else b"ok"
        if scope["path"] == "/read":
            while (await receive()).get("more_body"):
                pass
        headers = [(b"content-length", str(len(body)).encode())]
        if scope["path"] == "/refused":
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def connect(self, first: bytes = b"") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        client.sendall(first)
        return client

    def ask(self, request: bytes) -> tuple[int, str]:
        """Send bytes and end; return the status, 0 for none, and all that came."""
        with self.connect(request) as client:
            return answer(client)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()


def answer(client: socket.socket) -> tuple[int, str]:
    """Return the status, 0 for none, and all that comes until the end of the connection."""
    pieces: list[bytes] = []
    while piece := client.recv(1_048_576):
        pieces.append(piece)
    told = b"".join(pieces)
    return (int(told.split(b" ", 2)[1]) if told else 0), told.decode("latin-1")


def closing(request: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


@contextmanager
def many(serving: Serving, count: int, first: bytes) -> Generator[list[socket.socket]]:
    with ExitStack() as opened:
        yield [opened.enter_context(serving.connect(first)) for _ in range(count)]


@pytest.fixture
def serving() -> Iterator[Serving]:
    running = Serving()
    yield running
    running.stop()


@pytest.mark.parametrize("first", HALVES)
def test_more_idle_connections_than_there_is_room_for_keep_nobody_out(
    serving: Serving, first: bytes
) -> None:
    with many(serving, 3 * ROOM.sockets, first):
        assert serving.ask(closing(HEALTH))[0] == 200
        assert len(serving.places.connections) <= ROOM.sockets + 1


@pytest.mark.parametrize("first", HALVES)
def test_a_head_has_its_time_from_the_accept(serving: Serving, first: bytes) -> None:
    with serving.connect(first) as client:
        serving.until(lambda: len(serving.places.connections) == 1)
        time.sleep(0.05)
        serving.pass_time(HEAD_SECONDS - 0.1)
        time.sleep(0.25)
        assert len(serving.places.connections) == 1
        client.sendall(b"x" if first.startswith(b"GET") else b"")  # a trickle gains nothing
        serving.pass_time(0.2)
        assert answer(client) == (0, "")


def test_the_head_of_a_later_request_has_its_time_too(serving: Serving) -> None:
    with serving.connect(HEALTH) as client:
        assert client.recv(65_536).endswith(b"ok")
        serving.pass_time(HEAD_SECONDS - 1)
        client.sendall(b"GET /heal")
        time.sleep(0.1)
        serving.pass_time(HEAD_SECONDS - 1)
        time.sleep(0.25)
        client.sendall(b"thz HTTP/1.1\r\nHost: h\r\n\r\nGET /")
        assert client.recv(65_536).endswith(b"ok")
        time.sleep(0.1)
        serving.pass_time(HEAD_SECONDS + 1)
        assert answer(client) == (0, "")


def test_a_request_that_is_served_is_not_idle_however_long_it_takes(serving: Serving) -> None:
    with serving.connect(SLOW):
        serving.until(lambda: len(serving.scopes) == 1)
        with many(serving, 3 * ROOM.sockets, b""):
            serving.pass_time(10_000)
            time.sleep(0.25)
            assert serving.gone == 0
            assert serving.ask(closing(HEALTH))[0] == 200
    serving.until(lambda: serving.gone == 1)


def test_when_all_places_are_taken_the_refusal_has_the_shape_of_its_surface(
    serving: Serving,
) -> None:
    """And probes get through all the same."""
    with many(serving, ROOM.of_a_peer, SLOW):
        serving.until(lambda: len(serving.scopes) == ROOM.of_a_peer)
        for path, member in (
            ("/v1/chat/completions", "error"),
            ("/v1/messages", "error"),
            ("/web/cost/summary", "code"),
        ):
            status, told = serving.ask(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert status == 503
            assert "retry-after: 1" in told
            assert member in json.loads(told.partition("\r\n\r\n")[2])
        assert serving.ask(closing(HEALTH))[0] == 200
        assert serving.ask(closing(b"GET /web/readyz HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200
        assert serving.ask(closing(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200
    serving.until(lambda: serving.gone == ROOM.of_a_peer)
    assert serving.ask(closing(b"GET /web/x HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 200


def test_one_peer_takes_no_more_than_its_part() -> None:
    """1,000 of a reverse proxy are honest, so the part of one peer is most of all."""
    room = Room.within(4096)
    assert (room.requests, room.of_a_peer) == (1200, 1000)
    assert room.sockets + room.requests + 100 <= 4096
    few = Room.within(256)
    assert few.sockets + few.requests <= 256
    assert 0 < few.of_a_peer < few.requests


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 20000000\r\n\r\n" + b"x" * 20_000_000,
        b"Transfer-Encoding: chunked\r\n\r\n1312d00\r\n" + b"x" * 20_000_000 + b"\r\n0\r\n\r\n",
    ],
)
def test_a_client_that_writes_first_sees_why_its_body_is_refused(
    serving: Serving, head: bytes
) -> None:
    status, told = serving.ask(b"POST /refused HTTP/1.1\r\nHost: h\r\n" + head)
    assert status == 200
    assert told.endswith("ok")


def test_a_client_that_waits_for_leave_is_refused_without_it(serving: Serving) -> None:
    head = b"POST /refused HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    assert "100 Continue" not in serving.ask(head)[1]
    read = head.replace(b"/refused", b"/read").replace(b"Expect", b"Connection: close\r\nExpect")
    with serving.connect(read) as client:
        assert client.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"123456789")
        assert answer(client)[0] == 200


def test_what_is_dropped_of_a_refused_body_has_an_end(serving: Serving) -> None:
    head = b"POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n"
    with serving.connect(head) as client:
        assert answer(client)[0] == 200
        client.sendall(b"x" * 1000)
        assert len(serving.places.connections) == 1
        serving.pass_time(LINGER_SECONDS + 1)
        serving.until(lambda: not serving.places.connections)


def test_those_that_had_their_answer_make_room_too(serving: Serving) -> None:
    head = b"POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n"
    with many(serving, 3 * ROOM.sockets, head):
        assert serving.ask(closing(HEALTH))[0] == 200


def test_a_client_that_does_not_read_its_answer_is_given_up(serving: Serving) -> None:
    """Of 30 MB most are in memory as long as it stays."""
    with serving.connect(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n"):
        serving.until(lambda: len(serving.scopes) == 1)
        time.sleep(0.2)
        serving.pass_time(STALL_SECONDS - 1)
        time.sleep(0.25)
        assert len(serving.places.connections) == 1
        serving.pass_time(30_000_000 / 16_384 + 1)
        serving.until(lambda: not serving.places.connections)


def test_a_slow_reader_that_reads_gets_all(serving: Serving) -> None:
    with serving.connect(closing(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")) as client:
        serving.until(lambda: len(serving.scopes) == 1)
        serving.pass_time(STALL_SECONDS)
        assert len(answer(client)[1].partition("\r\n\r\n")[2]) == 30_000_000


@pytest.mark.parametrize(
    "request_",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /web/x HTTP/1.1\r\nHost: h\r\nA: \x00b\r\n\r\n",
        b"GET /web/\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /web/x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /read HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_gets_a_problem_and_an_end(serving: Serving, request_: bytes) -> None:
    status, told = serving.ask(request_)
    assert status == 400
    assert json.loads(told.partition("\r\n\r\n")[2])


def test_a_provider_s_client_is_told_in_its_own_shape(serving: Serving) -> None:
    for path, shape in ((b"/v1/chat/completions", {"error"}), (b"/v1/messages", {"type", "error"})):
        status, told = serving.ask(b"POST " + path + b" HTTP/1.1\r\nHost: h\r\nA: \x00\r\n\r\n")
        assert status == 400
        assert set(json.loads(told.partition("\r\n\r\n")[2])) == shape


@pytest.mark.parametrize("ends", [b"", b"\r\n\r\n"])
def test_a_head_without_end_is_cut_off(serving: Serving, ends: bytes) -> None:
    with serving.connect(b"GET /v1/models HTTP/1.1\r\nHost: h\r\nA: ") as client:
        time.sleep(0.05)
        for _ in range(3):
            client.sendall(b"x" * UNREAD_BYTES_MAX)
            time.sleep(0.02)
        client.sendall(ends)
        status, told = answer(client)
    assert status == 431
    assert json.loads(told.partition("\r\n\r\n")[2])["error"]["code"] == "headers_too_large"


def test_trailers_are_no_headers(serving: Serving) -> None:
    """What the guards have judged does not change behind them, and takes no memory without end."""
    lines = b"Host: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n"
    head = b"POST /read HTTP/1.1\r\n" + lines
    assert serving.ask(head + b"x-corvus-project: other\r\n\r\n")[0] == 200
    assert b"x-corvus-project" not in dict(serving.scopes[-1]["headers"])
    with serving.connect(head + b"A: ") as client:
        time.sleep(0.05)
        for _ in range(4):
            client.sendall(b"x" * UNREAD_BYTES_MAX)
            time.sleep(0.02)
        assert answer(client)[0] in (431, 0)


def test_a_broken_pipelined_request_writes_nothing_into_another_s_answer(serving: Serving) -> None:
    with serving.connect(SLOW) as client:
        serving.until(lambda: len(serving.scopes) == 1)
        client.sendall(b"\x00\x00 nonsense\r\n\r\n")
        assert answer(client) == (0, "")
    serving.until(lambda: serving.gone == 1)


def test_pipelined_requests_get_their_answers_in_order(serving: Serving) -> None:
    status, told = serving.ask(HEALTH * 5 + closing(HEALTH))
    assert status == 200
    assert told.count("HTTP/1.1 200") == 6


@pytest.mark.parametrize(("body", "extra"), [(b"hello", b"Content-Length: 5\r\n"), (b"", b"")])
def test_an_offer_of_another_protocol_is_declined_and_the_request_served(
    serving: Serving, body: bytes, extra: bytes
) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    status, told = serving.ask(
        b"POST /read HTTP/1.1\r\nHost: h\r\n" + offer + extra + b"\r\n" + body + closing(HEALTH)
    )
    assert status == 200
    assert told.count("HTTP/1.1 200") == 2, "the connection goes on"


def test_an_old_client_is_served(serving: Serving) -> None:
    assert serving.ask(b"GET /healthz HTTP/1.0\r\n\r\n")[0] == 200


def test_nothing_is_counted_that_is_gone(serving: Serving) -> None:
    for request in (closing(HEALTH), b"", b"nonsense\r\n\r\n", closing(SLOW)):
        with serving.connect(request):
            time.sleep(0.05)
    serving.until(lambda: not serving.places.connections)
    assert serving.places.is_empty
