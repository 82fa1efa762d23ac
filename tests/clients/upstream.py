"""A provider on a real socket: speaks the wire formats, and breaks off where it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any

from corvus.calls.encodings import decoded

Asked = dict[str, Any]
CHAT_USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 500,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 400},
}
MESSAGES_USAGE = {"input_tokens": 1000, "output_tokens": 500, "cache_read_input_tokens": 200}


class Answer:
    """What a provider answers: a status, and pieces of a body with pauses between them.

    Attributes:
        breaks: Drop the connection after the pieces instead of ending the body.
    """

    def __init__(
        self,
        pieces: list[bytes],
        *,
        kind: str = "application/json",
        status: int = 200,
        pause: float = 0,
        breaks: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.pieces = pieces
        self.kind = kind
        self.status = status
        self.pause = pause
        self.breaks = breaks
        self.headers = headers or {}


Script = Callable[[str, Asked], Answer]


class Upstream:
    """A running provider.

    Attributes:
        script: Decides each answer.
        asked: Bodies of all requests so far, decoded.
        raw: The same as they came.
        headers: Headers of all requests so far, by names in lower case.
        hung_up: Set when a client left before its answer was complete.
    """

    def __init__(self) -> None:
        self.script: Script = usual
        self.asked: list[Asked] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.hung_up = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Generator[Upstream]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(10)


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            upstream.raw.append(body)
            upstream.headers.append(headers)
            asked = json.loads(decoded(headers.get("content-encoding", ""), body, 1_000_000))
            upstream.asked.append(asked)
            self._answer(upstream.script(self.path, asked))

        def do_GET(self) -> None:
            self._answer(Answer([b'{"object":"list","data":[]}']))

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            self.send_header("transfer-encoding", "chunked")
            self.send_header("x-request-id", "req_7")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                _send_body(self.wfile, answer)
            except OSError:
                upstream.hung_up.set()
                answer.breaks = True
            self.close_connection = answer.breaks

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _send_body(wire: BufferedIOBase, answer: Answer) -> None:
    for piece in answer.pieces:
        wire.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        wire.flush()
        time.sleep(answer.pause)
    if not answer.breaks:
        wire.write(b"0\r\n\r\n")


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that leave are what is tested here


def usual(path: str, asked: Asked) -> Answer:
    """Answer as the provider of a path does, with or without streaming."""
    if path.startswith("/v1/chat"):
        return Answer(chat_events(asked), kind=STREAM) if asked.get("stream") else chat_body(asked)
    if path.startswith("/v1/responses"):
        return responses(asked)
    if path.startswith("/v1/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        usage = {"prompt_tokens": 700, "total_tokens": 700}
        body: Asked = {"object": "list", "data": data, "model": asked["model"], "usage": usage}
        return Answer([json.dumps(body).encode()])
    if path.startswith("/v1/messages/count_tokens"):
        return Answer([b'{"input_tokens":9}'])
    if asked.get("stream"):
        return Answer(messages_events(asked), kind=STREAM)
    return messages_body(asked)


STREAM = "text/event-stream"


def event(data: object, name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    text = data if isinstance(data, str) else json.dumps(data)
    return f"{head}data: {text}\n\n".encode()


def chat_events(asked: Asked) -> list[bytes]:
    """Return the events of a chat stream; usage comes only where it was asked for."""
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}

    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event({**base, "choices": [choice], "usage": None})

    events = [chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo"})]
    events.append(chunk({}, "stop"))
    options: Asked = asked.get("stream_options") or {}
    if options.get("include_usage"):
        events.append(event({**base, "choices": [], "usage": CHAT_USAGE}))
    return [*events, event("[DONE]")]


def chat_body(asked: Asked) -> Answer:
    message: Asked = {"role": "assistant", "content": "Hello"}
    body: Asked = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": asked["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": CHAT_USAGE,
    }
    return Answer([json.dumps(body).encode()])


def responses(asked: Asked) -> Answer:
    usage = {
        "input_tokens": 1000,
        "output_tokens": 500,
        "total_tokens": 1500,
        "input_tokens_details": {"cached_tokens": 400},
        "output_tokens_details": {"reasoning_tokens": 100},
    }
    text: Asked = {"type": "output_text", "text": "Hello", "annotations": []}
    message: Asked = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    body: Asked = {
        "id": "r1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": asked["model"],
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }
    if not asked.get("stream"):
        return Answer([json.dumps(body).encode()])
    delta: Asked = {
        "type": "response.output_text.delta",
        "delta": "Hello",
        "item_id": "m1",
        "output_index": 0,
        "content_index": 0,
        "sequence_number": 1,
        "logprobs": [],
    }
    done: Asked = {"type": "response.completed", "response": body, "sequence_number": 2}
    return Answer(
        [event(delta, "response.output_text.delta"), event(done, "response.completed")],
        kind=STREAM,
    )


def messages_events(asked: Asked) -> list[bytes]:
    """Return the events of a stream of Anthropic's; the counts of its last delta are final."""
    begin: Asked = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**MESSAGES_USAGE, "output_tokens": 1},
    }
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    text = {"type": "text_delta", "text": "Hello"}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": begin},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": MESSAGES_USAGE},
        {"type": "message_stop"},
    ]
    return [event(one, one["type"]) for one in told]


def messages_body(asked: Asked) -> Answer:
    body: Asked = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": MESSAGES_USAGE,
    }
    return Answer([json.dumps(body).encode()])
