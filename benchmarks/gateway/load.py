"""Clients that call a gateway as fast as it answers, from a process of their own.

    python benchmarks/gateway/load.py --url http://127.0.0.1:8642 --clients 16 --seconds 5

Each client has one connection and sends its next call when the last one was answered to the end.
Prints one JSON object: how many calls there were by status, how long each took, and for streams
how long until the first text came. Pin it to another core than the gateway's, with `taskset`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PROMPT = "Summarise the following text in one sentence. " + "corvus counts what agents spend. " * 36
"""About 1.2 KB."""
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}
FIRST_TEXT = {"chat": b'"content":', "messages": b'"text_delta"'}


@dataclass
class Found:
    """What the clients saw; seconds."""

    statuses: Counter[int] = field(default_factory=Counter[int])
    took: list[float] = field(default_factory=list[float])
    first: list[float] = field(default_factory=list[float])
    cut: int = 0
    last_refusal: str = ""


@dataclass(frozen=True)
class Call:
    """One call, as bytes that are sent again and again."""

    host: str
    port: int
    sent: bytes
    first_text: bytes | None


def call_of(  # noqa: PLR0913 - what a call can say
    url: str,
    *,
    key: str,
    api: str = "chat",
    model: str = "gpt-4o",
    stream: bool = False,
    prompt: str = PROMPT,
    max_tokens: int = 20,
) -> Call:
    parts = urlsplit(url)
    assert parts.hostname is not None
    port = parts.port or 80
    asked: dict[str, object] = {
        "model": model,
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": prompt}],
    }
    if stream:
        asked["stream"] = True
        if api == "chat":
            asked["stream_options"] = {"include_usage": True}
    body = json.dumps(asked).encode()
    head = (
        f"POST {PATHS[api]} HTTP/1.1\r\nHost: {parts.hostname}:{port}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"anthropic-version: 2023-06-01\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    if api == "chat":
        head = head.replace("anthropic-version: 2023-06-01\r\n", "")
    return Call(parts.hostname, port, head.encode() + body, FIRST_TEXT[api] if stream else None)


class Client:
    """One connection, opened again when the gateway has closed it."""

    def __init__(self, call: Call, found: Found) -> None:
        self.call, self.found = call, found
        self.ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def once(self) -> int:
        """Send one call, read its answer to the end, and return its status; 0 when it was cut."""
        try:
            return await self.exchange()
        except (OSError, EOFError):  # an answer without its end is an EOFError of asyncio
            self.found.cut += 1
            self.close()
            return 0

    async def exchange(self) -> int:
        if self.ends is None:
            self.ends = await asyncio.open_connection(self.call.host, self.call.port)
        reader, writer = self.ends
        started = time.perf_counter()
        writer.write(self.call.sent)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"transfer-encoding: chunked" in head:
            body = await self.chunked(reader, started)
        else:
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length or 0))
        self.found.statuses[status] += 1
        if status < 400:
            self.found.took.append(time.perf_counter() - started)
        else:
            self.found.last_refusal = body[:400].decode(errors="replace")
        if b"connection: close" in head:
            self.close()
        return status

    async def chunked(self, reader: asyncio.StreamReader, started: float) -> bytes:
        kept, is_first = b"", self.call.first_text is not None
        while size := int(await reader.readuntil(b"\r\n"), 16):
            data = await reader.readexactly(size + 2)
            if is_first and self.call.first_text is not None and self.call.first_text in data:
                self.found.first.append(time.perf_counter() - started)
                is_first = False
            kept = data
        await reader.readexactly(2)
        return kept

    def close(self) -> None:
        if self.ends is not None:
            self.ends[1].close()
        self.ends = None


async def for_seconds(call: Call, clients: int, seconds: float) -> tuple[Found, float]:
    """Call without a pause for so long; return what was seen and how long it really took."""
    found = Found()
    started = time.perf_counter()

    async def work() -> None:
        client = Client(call, found)
        while time.perf_counter() - started < seconds:
            if await client.once() == 0:
                await asyncio.sleep(0.1)
        client.close()

    await asyncio.gather(*[work() for _ in range(clients)])
    return found, time.perf_counter() - started


async def all_at_once(call: Call, clients: int, rounds: int = 1) -> Found:
    """Let every client call so many times, all beginning at one moment."""
    found = Found()

    async def work() -> None:
        client = Client(call, found)
        for _ in range(rounds):
            await client.once()
        client.close()

    await asyncio.gather(*[work() for _ in range(clients)])
    return found


def told(found: Found, seconds: float) -> dict[str, object]:
    return {
        "seconds": seconds,
        "statuses": {str(status): many for status, many in found.statuses.items()},
        "cut": found.cut,
        "took": found.took,
        "first": found.first,
        "last_refusal": found.last_refusal,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", default="none")
    parser.add_argument("--api", choices=sorted(PATHS), default="chat")
    parser.add_argument("--model", default="gpt-4o")
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--clients", type=int, default=1)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--seconds", type=float)
    length.add_argument("--calls-each", type=int)
    asked = parser.parse_args()
    call = call_of(
        asked.url,
        key=asked.key,
        api=asked.api,
        model=asked.model,
        stream=asked.stream,
        prompt=asked.prompt,
    )
    if asked.seconds is not None:
        found, seconds = asyncio.run(for_seconds(call, asked.clients, asked.seconds))
    else:
        started = time.perf_counter()
        found = asyncio.run(all_at_once(call, asked.clients, asked.calls_each))
        seconds = time.perf_counter() - started
    json.dump(told(found, seconds), sys.stdout)


if __name__ == "__main__":
    main()
