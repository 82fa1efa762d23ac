"""The client of the proxy on the bare protocol: what a provider may do to a connection (PRX-5)."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
from yarl import URL

from corvus.gateway.proxy import pool as pooling
from corvus.gateway.proxy.answer import Answer
from corvus.gateway.proxy.client import DirectClient
from corvus.gateway.proxy.failures import UpstreamFailed
from corvus.gateway.proxy.pool import Origin, Pool
from corvus.gateway.proxy.wire import HEAD_BYTES_MAX, Wire
from corvus.gateway.proxy.wire_answer import AHEAD_BYTES_MAX

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

Script: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True, params=["asyncio", "uvloop"])
def loops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both event loops: connections differ in what they say when, and both are in use."""
    module = asyncio if request.param == "asyncio" else pytest.importorskip("uvloop")

    def run(scene: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=module.new_event_loop) as runner:
            runner.run(scene)

    monkeypatch.setattr(asyncio, "run", run)


class Told(NamedTuple):
    """What a client was told."""

    status: int
    body: bytes


async def pieces_of(answer: Answer) -> list[bytes]:
    pieces: list[bytes] = []
    while piece := await answer.read():
        pieces.append(piece)
    return pieces


class Place:
    """A provider of bytes, and a client of it.

    Attributes:
        connections: How many it has accepted.
        ended: How many of them have ended.
        requests: What it was sent, whole.
    """

    def __init__(self, script: Script, silence_seconds: float = 5) -> None:
        self.script = script
        self.client = DirectClient(silence_seconds)
        self.connections = self.ended = 0
        self.requests: list[bytes] = []
        self.sent = self.port = 0
        self.scheme = "http"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.script(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.ended += 1

    async def until_ended(self, count: int) -> None:
        """Wait until so many connections have ended, on both sides."""
        async with asyncio.timeout(10):
            while self.ended < count:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Read a request without body, or with ``content-length``."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        self.requests.append(head + await reader.readexactly(int(length or 0)))
        return self.requests[-1]

    async def send(self, method: str = "POST", body: bytes = b"{}") -> Answer:
        def note() -> None:
            self.sent += 1

        url = URL(f"{self.scheme}://127.0.0.1:{self.port}/v1/x?a=b%20c", encoded=True)
        return await self.client.send(method, url, [("x-one", "1")], body, note)

    async def ask(self, method: str = "POST", body: bytes = b"{}") -> Told:
        answer = await self.send(method, body)
        return Told(answer.status, b"".join(await pieces_of(answer)))


@asynccontextmanager
async def place(script: Script | None = None, silence_seconds: float = 5) -> AsyncGenerator[Place]:
    async def usual(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await made.read(reader)
            writer.write(WHOLE)

    made = Place(script or usual, silence_seconds)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        await made.client.close()
        server.close()
        await asyncio.sleep(0.01)


def answering(*pieces: bytes, ends: bool = False, pause: float = 0.02) -> Script:
    """Return a script that answers every request with these bytes, a moment between them."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"content-length: 2" in head:
                await reader.readexactly(2)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause)
            if ends:
                return

    return script


def run(script: Script | None, test: Callable[[Place], Awaitable[None]], **more: float) -> None:
    async def running() -> None:
        async with place(script, **more) as made:
            await test(made)

    asyncio.run(running())


def test_a_connection_is_kept_and_the_request_comes_as_it_was_said() -> None:
    async def test(made: Place) -> None:
        for _ in range(3):
            assert await made.ask() == (200, b"hi")
        assert made.connections == 1
        start = f"POST /v1/x?a=b%20c HTTP/1.1\r\nhost: 127.0.0.1:{made.port}\r\nx-one: 1\r\n"
        assert made.requests[0] == start.encode() + b"content-length: 2\r\n\r\n{}"
        assert made.sent == 3

    run(None, test)


@pytest.mark.parametrize(
    ("pieces", "ends", "body"),
    [
        ((CHUNKED + b"2\r\nhi\r\n0\r\n\r\n",), False, b"hi"),
        (
            (CHUNKED, b"1\r\nh\r\n", b"1;a=b\r\ni\r\n", b"0\r\nx: trailer\r\n", b"\r\n"),
            False,
            b"hi",
        ),
        (tuple(bytes([byte]) for byte in WHOLE), False, b"hi"),
        ((b"HTTP/1.1 200 OK\r\n\r\nh", b"i"), True, b"hi"),
        ((b"HTTP/1.0 200 OK\r\n\r\nhi",), True, b"hi"),
        ((b"HTTP/1.1 103 Early\r\nlink: </a>\r\ncontent-length: 9\r\n\r\n", WHOLE), False, b"hi"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE,), False, b"hi"),
        ((b"HTTP/1.1 204 None\r\n\r\n",), False, b""),
        ((b"HTTP/1.1 304 None\r\ncontent-length: 9\r\n\r\n",), False, b""),
        ((b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi",), True, b"hi"),
    ],
)
def test_an_answer_is_read_however_it_ends(
    pieces: tuple[bytes, ...], ends: bool, body: bytes
) -> None:
    async def test(made: Place) -> None:
        for number in range(2):
            assert (await made.ask()).body == body
            if ends:
                await made.until_ended(number + 1)
        assert made.connections == (2 if ends else 1)

    run(answering(*pieces, ends=ends, pause=0.005), test)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 600 OK\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 101 Switch\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
        b"HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\na: \x00\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\na\xe9: b\r\ncontent-length: 2\r\n\r\nhi",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * (HEAD_BYTES_MAX + 1),
        b"HTTP/1.1 100 Continue\r\n\r\n" * (HEAD_BYTES_MAX // 24),
    ],
)
def test_what_is_no_answer_is_a_fault(answer: bytes) -> None:
    async def test(made: Place) -> None:
        with pytest.raises(UpstreamFailed) as caught:
            await made.ask()
        assert caught.value.refusal.code == "upstream_broken"
        assert made.connections == 1, "it is not sent again"

    run(answering(answer, ends=True), test)


async def _into(seen: list[bytes], answer: Answer) -> None:
    while piece := await answer.read():
        seen.append(piece)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi",),
        (CHUNKED + b"2\r\nhi\r\n",),
        (CHUNKED.replace(b"chunked", b"CHUNKED") + b"2\r\nhi\r\n",),
        (CHUNKED + b"2\r\nhi\r\n", b"0\r\n"),
        (CHUNKED + b"2\r\nhi\r\n", b"zz\r\n"),
        (CHUNKED + b"2\r\nhi\r\n0\r\na: " + b"b" * HEAD_BYTES_MAX, b"b" * 20),
    ],
)
def test_an_answer_that_is_cut_off_gives_what_came_and_then_the_fault(
    pieces: tuple[bytes, ...],
) -> None:
    async def test(made: Place) -> None:
        answer = await made.send()
        broken: list[UpstreamFailed] = []
        answer.on_broken = broken.append
        seen: list[bytes] = []
        with pytest.raises(UpstreamFailed):
            await _into(seen, answer)
        assert b"".join(seen) == b"hi"
        assert len(broken) == 1

    run(answering(*pieces, ends=True), test)


@pytest.mark.parametrize(
    "more", [WHOLE, b"x", b"\r\n" * 3 + b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
@pytest.mark.parametrize("is_later", [False, True])
def test_what_comes_behind_an_answer_is_nobody_s(more: bytes, is_later: bool) -> None:
    """A second answer would be taken for that of the next request."""
    pieces = (WHOLE, more) if is_later else (WHOLE + more,)

    async def test(made: Place) -> None:
        assert await made.ask() == (200, b"hi")
        await made.until_ended(1)
        assert await made.ask() == (200, b"hi")
        assert made.connections == 2

    run(answering(*pieces), test)


def test_an_answer_before_the_request_is_nobody_s() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WHOLE.replace(b"hi", b"no"))
        await made_place.read(reader)
        writer.write(WHOLE)

    async def running() -> None:
        nonlocal made_place
        async with place(script) as made_place:
            pool = Pool(5)
            with suppress(OSError):  # or it shows before the connection is handed over
                wire, _ = await pool.take(Origin(False, "127.0.0.1", made_place.port))
                await made_place.until_ended(1)
                assert not wire.is_free
            await pool.close()

    made_place: Place
    asyncio.run(running())


@pytest.mark.parametrize(("method", "count"), [("GET", 2), ("POST", 1)])
def test_only_what_changes_nothing_is_sent_again_over_a_new_connection(
    method: str, count: int
) -> None:
    """The provider closes a kept connection while the request is on its way."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made_place.read(reader)
        writer.write(WHOLE)
        if made_place.connections == 1:
            await made_place.read(reader)
            writer.transport.abort()

    async def running() -> None:
        nonlocal made_place
        async with place(script) as made_place:
            body = b"{}" if method == "POST" else b""
            assert await made_place.ask(method, body) == (200, b"hi")
            if method == "GET":
                assert await made_place.ask(method, body) == (200, b"hi")
            else:
                with pytest.raises(UpstreamFailed):
                    await made_place.ask(method, body)
            assert made_place.connections == count

    made_place: Place
    asyncio.run(running())


def test_a_kept_connection_that_was_closed_is_not_used() -> None:
    async def test(made: Place) -> None:
        for number in range(3):
            assert await made.ask() == (200, b"hi")
            await made.until_ended(number + 1)
        assert made.connections == 3
        assert made.sent == 3

    run(answering(WHOLE, ends=True), test)


def test_a_head_has_no_body() -> None:
    async def test(made: Place) -> None:
        for _ in range(2):
            assert await made.ask("HEAD", b"") == (200, b"")

    run(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"), test)


def test_silence_is_a_fault_also_in_the_middle() -> None:
    async def test(made: Place) -> None:
        answer = await made.send()
        seen: list[bytes] = []
        with pytest.raises(UpstreamFailed) as caught:
            await _into(seen, answer)
        assert seen == [b"hi"]
        assert caught.value.refusal.status == 504

    run(answering(CHUNKED + b"2\r\nhi\r\n", pause=5), test, silence_seconds=0.3)


def test_a_provider_is_not_silent_while_nobody_reads_it() -> None:
    """And it sends no more than is to be kept."""
    many = 40 * AHEAD_BYTES_MAX

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made_place.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % many)
        for _ in range(many // 65_536):
            writer.write(b"x" * 65_536)
            await writer.drain()

    async def running() -> None:
        nonlocal made_place
        async with place(script, silence_seconds=0.2) as made_place:
            answer = await made_place.send()
            await asyncio.sleep(0.7)
            pieces = await pieces_of(answer)
            assert len(pieces[0]) < 6 * AHEAD_BYTES_MAX
            assert sum(map(len, pieces)) == many

    made_place: Place
    asyncio.run(running())


def test_a_client_that_leaves_ends_the_connection() -> None:
    left = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        await reader.read()
        left.set()

    async def test(made: Place) -> None:
        asking = asyncio.create_task(made.ask())
        await asyncio.sleep(0.1)
        asking.cancel()
        async with asyncio.timeout(2):
            await left.wait()
        with pytest.raises(asyncio.CancelledError):
            await asking

    run(script, test)


def test_an_answer_that_is_let_go_of_ends_the_connection_and_a_whole_one_does_not() -> None:
    async def test(made: Place) -> None:
        answer = await made.send()
        await asyncio.sleep(0.1)
        answer.close()
        await made.ask()
        assert made.connections == 1
        made.script = answering(CHUNKED + b"2\r\nhi\r\n", pause=0.01)

    run(None, test)

    async def cut(made: Place) -> None:
        (await made.send()).close()
        (await made.send()).close()
        assert made.connections == 2

    run(answering(CHUNKED + b"2\r\nhi\r\n"), cut)


def test_more_than_there_are_connections_for_wait_for_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test(made: Place) -> None:
        made.client = DirectClient(5, connections_max=2)
        given_up = [asyncio.create_task(made.ask()) for _ in range(6)]
        await asyncio.sleep(0)
        for task in given_up[::2]:
            task.cancel()
        told = await asyncio.gather(*[made.ask() for _ in range(20)])
        assert told == [(200, b"hi")] * 20
        assert made.connections <= 5
        await asyncio.gather(*given_up, return_exceptions=True)
        await made.client.close()

    run(answering(WHOLE, pause=0.001), test)


def test_connections_that_are_closed_at_once_take_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where that shows between the making of a connection and its first use."""
    connected: Callable[[Pool, Origin], Awaitable[Wire]] = vars(Pool)["_connected"]

    async def too_late(self: Pool, origin: Origin) -> Wire:
        wire = await connected(self, origin)
        wire.abort()
        await asyncio.sleep(0.01)
        return wire

    async def test(made: Place) -> None:
        made.client = DirectClient(5, connections_max=2)
        with monkeypatch.context() as patched:
            patched.setattr(Pool, "_connected", too_late)
            for _ in range(5):
                async with asyncio.timeout(2):
                    with pytest.raises(UpstreamFailed) as caught:
                        await made.ask()
                assert caught.value.refusal.code == "upstream_unreachable"
        assert made.sent == 0
        assert await made.ask() == (200, b"hi")
        await made.client.close()

    run(None, test)


def test_what_is_free_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "KEPT_SECONDS", 0.05)

    async def test(made: Place) -> None:
        await made.ask()
        await asyncio.sleep(0.3)
        await made.ask()
        assert made.connections == 2

    run(None, test)


def test_a_name_that_leads_to_a_link_local_address_is_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    async def test(made: Place) -> None:
        async def resolve(*_: object, **__: object) -> object:
            return [*found]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        with pytest.raises(UpstreamFailed) as caught:
            await made.ask()
        assert caught.value.refusal.code == "upstream_unreachable"
        assert "link-local" in caught.value.cause
        assert made.sent == made.connections == 0

    run(None, test)


@pytest.mark.parametrize("value", ["a\r\nx-two: 2", "a\nb", "a\rb", "a\0b"])
def test_a_header_that_would_be_two_is_not_sent(value: str) -> None:
    async def test(made: Place) -> None:
        url = URL(f"http://127.0.0.1:{made.port}/v1/x")
        with pytest.raises(UpstreamFailed):
            await made.client.send("POST", url, [("authorization", value)], b"{}")
        assert made.connections == 0

    run(None, test)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine that nobody vouches for, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize("is_trusted", [False, True])
def test_a_certificate_that_nobody_vouches_for_gets_no_request(
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    is_trusted: bool,
) -> None:
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def running() -> None:
        made = Place(answering(WHOLE))
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
        made.scheme, made.port = "https", server.sockets[0].getsockname()[1]
        if is_trusted:
            for _ in range(3):
                assert await made.ask() == (200, b"hi")
            assert made.connections == 1
        else:
            with pytest.raises(UpstreamFailed) as caught:
                await made.ask()
            assert caught.value.refusal.code == "upstream_unreachable"
            assert "CERTIFICATE_VERIFY_FAILED" in caught.value.cause
            assert made.sent == 0
        await made.client.close()
        server.close()
        await asyncio.sleep(0.05)

    asyncio.run(running())
