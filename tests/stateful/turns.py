"""A call that a test takes step by step, on the client's side and on the provider's."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import threading
from contextlib import suppress
from itertools import count

from tests.gateway.provider import CHAT_BODY, DONE, Call
from tests.gateway.proxied import INPUT, OUTPUT
from tests.metering.streams import chat_chunk, sse

READ = 10
"""Tokens that the provider reads in each call."""
FINAL = {"whole", "half", "fail", "fail with usage", "die", "break", "end"}


class Turn:
    """One call.

    Attributes:
        true_nano_usd: What the provider has charged so far.
        status: Of the answer, if the call never reached the provider.
        is_over: Whether the provider is done.
        has_usage: Whether it has told what the whole call cost.
    """

    def __init__(self, number: int, most: int, *, stream: bool) -> None:
        self.number, self.most, self.stream = number, most, stream
        self.true_nano_usd = 0
        self.status = 0
        self.body = b""
        self.is_over = False
        self.arrived = threading.Event()
        self.written = 0
        self._has_begun = self.has_usage = False

    def begin(self, port: int, secret: str, session: str) -> None:
        """Send the request."""
        asked = {
            "model": "m",
            "max_tokens": self.most,
            "stream": self.stream,
            "messages": [{"role": "user", "content": f"turn {self.number}"}],
        }
        body = json.dumps(asked).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Authorization: Bearer {secret}\r\nX-Corvus-Session: {session}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.sendall(head.encode() + body)

    def has_arrived(self) -> bool:
        """Wait until the provider has the call (True), or the client an answer (False)."""
        while not self.arrived.wait(0.003):
            if select.select([self._socket], [], [], 0)[0] and not self.arrived.is_set():
                answer = self._rest()
                self.status = int(answer.split(b" ", 2)[1])
                self.body = answer
                return False
        return True

    def possible(self) -> list[str]:
        """Return what the provider can do next."""
        if not self._has_begun:
            first = ["head"] if self.stream else ["whole", "half"]
            return [*first, "fail", "fail with usage", "die"]
        more = ["text", "usage"] if not self.has_usage and self.written < self.most else []
        return [*more, "break", "end"]

    def go_on(self, what: str) -> None:
        """Let the provider do one thing, and wait until it is done."""
        asyncio.run_coroutine_threadsafe(self._do(what), self._loop).result(10)
        if what in FINAL:
            self.is_over = True
            self._loop.call_soon_threadsafe(self._over.set)

    def leave(self) -> None:
        """Close the client's connection."""
        self._socket.close()
        self._loop.call_soon_threadsafe(self._over.set)

    def close(self) -> None:
        """Read what is left of the answer, and close the client's connection."""
        self._rest()
        self._socket.close()

    async def serve(self, call: Call) -> None:
        """Be the provider's script."""
        self._call, self._loop, self._over = call, asyncio.get_running_loop(), asyncio.Event()
        self.arrived.set()
        await self._over.wait()

    async def _do(self, what: str) -> None:
        steps = {
            "head": self._head,
            "text": self._text,
            "usage": self._tell_usage,
            "end": self._end,
            "half": self._half,
            "whole": self._whole,
            "fail": self._fail,
            "fail with usage": self._fail_with_usage,
            "break": self._break,
            "die": self._die,
        }
        await steps[what]()

    async def _head(self) -> None:
        self._has_begun = True
        await self._call.begin()

    async def _text(self) -> None:
        self.written += 1
        self._charge(self.written)
        await self._call.chunk(sse(chat_chunk("word ")))

    async def _tell_usage(self) -> None:
        self.has_usage = True
        self._charge(self.written)
        await self._call.chunk(sse(chat_chunk(None, usage=self._usage(self.written))))

    async def _end(self) -> None:
        await self._call.chunk(DONE)
        await self._call.end()

    async def _half(self) -> None:
        self._charge(self.most)
        await self._call.raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        await self._call.raw(b'content-length: 900\r\n\r\n{"id":')
        self._call.die()

    async def _whole(self) -> None:
        self._charge(self.most)
        await self._call.answer({**CHAT_BODY, "usage": self._usage(self.most)})

    async def _fail(self) -> None:
        await self._call.answer({"error": {"message": "no"}}, 500)

    async def _fail_with_usage(self) -> None:
        self._charge(self.most)
        usage = self._usage(self.most)
        await self._call.answer({"error": {"message": "no"}, "usage": usage}, 500)

    async def _break(self) -> None:
        self._call.die()

    async def _die(self) -> None:
        self._charge(self.most)
        self._call.die()

    def _charge(self, written: int) -> None:
        self.true_nano_usd = READ * INPUT + written * OUTPUT

    def _usage(self, written: int) -> dict[str, int]:
        total = READ + written
        return {"prompt_tokens": READ, "completion_tokens": written, "total_tokens": total}

    def _rest(self) -> bytes:
        found = b""
        with suppress(OSError):
            while piece := self._socket.recv(65_536):
                found += piece
        return found


class Turns:
    """The provider's script for all turns."""

    def __init__(self) -> None:
        self._numbers = count()
        self._known: dict[str, Turn] = {}

    async def __call__(self, call: Call) -> None:
        await self._known[call.json["messages"][0]["content"]].serve(call)

    def make(self, most: int, *, stream: bool) -> Turn:
        turn = Turn(next(self._numbers), most, stream=stream)
        self._known[f"turn {turn.number}"] = turn
        return turn
