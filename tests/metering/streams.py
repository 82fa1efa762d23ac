"""Hand-made answers, and ways to cut them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from corvus.metering.tap import Tap

Made = Callable[[], Tap]


def sse(*messages: object, end: str = "\n") -> bytes:
    """Frame messages as events; those of Anthropic's kind get an ``event`` line."""
    framed = ""
    for message in messages:
        if isinstance(message, dict) and "type" in message:
            framed += f"event: {message['type']}{end}"
        text = message if isinstance(message, str) else json.dumps(message)
        framed += f"data: {text}{end}{end}"
    return framed.encode()


def chat_chunk(text: str | None = "Hi", **members: object) -> dict[str, object]:
    """Return a chunk of a chat stream; ``text=None`` has no choices."""
    choices = [] if text is None else [{"index": 0, "delta": {"content": text}}]
    return {"id": "c", "model": "gpt-x", "choices": choices, "usage": None, **members}


def pass_through(tap: Tap, chunks: Iterable[bytes]) -> bytes:
    """Feed chunks and return all that is relayed."""
    return b"".join([*(tap.feed(chunk) for chunk in chunks), tap.finish()])


def cut_every_way(body: bytes) -> Iterator[list[bytes]]:
    """Yield the body whole, in single bytes, and in two at every place."""
    yield [body]
    yield [body[at : at + 1] for at in range(len(body))]
    for at in range(1, len(body)):
        yield [body[:at], body[at:]]


def read_every_way(make: Made, body: bytes, relayed: bytes | None = None) -> Tap:
    """Assert that a tap says and relays the same however the body is cut; return one of the taps.

    Args:
        make: Makes a fresh tap.
        body: What the provider sends.
        relayed: What the client is to get; the body itself unless stated.
    """
    first = make()
    expected = body if relayed is None else relayed
    assert pass_through(first, [body]) == expected
    for chunks in cut_every_way(body):
        tap = make()
        assert pass_through(tap, chunks) == expected
        assert said(tap) == said(first)
    return first


def said(tap: Tap) -> object:
    """Return everything that a tap tells."""
    return (tap.usage, tap.usage_unknown, tap.is_settled, tap.error, tap.output_bytes_relayed)
