"""The floor: what a proxy costs that does to the bytes only what every governed one must do.

    python benchmarks/gateway/bare.py --upstream http://127.0.0.1:PORT --key KEY   # prints its port

llhttp both ways, on uvloop. It compares the token in constant time, decodes the request and reads
its model and maximum, sets its own headers, keeps connections, passes bytes on as they are, and
decodes the usage of an answer. It has no budgets, no store, no limits, deadlines or guards, and
holds nobody up: it is measured, and never used.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlsplit

import httptools
import uvloop

DROPPED = {b"host", b"authorization", b"content-length", b"connection", b"accept-encoding"}


class Floor:
    """What all connections share."""

    def __init__(self, upstream: str, key: str) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self.place = parts.hostname, parts.port
        self.digest = hashlib.sha256(key.encode()).digest()
        self.head = f"host: {parts.netloc}\r\nauthorization: Bearer {key}\r\n".encode()
        self.free: list[Behind] = []
        self.tokens = 0

    async def connected(self) -> Behind:
        """Return a connection to the provider."""
        while self.free:
            behind = self.free.pop()
            if not behind.transport.is_closing():
                return behind
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(lambda: Behind(self), *self.place))[1]


class Behind(asyncio.Protocol):
    """A connection to the provider."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.before: Before | None = None
        self.parser = httptools.HttpResponseParser(self)
        self.body = bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        if self.before is not None:
            self.before.transport.write(data)
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.body.startswith(b"{"):
            self.floor.tokens += json.loads(self.body)["usage"]["total_tokens"]
        self.body.clear()
        self.before = None
        self.floor.free.append(self)


class Before(asyncio.Protocol):
    """A connection of a client."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.parser = httptools.HttpRequestParser(self)
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        secret = dict(self.headers).get(b"authorization", b"").removeprefix(b"Bearer ")
        if not hmac.compare_digest(hashlib.sha256(secret).digest(), self.floor.digest):
            self.transport.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            return
        call = json.loads(self.body)
        assert call["model"]
        assert call["max_tokens"]
        kept = b"".join(b"%b: %b\r\n" % pair for pair in self.headers if pair[0] not in DROPPED)
        length = b"content-length: %d\r\n\r\n" % len(self.body)
        head = b"POST %b HTTP/1.1\r\n" % self.url + self.floor.head + kept + length
        request = head + bytes(self.body)
        if self.floor.free:
            self.send(self.floor.free.pop(), request)
            return
        task = asyncio.get_running_loop().create_task(self.send_first(request))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def send(self, behind: Behind, request: bytes) -> None:
        behind.before = self
        behind.transport.write(request)

    async def send_first(self, request: bytes) -> None:
        self.send(await self.floor.connected(), request)


async def serve(upstream: str, key: str) -> None:
    floor = Floor(upstream, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Before(floor), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--key", required=True)
    asked = parser.parse_args()
    uvloop.run(serve(asked.upstream, asked.key))
