"""How much of bodies is kept, and for how long one is waited for (PRX-10)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from corvus.gateway import body as reading
from corvus.gateway.asgi import Message, Receive
from corvus.gateway.body import Bodies
from corvus.gateway.refusal import RequestRefused

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


def read(receive: Receive, bodies: Bodies | None = None, **headers: bytes) -> bytes:
    async def scene() -> bytes:
        with (bodies or Bodies()).one() as body:
            given = {name.replace("_", "-").encode(): [value] for name, value in headers.items()}
            return await body.read(given, receive, LIMIT)

    return asyncio.run(scene())


def code(receive: Receive, bodies: Bodies | None = None, **headers: bytes) -> str:
    with pytest.raises(RequestRefused) as refused:
        read(receive, bodies, **headers)
    return refused.value.problem.code


def test_pieces_are_put_together() -> None:
    assert read(pieces(b"a", b"b" * 98, b"c")) == b"a" + b"b" * 98 + b"c"


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
            await first.read({}, pieces(b"x" * 90), LIMIT)
            with bodies.one() as second, pytest.raises(RequestRefused) as refused:
                await second.read({}, pieces(b"x" * 50, b"x" * 11), LIMIT)
            assert refused.value.problem.status == 503
            assert refused.value.problem.retry_after_seconds is not None
            with bodies.one() as third:
                await third.read({}, pieces(b"x" * 60), LIMIT)

    for _ in range(3):
        asyncio.run(scene())
