"""How much of bodies is kept, how they are decoded, how long one is waited for (PRX-1, PRX-10)."""

from __future__ import annotations

import asyncio
import gzip
import random
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from corvus.calls.encodings import decoding
from corvus.gateway import body as reading
from corvus.gateway.asgi import Message, Receive
from corvus.gateway.body import Bodies, without_encoding
from corvus.gateway.refusal import RequestRefused
from tests.packers import PACKERS

LIMIT = 100


def pieces(*given: bytes, pause: float = 0.0) -> Receive:
    """Return a ``receive`` that gives pieces of a body, and then nothing for ever."""
    rest: Iterable[bytes] = iter(given)
    left = len(given)

    async def receive() -> Message:
        nonlocal left
        for piece in rest:
            await asyncio.sleep(pause)
            left -= 1
            return {"type": "http.request", "body": piece, "more_body": left > 0}
        return {"type": "http.disconnect"}

    return receive


@dataclass
class Given:
    """A body as a connection gives it: in pieces, or whole at once."""

    receive: Receive
    whole: bytes | None = None

    def whole_body(self) -> bytes | None:
        return self.whole


def read(receive: Receive, bodies: Bodies | None = None, **headers: bytes) -> bytes:
    async def scene() -> bytes:
        with (bodies or Bodies()).one() as body:
            given = {name.replace("_", "-").encode(): [value] for name, value in headers.items()}
            return await body.read(given, Given(receive), LIMIT)

    return asyncio.run(scene())


def code(receive: Receive, bodies: Bodies | None = None, **headers: bytes) -> str:
    with pytest.raises(RequestRefused) as refused:
        read(receive, bodies, **headers)
    return refused.value.problem.code


def test_pieces_are_put_together() -> None:
    assert read(pieces(b"a", b"b" * 98, b"c")) == b"a" + b"b" * 98 + b"c"


def test_a_body_that_has_come_whole_has_the_same_bounds() -> None:
    packed = gzip.compress(b"x" * LIMIT)

    async def scene() -> None:
        bodies = Bodies(2 * LIMIT)
        with bodies.one() as first, bodies.one() as second:
            with pytest.raises(RequestRefused) as refused:
                await first.read({}, Given(pieces(), b"x" * (LIMIT + 1)), LIMIT)
            assert refused.value.problem.code == "body-too-large"
            head = {b"content-encoding": [b"gzip"]}
            assert await first.read(head, Given(pieces(), packed), LIMIT) == b"x" * LIMIT
            assert await second.read({}, Given(pieces(), b"y" * LIMIT), LIMIT) == b"y" * LIMIT
            with pytest.raises(RequestRefused) as refused, bodies.one() as third:
                await third.read({}, Given(pieces(), b"z"), LIMIT)
            assert refused.value.problem.code == "gateway-busy"

    asyncio.run(scene())


def test_the_limit_holds_with_and_without_a_stated_length() -> None:
    assert read(pieces(b"x" * LIMIT)) == b"x" * LIMIT
    assert code(pieces(b"x" * LIMIT, b"x")) == "body-too-large"
    assert code(pieces(), content_length=b"101") == "body-too-large"


def test_a_client_that_goes_in_the_middle_has_sent_no_body() -> None:
    assert code(pieces()) == "body-incomplete"


def test_a_body_has_its_time_and_more_for_what_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.5)
    assert code(pieces(b"a", b"b", b"c", pause=0.3)) == "body-too-slow"
    monkeypatch.setattr(reading, "BODY_BYTES_PER_SECOND", 1)
    assert read(pieces(b"a", b"b", b"c", pause=0.3)) == b"abc"


def test_all_bodies_together_have_a_bound_and_give_their_room_back() -> None:
    bodies = Bodies(bytes_max=150)

    async def scene() -> None:
        with bodies.one() as first:
            await first.read({}, Given(pieces(b"x" * 90)), LIMIT)
            with bodies.one() as second, pytest.raises(RequestRefused) as refused:
                await second.read({}, Given(pieces(b"x" * 50, b"x" * 11)), LIMIT)
            assert refused.value.problem.status == 503
            assert refused.value.problem.retry_after_seconds is not None
            with bodies.one() as third:
                await third.read({}, Given(pieces(b"x" * 60)), LIMIT)

    for _ in range(3):
        asyncio.run(scene())


