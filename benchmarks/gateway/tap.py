"""Measures what a tap costs for each chunk, beside decoding every event.

python benchmarks/gateway/tap.py

Made streams of each API, cut into chunks of 300 bytes on average. The peer splits lines and decodes
the JSON of every event, which is what reading usage takes without a look beforehand.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable

from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, RESPONSES

CHUNK_BYTES = 300
EVENTS = 2_000
ROUNDS = 15


def chat() -> list[object]:
    """Deltas as OpenAI sends them to a client that asked for usage."""
    base = {
        "id": "chatcmpl-" + "a" * 24,
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-5",
    }
    delta = {"index": 0, "delta": {"content": " token"}, "logprobs": None, "finish_reason": None}
    final = {"prompt_tokens": 9, "completion_tokens": EVENTS, "total_tokens": EVENTS + 9}
    text = {**base, "service_tier": "default", "choices": [delta], "usage": None}
    return [*[text] * EVENTS, {**base, "choices": [], "usage": final}]


def responses() -> list[object]:
    """Text deltas of the Responses API."""
    text = {"type": "response.output_text.delta", "item_id": "msg_" + "b" * 48, "output_index": 0}
    one = {**text, "content_index": 0, "delta": " token", "logprobs": [], "obfuscation": "x" * 10}
    usage = {"input_tokens": 9, "output_tokens": EVENTS}
    final = {"type": "response.completed", "response": {"model": "gpt-5", "usage": usage}}
    return [*[one] * EVENTS, final]


def messages() -> list[object]:
    """Text deltas of the Messages API."""
    inner = {"type": "text_delta", "text": " some words of text"}
    counts = {"input_tokens": 9, "output_tokens": 1}
    return [
        {"type": "message_start", "message": {"model": "claude-sonnet-4-5", "usage": counts}},
        *[{"type": "content_block_delta", "index": 0, "delta": inner}] * EVENTS,
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": EVENTS}},
        {"type": "message_stop"},
    ]


def framed(data: list[object]) -> bytes:
    lines: list[str] = []
    for one in data:
        kind = one.get("type") if isinstance(one, dict) else None
        head = f"event: {kind}\n" if kind else ""
        lines.append(f"{head}data: {json.dumps(one, separators=(',', ':'))}\n\n")
    return "".join(lines).encode()


def cut_anywhere(body: bytes) -> list[bytes]:
    """Cut as a network may: at any byte."""
    chance = random.Random(1)
    chunks: list[bytes] = []
    at = 0
    while at < len(body):
        size = chance.randint(CHUNK_BYTES // 2, CHUNK_BYTES * 3 // 2)
        chunks.append(body[at : at + size])
        at += size
    return chunks


def cut_at_events(body: bytes) -> list[bytes]:
    """Cut as a server flushes: one event each."""
    return [event + b"\n\n" for event in body.split(b"\n\n")[:-1]]


def decode_everything(chunks: list[bytes]) -> object:
    """Find the last usage by decoding every event."""
    pending = b""
    usage: object = None
    for chunk in chunks:
        *events, pending = (pending + chunk).split(b"\n\n")
        for event in events:
            for line in event.splitlines():
                if line.startswith(b"data: "):
                    message = json.loads(line[6:])
                    usage = message.get("usage") or message.get("response") or usage
    return usage


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    made = {CHAT: chat(), RESPONSES: responses(), MESSAGES: messages()}
    print("us per chunk, median of", ROUNDS, "rounds in turn; ratio = decode everything / tap")
    for endpoint, data in made.items():
        body = framed(data)
        for options in ({}, {"stream_options": {"include_usage": True}}):
            if options and endpoint is not CHAT:
                continue
            request = read(endpoint, json.dumps({"model": "m", "stream": True, **options}).encode())
            assert isinstance(request, Plan)
            for cut in (cut_at_events, cut_anywhere):
                chunks = cut(body)

                def tapped(chunks: list[bytes] = chunks) -> None:
                    tap = endpoint.open_tap(request, is_stream=True)  # noqa: B023 - run at once
                    for chunk in chunks:
                        tap.feed(chunk)
                    tap.finish()
                    assert not tap.usage_unknown

                ours, peer = [], []
                for _ in range(ROUNDS):
                    ours.append(seconds(tapped))
                    peer.append(seconds(lambda chunks=chunks: decode_everything(chunks)))
                tap_us = statistics.median(ours) / len(chunks) * 1e6
                peer_us = statistics.median(peer) / len(chunks) * 1e6
                drops = "drops" if endpoint is CHAT and not options else ""
                size = len(body) // len(chunks)
                print(
                    f"{endpoint.path:20} {drops:5} {cut.__name__:13} {size:4} B/chunk "
                    f"tap {tap_us:5.2f}  decode {peer_us:5.2f}  ratio {peer_us / tap_us:4.1f}"
                )


if __name__ == "__main__":
    main()
