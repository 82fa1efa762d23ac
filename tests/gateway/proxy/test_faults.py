"""What breaks a proxied call off, and what it is taken to have cost then (PRX-2, RES-5, RES-6)."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.books import store_file
from tests.gateway.provider import CHAT_BODY, CHAT_LAST, CHAT_TEXT, DONE, Call, Script
from tests.gateway.proxied import INPUT, OUTPUT, Proxied, Settings, proxied
from tests.metering.streams import chat_chunk, sse

CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "Say hi"}],
    "max_tokens": 50,
}
STREAM = {**CHAT, "stream": True}
REPORTED = 10 * INPUT + 5 * OUTPUT


async def stall(call: Call) -> None:
    await asyncio.sleep(60)


async def stall_in_stream(call: Call) -> None:
    await call.begin()
    await call.chunk(CHAT_TEXT)
    await asyncio.sleep(60)


async def stall_after_usage(call: Call) -> None:
    await call.begin()
    await call.chunk(CHAT_TEXT + CHAT_LAST)
    await asyncio.sleep(60)


def leave(gateway: Proxied, body: dict[str, Any], until: bytes) -> None:
    """Send a call, read until some bytes have come, and close the connection."""
    text = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"authorization: Bearer {gateway.secret}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(text)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(head.encode() + text)
        seen = b""
        while until not in seen:
            came = connection.recv(65536)
            seen += came
            if not came:
                break
        while not gateway.provider.calls:
            time.sleep(0.01)


def wait_in_vain(gateway: Proxied) -> None:
    with suppress(OSError):
        leave(gateway, STREAM, b"never")


@pytest.mark.parametrize(
    ("script", "body", "until", "source"),
    [
        (stall, STREAM, b"", "estimated"),
        (stall, CHAT, b"", "estimated"),
        (stall_in_stream, STREAM, b"lo", "estimated"),
        (stall_after_usage, STREAM, b"lo", "priced"),
    ],
    ids=["before headers", "before headers of a body", "in the stream", "after the usage"],
)
def test_a_client_that_goes_ends_the_call_at_the_provider(
    gateway: Proxied, script: Script, body: dict[str, Any], until: bytes, source: str
) -> None:
    gateway.provider.script = script
    leave(gateway, body, until)
    (call,) = gateway.provider.calls
    assert call.was_left.wait(3), "the provider was not told"
    record = gateway.record()
    assert record.source == source
    assert record.outcome == ("completed" if source == "priced" else "cancelled")
    assert record.cost_nano_usd is not None
    if source == "priced":
        assert record.cost_nano_usd == REPORTED


def test_a_stream_that_is_cut_costs_its_input_and_what_was_written(gateway: Proxied) -> None:
    gateway.provider.script = stall_in_stream
    leave(gateway, STREAM, b"lo")
    record = gateway.record()
    assert record.output_tokens == 2  # "Hello" is five bytes
    assert record.input_tokens >= 10
    assert record.cost_nano_usd == record.input_tokens * INPUT + 2 * OUTPUT


def test_a_body_that_was_not_waited_for_costs_what_was_held(gateway: Proxied) -> None:
    """The provider may have written all of it."""
    gateway.provider.script = stall
    leave(gateway, CHAT, b"")
    cost = gateway.record().cost_nano_usd
    assert cost is not None
    assert cost > 50 * OUTPUT


async def die(call: Call) -> None:
    call.die()


async def die_in_stream(call: Call) -> None:
    await call.begin()
    await call.chunk(CHAT_TEXT)
    call.die()


async def die_after_usage(call: Call) -> None:
    await call.begin()
    await call.chunk(CHAT_TEXT + CHAT_LAST)
    call.die()


async def no_http(call: Call) -> None:
    await call.raw(b"SSH-2.0-OpenSSH\r\n\r\n")


async def overloaded(call: Call) -> None:
    await call.answer({"error": {"message": "busy", "type": "server_error"}}, 503)


async def refused(call: Call) -> None:
    await call.answer({"error": {"message": "wrong key", "type": "invalid"}}, 401)


async def error_in_stream(call: Call) -> None:
    await call.begin()
    await call.chunk(sse({"error": {"message": "busy", "type": "server_error"}}))
    await call.end()


@pytest.mark.parametrize(
    ("script", "status"),
    [(overloaded, 503), (refused, 401), (error_in_stream, 200)],
)
def test_a_provider_that_did_nothing_costs_nothing(
    gateway: Proxied, script: Script, status: int
) -> None:
    gateway.provider.script = script
    answer = gateway.post("/v1/chat/completions", STREAM)
    assert answer.status_code == status
    assert "error" in answer.text
    gateway.settled()
    assert gateway.records() == []
    assert gateway.spent() == 0


@pytest.mark.parametrize("script", [die, no_http])
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_provider_that_took_the_call_and_gave_no_answer_may_bill_what_was_held(
    gateway: Proxied, script: Script, is_stream: bool
) -> None:
    gateway.provider.script = script
    answer = gateway.post("/v1/chat/completions", STREAM if is_stream else CHAT)
    assert answer.status_code == 502
    record = gateway.record()
    assert (record.source, record.outcome) == ("estimated", "failed")
    assert (record.cost_nano_usd or 0) > 50 * OUTPUT
    assert gateway.held() == 0


def test_a_provider_that_cannot_be_reached_costs_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with proxied(tmp_path) as gateway:
        text = gateway.config.read_text().replace(str(gateway.provider.port), str(port))
        gateway.stop()
        gateway.config.write_text(text)
        gateway.start()
        answer = gateway.post("/v1/chat/completions", CHAT)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert gateway.spent() == 0


def read_into(seen: bytearray, gateway: Proxied) -> None:
    with (
        gateway.client() as client,
        client.stream("POST", "/v1/chat/completions", json=STREAM) as answer,
    ):
        for chunk in answer.iter_bytes():
            seen += chunk


@pytest.mark.parametrize(
    ("script", "source"), [(die_in_stream, "estimated"), (die_after_usage, "priced")]
)
def test_a_stream_that_breaks_shows_it_to_the_client(
    gateway: Proxied, script: Script, source: str
) -> None:
    gateway.provider.script = script
    seen = bytearray()
    with pytest.raises(httpx2.RemoteProtocolError):
        read_into(seen, gateway)
    assert seen.startswith(CHAT_TEXT)
    assert b"upstream_broken" in seen
    record = gateway.record()
    assert record.source == source
    assert record.outcome == ("completed" if source == "priced" else "failed")


@pytest.mark.parametrize(("script", "body"), [(stall, CHAT), (stall_in_stream, STREAM)])
def test_a_provider_that_stays_silent_is_given_up(
    tmp_path: Path, script: Script, body: dict[str, Any]
) -> None:
    with proxied(tmp_path, Settings(silence=1)) as gateway:
        gateway.provider.script = script
        if body is CHAT:
            assert gateway.post("/v1/chat/completions", CHAT).status_code == 504
        else:
            with pytest.raises(httpx2.RemoteProtocolError):
                gateway.post("/v1/chat/completions", STREAM)
        record = gateway.record()
        assert (record.source, record.outcome) == ("estimated", "failed")
        assert gateway.provider.calls[0].was_left.wait(3)


async def garbage(call: Call) -> None:
    await call.begin()
    await call.chunk(bytes(range(256)) * 20 + b"\n\ndata: {\n\ndata: nope\n\n")
    await call.end()


async def without_usage(call: Call) -> None:
    await call.begin()
    await call.chunk(sse(chat_chunk("x" * 300)) + DONE)
    await call.end()


@pytest.mark.parametrize("script", [garbage, without_usage])
def test_a_stream_without_usage_is_estimated_and_never_free(
    gateway: Proxied, script: Script
) -> None:
    gateway.provider.script = script
    assert gateway.post("/v1/chat/completions", STREAM).status_code == 200
    record = gateway.record()
    assert (record.source, record.outcome) == ("estimated", "completed")
    assert record.output_tokens == (100 if script is without_usage else 0)
    assert record.input_tokens >= 10


def test_a_packed_answer_passes_untouched_and_is_read_on_the_side(gateway: Proxied) -> None:
    import gzip

    packed = gzip.compress(json.dumps(CHAT_BODY).encode())

    async def pack(call: Call) -> None:
        await call.answer(packed, more="content-encoding: gzip\r\n")

    gateway.provider.script = pack
    assert gateway.post("/v1/chat/completions", CHAT).json() == CHAT_BODY
    assert gateway.record().source == "priced"


def test_an_answer_packed_in_an_unknown_way_costs_what_was_held(gateway: Proxied) -> None:
    async def pack(call: Call) -> None:
        await call.answer(b"\x00\x01", more="content-encoding: br\r\n")

    gateway.provider.script = pack
    gateway.post("/v1/chat/completions", CHAT)
    record = gateway.record()
    assert (record.source, record.outcome) == ("estimated", "completed")
    assert (record.cost_nano_usd or 0) > 50 * OUTPUT


def test_a_long_call_keeps_its_hold(tmp_path: Path) -> None:
    """RES-7: it lives longer than its hold would, and another process finds it held."""
    go_on = threading.Event()

    async def slow(call: Call) -> None:
        await call.begin()
        await asyncio.to_thread(go_on.wait, 20)
        await call.chunk(CHAT_TEXT + CHAT_LAST + DONE)
        await call.end()

    with proxied(tmp_path, Settings(cost="reservation_ttl_seconds = 1")) as gateway:
        gateway.provider.script = slow
        calling = threading.Thread(
            target=gateway.post, args=("/v1/chat/completions", STREAM), daemon=True
        )
        calling.start()
        time.sleep(1.6)
        with gateway.runtime.governor() as governor:
            governor.status()  # would expire what is overdue
        assert gateway.held() == 1
        go_on.set()
        calling.join(20)
        assert gateway.record()[:3] == (REPORTED, "priced", "completed")


def test_a_stream_that_writes_more_than_expected_is_held_for_more(gateway: Proxied) -> None:
    """RES-7: 100 tokens were expected of a call that states no maximum."""

    async def long(call: Call) -> None:
        await call.begin()
        await call.chunk(sse(chat_chunk("x" * 3000)))
        await asyncio.sleep(60)

    gateway.provider.script = long
    body = {key: value for key, value in STREAM.items() if key != "max_tokens"}
    leaving = threading.Event()

    def read() -> None:
        with (
            gateway.client() as client,
            client.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            chunks = answer.iter_bytes()  # dropping it would end the call
            next(chunks)
            leaving.wait(20)

    reading = threading.Thread(target=read)
    reading.start()
    until = time.monotonic() + 10
    while gateway.held_nano_usd() < 1000 * OUTPUT and time.monotonic() < until:
        time.sleep(0.05)
    held = gateway.held_nano_usd()
    leaving.set()
    reading.join(20)
    assert held >= 2 * 1000 * OUTPUT
    assert gateway.record().output_tokens == 1000


def test_a_locked_store_admits_nothing_and_says_so(tmp_path: Path) -> None:
    import sqlite3

    with proxied(tmp_path) as gateway:
        store = store_file(gateway.runtime.bookkeeping)
        other = sqlite3.connect(store, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        answer = gateway.post("/v1/chat/completions", CHAT)
        other.execute("ROLLBACK")
        other.close()
        assert answer.status_code == 503
        assert gateway.provider.calls == []
        assert gateway.post("/v1/chat/completions", CHAT).status_code == 200


def test_a_store_that_is_locked_at_the_end_of_a_call_loses_nothing(tmp_path: Path) -> None:
    import sqlite3

    with proxied(tmp_path) as gateway:
        store = store_file(gateway.runtime.bookkeeping)
        other = sqlite3.connect(store, isolation_level=None, check_same_thread=False)

        async def lock(call: Call) -> None:
            other.execute("BEGIN EXCLUSIVE")
            await call.answer(CHAT_BODY)
            await asyncio.sleep(2)
            other.execute("ROLLBACK")

        gateway.provider.script = lock
        assert gateway.post("/v1/chat/completions", CHAT).json() == CHAT_BODY
        assert gateway.record()[:3] == (REPORTED, "priced", "completed")
        other.close()


def test_a_second_signal_ends_the_wait_for_open_calls_and_records_them(tmp_path: Path) -> None:
    with proxied(tmp_path) as gateway:
        gateway.provider.script = stall_in_stream
        gateway.stop()
        child, port = gateway.start_process()
        gateway.port = port
        callers = [
            threading.Thread(target=wait_in_vain, args=(gateway,), daemon=True) for _ in range(8)
        ]
        for caller in callers:
            caller.start()
        until = time.monotonic() + 15
        while len(gateway.provider.calls) < 8 and time.monotonic() < until:
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=8)
        assert child.returncode == 128 + signal.SIGINT
        assert "Traceback" not in said
        gateway.start()
        assert gateway.held() == 0
        assert [record.outcome for record in gateway.records()] == ["cancelled"] * 8


def test_a_killed_gateway_loses_no_call(tmp_path: Path) -> None:
    """RES-6: what it held is presumed to be spent once the deadline has passed."""
    with proxied(tmp_path, Settings(cost="reservation_ttl_seconds = 2")) as gateway:
        gateway.provider.script = stall_in_stream
        gateway.stop()
        child, port = gateway.start_process()
        gateway.port = port
        callers = [
            threading.Thread(target=wait_in_vain, args=(gateway,), daemon=True) for _ in range(8)
        ]
        for caller in callers:
            caller.start()
        until = time.monotonic() + 15
        while len(gateway.provider.calls) < 8 and time.monotonic() < until:
            time.sleep(0.02)
        assert gateway.held() == 8
        child.kill()
        child.communicate(timeout=10)
        gateway.start()
        time.sleep(2.5)
        gateway.provider.script = stall_after_usage
        with gateway.runtime.governor() as governor:
            governor.status()
        assert gateway.held() == 0
        assert {record.source for record in gateway.records()} == {"presumed"}
        assert len(gateway.records()) == 8
