"""A stand-in for a provider, on a real socket: answers by a script, notes what it is sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.metering.streams import chat_chunk, sse


@dataclass
class Call:
    """One request as it came in, and the connection to answer it on.

    Attributes:
        was_left: Set when whoever asked has closed the connection.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    _writer: asyncio.StreamWriter
    was_left: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name]
        assert len(found) < 2, f"{name} came twice"
        return found[0] if found else None

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, body: object, status: int = 200, more: str = "") -> None:
        """Answer with JSON in one piece."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}"
        await self.raw(f"{head}content-length: {len(text)}\r\n\r\n".encode() + text)

    async def begin(self) -> None:
        """Begin a stream of events."""
        await self.raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-1\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    def die(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()


Script: TypeAlias = Callable[[Call], Awaitable[None]]


class Provider:
    """Serves in a thread of its own.

    Attributes:
        script: How calls are answered.
        calls: What came in.
    """

    def __init__(self) -> None:
        self.script: Script = usual
        self.calls: list[Call] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while call := await _read(reader, writer):
                self.calls.append(call)
                answering = asyncio.ensure_future(self.script(call))
                while not answering.done():
                    await asyncio.wait([answering], timeout=0.01)
                    if reader.at_eof() or reader.exception() is not None:
                        call.was_left.set()
                        answering.cancel()
                if not answering.cancelled():
                    answering.result()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = [(name, value.strip()) for name, _, value in (one.partition(":") for one in lines)]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Call(method, target, headers, await reader.readexactly(length), writer)


CHAT_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
CHAT_BODY = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hi"},
        }
    ],
    "usage": CHAT_USAGE,
}
RESPONSE: dict[str, object] = {
    "id": "r",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    },
}
MESSAGE_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 30,
    "output_tokens": 5,
}
MESSAGE = {
    "id": "msg",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": MESSAGE_USAGE,
}
EMBEDDING = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
    "usage": {"prompt_tokens": 10, "total_tokens": 10},
}
CHAT_TEXT = sse(chat_chunk("Hel"), chat_chunk("lo"))
CHAT_LAST = sse(chat_chunk(None, usage=CHAT_USAGE))
DONE = sse("[DONE]")
MESSAGE_STREAM = sse(
    {
        "type": "message_start",
        "message": {**MESSAGE, "content": [], "usage": {**MESSAGE_USAGE, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 5},
    },
    {"type": "message_stop"},
)
RESPONSE_STREAM = sse(
    {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "usage": None}},
    {
        "type": "response.output_text.delta",
        "sequence_number": 1,
        "item_id": "i",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hi",
        "logprobs": [],
    },
    {"type": "response.completed", "sequence_number": 2, "response": RESPONSE},
)


async def usual(call: Call) -> None:
    """Answer as a provider does when all is well; usage in a chat stream only when asked for."""
    path = call.target.partition("?")[0]
    wants_stream = bool(call.body) and call.json.get("stream") is True
    if not wants_stream:
        await call.answer(_BODIES.get(path, {"object": "list", "data": []}))
        return
    await call.begin()
    if path == "/v1/messages":
        await call.chunk(MESSAGE_STREAM)
    elif path == "/v1/responses":
        await call.chunk(RESPONSE_STREAM)
    else:
        await call.chunk(CHAT_TEXT)
        if "include_usage" in str(call.json.get("stream_options")):
            await call.chunk(CHAT_LAST)
        await call.chunk(DONE)
    await call.end()


_BODIES: dict[str, object] = {
    "/v1/chat/completions": CHAT_BODY,
    "/v1/responses": RESPONSE,
    "/v1/embeddings": EMBEDDING,
    "/v1/messages": MESSAGE,
    "/v1/messages/count_tokens": {"input_tokens": 10},
}
