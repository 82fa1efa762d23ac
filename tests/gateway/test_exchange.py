"""A model call on the connection itself: what its client gets, byte by byte (PRX-2, PRX-10)."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.gateway.provider import CHAT_BODY, CHAT_TEXT, DONE, Call, usual
from tests.gateway.proxied import Proxied

CHAT = {"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**CHAT, "stream": True}


@pytest.fixture
def gateway(standing_proxy: Proxied) -> Iterator[Proxied]:
    standing_proxy.provider.calls.clear()
    yield standing_proxy
    standing_proxy.provider.script = usual
    standing_proxy.settled()


def request(
    gateway: Proxied,
    body: object = CHAT,
    *,
    version: str = "1.1",
    method: str = "POST",
    **more: str,
) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {
        "host": f"127.0.0.1:{gateway.port}",
        "authorization": f"Bearer {gateway.secret}",
        "content-type": "application/json",
        "content-length": str(len(text)),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST /v1/chat/completions HTTP/{version}\r\n{lines}\r\n".encode() + text


def connect(gateway: Proxied) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=20)


def until(client: socket.socket, end: bytes) -> bytes:
    """Return what comes, up to an end; to that of the connection where there is none."""
    seen = b""
    while not (end and seen.endswith(end)):
        piece = client.recv(65_536)
        if not piece:
            break
        seen += piece
    return seen


def test_an_answer_that_is_whole_comes_in_one_piece_with_its_length(gateway: Proxied) -> None:
    with connect(gateway) as client:
        for _ in range(3):
            client.sendall(request(gateway))
            head, _, body = client.recv(65_536).partition(b"\r\n\r\n")
            assert json.loads(body) == CHAT_BODY
            assert b"\r\ncontent-length: %d\r\n" % len(body) in head + b"\r\n"
            assert b"transfer-encoding" not in head


def test_an_answer_has_one_date_that_of_its_provider_where_that_states_it(
    gateway: Proxied,
) -> None:
    stated = "Sun, 06 Nov 1994 08:49:37 GMT"

    async def dated(call: Call) -> None:
        await call.answer(CHAT_BODY, more=f"date: {stated}\r\n")

    for script in (dated, usual):
        gateway.provider.script = script
        with connect(gateway) as client:
            client.sendall(request(gateway, connection="close"))
            head = until(client, b"").partition(b"\r\n\r\n")[0].decode()
        dates = [line for line in head.split("\r\n") if line.startswith("date:")]
        assert len(dates) == 1
        assert (dates == [f"date: {stated}"]) == (script is dated)


def test_calls_that_were_sent_together_are_answered_in_order(gateway: Proxied) -> None:
    with connect(gateway) as client:
        calls = [request(gateway, x_corvus_session=f"s{number}") for number in range(4)]
        client.sendall(b"".join(calls) + request(gateway, connection="close"))
        seen = until(client, b"")
    assert seen.count(b"HTTP/1.1 200 OK") == 5
    order = [seen.index(b"x-corvus-session: s%d" % number) for number in range(4)]
    assert order == sorted(order)


def test_a_call_and_a_request_for_the_framework_share_a_connection(gateway: Proxied) -> None:
    health = f"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{gateway.port}\r\n\r\n".encode()
    with connect(gateway) as client:
        client.sendall(request(gateway) + health + request(gateway, connection="close"))
        seen = until(client, b"")
    assert seen.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_end_of_a_stream_is_one_that_its_client_knows(gateway: Proxied, version: str) -> None:
    async def stream(call: Call) -> None:
        await call.begin()
        await call.chunk(CHAT_TEXT)
        await asyncio.sleep(0.05)
        await call.chunk(DONE)
        await call.end()

    gateway.provider.script = stream
    with connect(gateway) as client:
        client.sendall(request(gateway, STREAM, version=version))
        head, _, body = until(client, b"0\r\n\r\n" if version == "1.1" else b"").partition(
            b"\r\n\r\n"
        )
    assert (b"transfer-encoding: chunked" in head) is (version == "1.1")
    assert (b"connection: close" in head) is (version == "1.0")
    if version == "1.0":
        assert body == CHAT_TEXT + DONE


def test_the_head_of_a_stream_does_not_wait_for_its_first_bytes(gateway: Proxied) -> None:
    go_on = threading.Event()

    async def stream(call: Call) -> None:
        await call.begin()
        await asyncio.to_thread(go_on.wait, 20)
        await call.chunk(CHAT_TEXT + DONE)
        await call.end()

    gateway.provider.script = stream
    with connect(gateway) as client:
        client.sendall(request(gateway, STREAM))
        assert until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        go_on.set()
        assert until(client, b"0\r\n\r\n")


@pytest.mark.parametrize("size", [10, 150_000])
def test_a_client_that_leaves_while_it_waits_stops_its_provider(
    gateway: Proxied, size: int
) -> None:
    """Also one whose body was so large that reading had paused."""
    came = threading.Event()

    async def stall(call: Call) -> None:
        came.set()
        await asyncio.sleep(30)

    gateway.provider.script = stall
    body = {**CHAT, "messages": [{"role": "user", "content": "x" * size}]}
    with connect(gateway) as client:
        client.sendall(request(gateway, body))
        assert came.wait(10)
        time.sleep(0.1)
    (call,) = gateway.provider.calls
    assert call.was_left.wait(5)


def test_a_client_that_leaves_stops_its_provider_whatever_it_has_sent_ahead(
    gateway: Proxied,
) -> None:
    come = threading.Event()

    async def think(_: Call) -> None:
        come.set()
        await asyncio.sleep(20)

    gateway.provider.script = think
    with connect(gateway) as client:
        client.sendall(request(gateway) * 3)
        assert come.wait(10)
    (call,) = gateway.provider.calls
    assert call.was_left.wait(5)
    gateway.settled()
    assert len(gateway.provider.calls) == 1


@pytest.mark.parametrize("cut", [1, 20, 100, 250, -1])
def test_a_request_that_is_cut_off_reaches_no_provider(gateway: Proxied, cut: int) -> None:
    with connect(gateway) as client:
        client.sendall(request(gateway)[:cut])
        time.sleep(0.05)
    time.sleep(0.1)
    assert gateway.provider.calls == []
    assert gateway.held() == 0


def test_an_answer_before_the_body_has_come_says_that_the_connection_ends(
    gateway: Proxied,
) -> None:
    head = request(gateway).partition(b"\r\n\r\n")[0].replace(b"/v1/chat", b"/v1/none")
    with connect(gateway) as client:
        client.sendall(head + b"\r\n\r\n")
        answer = until(client, b"")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nconnection: close\r\n" in answer


def test_a_request_may_come_byte_by_byte(gateway: Proxied) -> None:
    with connect(gateway) as client:
        for byte in request(gateway, connection="close"):
            client.sendall(bytes([byte]))
        assert until(client, b"").startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_client_that_waits_for_leave_gets_it_before_its_body_is_read(gateway: Proxied) -> None:
    whole = request(gateway, expect="100-continue", connection="close")
    head, _, body = whole.partition(b"\r\n\r\n")
    with connect(gateway) as client:
        client.sendall(head + b"\r\n\r\n")
        assert until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert until(client, b"").startswith(b"HTTP/1.1 200 OK\r\n")
    wrong = whole.replace(gateway.secret.encode(), b"x" * len(gateway.secret))
    with connect(gateway) as client:
        client.sendall(wrong.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        assert until(client, b"").startswith(b"HTTP/1.1 401 ")


def test_a_body_in_chunks_is_sent_on_whole_and_its_trailers_are_not(gateway: Proxied) -> None:
    text = json.dumps(CHAT).encode()
    whole = request(gateway, b"", transfer_encoding="chunked", connection="close")
    chunked = whole.replace(b"content-length: 0\r\n", b"")
    pieces = b"".join(b"%x\r\n%b\r\n" % (1, text[at : at + 1]) for at in range(len(text)))
    with connect(gateway) as client:
        client.sendall(chunked + pieces + b"0\r\nx-corvus-project: other\r\n\r\n")
        assert until(client, b"").startswith(b"HTTP/1.1 200 OK\r\n")
    (call,) = gateway.provider.calls
    assert call.body == text
    assert call.header("content-length") == str(len(text))
    assert call.header("transfer-encoding") is None


def test_a_client_that_reads_nothing_holds_its_provider_up(gateway: Proxied) -> None:
    """40 MB are neither read from the provider nor kept, until the client reads."""
    sent = 0

    async def flood(call: Call) -> None:
        nonlocal sent
        await call.begin()
        for _ in range(640):
            await call.chunk(b": " + b"x" * 65_000 + b"\n\n")
            sent += 65_000
        await call.chunk(DONE)
        await call.end()

    gateway.provider.script = flood
    with connect(gateway) as client:
        client.sendall(request(gateway, STREAM))
        client.recv(1)
        time.sleep(1)
        assert sent < 20_000_000, "what lies in buffers of the system is a few MB"
        while not client.recv(1_048_576).endswith(b"0\r\n\r\n"):
            pass
    assert sent == 640 * 65_000