@pytest.mark.parametrize("name", PACKERS)
def test_a_body_is_decoded_by_its_encoding(name: str) -> None:
    """PRX-1: everything behind sees what the client says."""
    packed = PACKERS[name](b"x" * LIMIT)
    assert read(pieces(packed[:5], packed[5:]), content_encoding=name.encode()) == b"x" * LIMIT
    assert read(pieces(b""), content_encoding=name.encode()) == b""


@pytest.mark.parametrize("name", PACKERS)
def test_the_limit_holds_for_what_comes_out(name: str) -> None:
    packed = PACKERS[name](b"x" * (LIMIT + 1))
    assert len(packed) <= LIMIT
    assert code(pieces(packed), content_encoding=name.encode()) == "body-too-large"


@pytest.mark.parametrize("name", PACKERS)
def test_a_body_that_is_not_in_its_encoding_is_refused(name: str) -> None:
    packed = PACKERS[name](b"x")
    for wrong in (b"{}", packed[:-1], packed + b"x"):
        assert code(pieces(wrong), content_encoding=name.encode()) == "encoding-broken"


def test_an_unknown_encoding_is_refused_before_its_body_is_read() -> None:
    with pytest.raises(RequestRefused) as refused:
        read(pieces(), content_encoding=b"lzma")
    assert refused.value.problem.status == 415
    assert refused.value.problem.headers["accept-encoding"] == "gzip, deflate, br, zstd"


def test_a_large_body_is_decoded_by_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """PRX-10: no more than ``AT_ONCE_BYTES`` are decoded before others may go on."""
    size = 9 * reading.AT_ONCE_BYTES
    plain = random.Random(1).randbytes(size // 2) + bytes(size // 2)
    packed = gzip.compress(plain, 1)
    assert len(packed) > reading.AT_ONCE_BYTES
    in_loop: list[int] = []

    def counted(name: str, data: bytes, limit: int) -> Iterator[bytes]:
        for piece in decoding(name, data, limit):
            if threading.current_thread() is threading.main_thread():
                in_loop.append(len(piece))
            yield piece

    monkeypatch.setattr(reading, "decoding", counted)

    async def scene(sent: bytes) -> bytes:
        with Bodies().one() as body:
            return await body.read({b"content-encoding": [b"gzip"]}, Given(pieces(sent)), size)

    assert asyncio.run(scene(packed)) == plain
    assert asyncio.run(scene(gzip.compress(bytes(size)))) == bytes(size)
    assert sum(in_loop) < 2 * reading.AT_ONCE_BYTES


def test_what_is_decoded_takes_room_and_gives_back_that_of_what_came() -> None:
    bodies = Bodies(bytes_max=150)
    packed = gzip.compress(b"x" * 90)

    async def scene() -> None:
        headers = {b"content-encoding": [b"gzip"]}
        with bodies.one() as first:
            await first.read(headers, Given(pieces(packed)), LIMIT)
            assert first.size == 90
            with bodies.one() as second, pytest.raises(RequestRefused) as refused:
                await second.read(headers, Given(pieces(packed)), LIMIT)
            assert refused.value.problem.code == "gateway-busy"
            with bodies.one() as third:
                await third.read({}, Given(pieces(b"x" * 60)), LIMIT)

    for _ in range(3):
        asyncio.run(scene())


def test_headers_about_the_encoded_bytes_go_with_the_encoding() -> None:
    kept = (b"content-type", b"application/json")
    gone = [(b"Content-Encoding", b"gzip"), (b"content-md5", b"x"), (b"Content-Length", b"9")]
    assert without_encoding([kept, *gone]) == [kept]
    assert without_encoding([kept, gone[2]]) == [kept, gone[2]]
