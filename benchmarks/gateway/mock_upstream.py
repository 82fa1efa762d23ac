"""A provider that answers at once, or after a set time: what every gateway is measured against.

It speaks `POST /v1/chat/completions` and `POST /v1/messages`, whole and streamed, bills the same
made-up usage for every call, and counts what it has billed: `GET /count` tells, so that what was
truly spent is known from the provider's side. Refuses everything else with 404.

    python benchmarks/gateway/mock_upstream.py --first-token-ms 20 --chunks 20

It prints its port. A raw protocol on asyncio, so that the floor stays low.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Any

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@dataclass
class Times:
    """What a call costs and how long it takes; seconds.

    Attributes:
        answer: Before an answer that is no stream.
        first_token: Before the first text of a stream.
        gap: Between the chunks of a stream.
    """

    answer: float = 0.0
    first_token: float = 0.0
    gap: float = 0.0
    chunks: int = 20
    input_tokens: int = 10
    output_tokens: int = 20


@dataclass
class Count:
    """What was billed since the start.

    Attributes:
        calls: Calls that came in.
        finished: Calls that were answered to the end.
        broken_off: Calls whose client left before.
        open_most: Most calls that ran at a time.
    """

    calls: int = 0
    finished: int = 0
    broken_off: int = 0
    open_most: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def chat_whole(times: Times, model: str) -> bytes:
    usage = _chat_usage(times)
    message = {"role": "assistant", "content": "token " * times.output_tokens}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    return _line({**head, "choices": [choice], "usage": usage}).encode()


def messages_whole(times: Times, model: str) -> bytes:
    usage = {"input_tokens": times.input_tokens, "output_tokens": times.output_tokens}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
    text = [{"type": "text", "text": "token " * times.output_tokens}]
    ending = {"stop_reason": "end_turn", "stop_sequence": None}
    return _line({**head, "content": text, **ending, "usage": usage}).encode()


def _chat_usage(times: Times) -> dict[str, int]:
    read, written = times.input_tokens, times.output_tokens
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }


def chat_stream(times: Times, asked: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
    """Return the chunks of text, and what ends the stream."""
    base = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": asked["model"],
    }

    def event(choices: list[object], **more: object) -> bytes:
        return f"data: {_line({**base, 'choices': choices, **more})}\n\n".encode()

    delta = {"index": 0, "delta": {"content": "token "}, "finish_reason": None}
    ending = event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    options: dict[str, Any] = asked.get("stream_options") or {}
    if options.get("include_usage"):
        ending += event([], usage=_chat_usage(times))
    return [event([delta])] * times.chunks, [ending + b"data: [DONE]\n\n"]


def messages_stream(times: Times, asked: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
    """Return the chunks of text, the first with what comes before it, and what ends the stream."""

    def event(kind: str, **more: object) -> bytes:
        return f"event: {kind}\ndata: {_line({'type': kind, **more})}\n\n".encode()

    begun = {"input_tokens": times.input_tokens, "output_tokens": 1}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"]}
    start = event("message_start", message={**head, "content": [], "usage": begun})
    start += event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    inner = {"type": "text_delta", "text": "token "}
    text = event("content_block_delta", index=0, delta=inner)
    used = {"output_tokens": times.output_tokens}
    ending = event("content_block_stop", index=0)
    ending += event("message_delta", delta={"stop_reason": "end_turn"}, usage=used)
    return [start + text, *[text] * (times.chunks - 1)], [ending + event("message_stop")]


class Mock(asyncio.Protocol):
    """One connection."""

    def __init__(self, times: Times, count: Count, open_now: set[object]) -> None:
        self.times, self.count, self.open_now = times, count, open_now
        self.pending = b""
        self.number = 0
        self.working: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.working is not None and not self.working.done():
            self.working.cancel()

    def data_received(self, data: bytes) -> None:
        self.pending += data
        head, ended, rest = self.pending.partition(b"\r\n\r\n")
        if not ended:
            return
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line[:15].lower() == b"content-length:"
            ),
            0,
        )
        if len(rest) >= length:
            self.pending = rest[length:]
            self.serve(head.split(b" ", 2)[1].decode(), rest[:length])

    def serve(self, target: str, body: bytes) -> None:
        path = target.partition("?")[0]
        if path == "/count":
            self.whole(_line(asdict(self.count)).encode())
        elif path in {CHAT, MESSAGES}:
            self.call(path, json.loads(body))
        else:
            self.whole(b"{}", "404 Not Found")

    def call(self, path: str, asked: dict[str, Any]) -> None:
        self.count.calls += 1
        self.number = self.count.calls
        if not asked.get("stream"):
            made = (chat_whole if path == CHAT else messages_whole)(self.times, asked["model"])
            if self.times.answer == 0:
                self.bill()
                self.whole(made)
            else:
                self.work(self.answer_later(made))
        else:
            self.work(
                self.stream(*(chat_stream if path == CHAT else messages_stream)(self.times, asked))
            )

    def work(self, work: Any) -> None:
        task = self.working = asyncio.get_running_loop().create_task(work)
        self.open_now.add(task)
        self.count.open_most = max(self.count.open_most, len(self.open_now))
        task.add_done_callback(self.done)

    def done(self, task: asyncio.Task[None]) -> None:
        self.open_now.discard(task)
        self.count.broken_off += task.cancelled()

    def bill(self) -> None:
        self.count.finished += 1
        self.count.input_tokens += self.times.input_tokens
        self.count.output_tokens += self.times.output_tokens

    async def answer_later(self, made: bytes) -> None:
        await asyncio.sleep(self.times.answer)
        self.bill()
        self.whole(made)

    async def stream(self, texts: list[bytes], ending: list[bytes]) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"X-Request-Id: call-%d\r\nTransfer-Encoding: chunked\r\n\r\n" % self.number
        )
        if self.times.first_token:
            await asyncio.sleep(self.times.first_token)
        for number, text in enumerate(texts):
            if number:
                await asyncio.sleep(self.times.gap)
            self.transport.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.bill()
        last = b"".join(ending)
        self.transport.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last))

    def whole(self, body: bytes, status: str = "200 OK") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        head += f"X-Request-Id: call-{self.number}\r\n"
        self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


async def serve(times: Times, port: int) -> None:
    count, open_now = Count(), set[object]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Mock(times, count, open_now), "127.0.0.1", port, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    for name in ("answer", "first-token", "gap"):
        parser.add_argument(f"--{name}-ms", type=float, default=0.0)
    for name, usual in (("chunks", 20), ("input-tokens", 10), ("output-tokens", 20)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    told = parser.parse_args()
    times = Times(
        answer=told.answer_ms / 1e3,
        first_token=told.first_token_ms / 1e3,
        gap=told.gap_ms / 1e3,
        chunks=told.chunks,
        input_tokens=told.input_tokens,
        output_tokens=told.output_tokens,
    )
    asyncio.run(serve(times, told.port))


if __name__ == "__main__":
    main()
