"""Either side of a call may go at any byte: nothing stays held, and nobody gets another's bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.gateway.provider import CHAT_BODY, CHAT_LAST, CHAT_TEXT, DONE, Call, usual
from tests.gateway.proxied import Proxied
from tests.gateway.test_exchange import CHAT, STREAM, connect, request, until

TEXT = json.dumps(CHAT_BODY).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%b\r\n\r\n"
PLAIN = HEAD % (b"application/json", b"content-length: %d" % len(TEXT)) + TEXT
CHUNKS = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (CHAT_TEXT, CHAT_LAST, DONE))
STREAMED = HEAD % (b"text/event-stream", b"transfer-encoding: chunked") + CHUNKS + b"0\r\n\r\n"


@pytest.fixture
def gateway(standing_proxy: Proxied) -> Iterator[Proxied]:
    yield standing_proxy
    standing_proxy.provider.script = usual


def places(text: bytes, count: int) -> list[int]:
    """Return where a text is cut: in its head, here and there, and just before its end."""
    step = max(1, len(text) // count)
    return sorted({0, 1, 9, 15, 17, *range(40, len(text), step), len(text) - 2, len(text) - 1})


@pytest.mark.parametrize(("answer", "body"), [(PLAIN, CHAT), (STREAMED, STREAM)])
def test_a_provider_that_goes_at_any_byte_leaves_nothing_held(
    gateway: Proxied, answer: bytes, body: dict[str, object]
) -> None:
    """And its client is never shown a part as the whole."""
    for cut in places(answer, 16):

        async def send(call: Call, cut: int = cut) -> None:
            await call.raw(answer[:cut])
            await asyncio.sleep(0.005)
            call.die()

        gateway.provider.script = send
        with connect(gateway) as client:
            client.sendall(request(gateway, body))
            seen = until(client, b"0\r\n\r\n") if body is STREAM else whole(client)
        head, _, rest = seen.partition(b"\r\n\r\n")
        if b" 200 " in head.partition(b"\r\n")[0]:
            assert not rest.endswith(b"0\r\n\r\n"), cut
            assert b"content-length" not in head, cut
        else:
            assert head.startswith(b"HTTP/1.1 502 "), cut
    gateway.settled()
    gateway.provider.script = usual
    assert gateway.post("/v1/chat/completions", CHAT).json() == CHAT_BODY


def whole(client: socket.socket) -> bytes:
    """Return an answer by its length; where it has none, until the connection ends."""
    seen = b""
    while True:
        head, end, rest = seen.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and length and len(rest) >= int(length):
            return seen
        piece = client.recv(65_536)
        if not piece:
            return seen
        seen += piece


@pytest.mark.parametrize(("answer", "body"), [(PLAIN, CHAT), (STREAMED, STREAM)])
def test_a_client_that_goes_at_any_byte_of_the_answer_leaves_nothing_held(
    gateway: Proxied, answer: bytes, body: dict[str, object]
) -> None:
    for read in places(answer, 12):

        async def send(call: Call) -> None:
            for at in range(0, len(answer), 97):
                await call.raw(answer[at : at + 97])
                await asyncio.sleep(0)

        gateway.provider.script = send
        with connect(gateway) as client:
            client.sendall(request(gateway, body))
            left = read
            while left and (piece := client.recv(min(left, 4096))):
                left -= len(piece)
    gateway.settled()
    gateway.provider.script = usual
    assert gateway.post("/v1/chat/completions", CHAT).json() == CHAT_BODY


def test_many_at_once_that_go_at_random_get_nobody_else_s_answer(gateway: Proxied) -> None:
    """Each call has its own answer, which names it; every third client leaves in the middle."""

    async def echo(call: Call) -> None:
        name = call.json["user"]
        await call.begin()
        for _ in range(5):
            await call.chunk(b'data: {"choices":[],"user":"%b"}\n\n' % name.encode())
            await asyncio.sleep(0.001)
        await call.chunk(DONE)
        await call.end()

    gateway.provider.script = echo
    wrong: list[str] = []
    workers = [
        threading.Thread(target=call_and_leave, args=(gateway, number, wrong))
        for number in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert wrong == []
    gateway.settled()


def call_and_leave(gateway: Proxied, number: int, wrong: list[str]) -> None:
    for turn in range(6):
        name = f"caller-{number}-{turn}"
        with connect(gateway) as client:
            client.sendall(request(gateway, {**STREAM, "user": name}))
            if (number + turn) % 3 == 0:
                client.recv(200)
                continue
            seen = until(client, b"0\r\n\r\n")
        if seen.count(b'"user":"') != 5 or seen.count(name.encode()) != 5:
            wrong.append(name)
