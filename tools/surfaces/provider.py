"""A provider that answers model calls with the same bytes each time, and notes what it was sent."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_CHAT_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
_MESSAGE_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 30,
    "output_tokens": 5,
}
_MESSAGE = {
    "id": "msg",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": _MESSAGE_USAGE,
}
_RESPONSE: dict[str, object] = {
    "id": "r",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "output": [],
    "usage": {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    },
}
_CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
_BODIES: dict[str, object] = {
    "/v1/chat/completions": {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [_CHOICE],
        "usage": _CHAT_USAGE,
    },
    "/v1/responses": _RESPONSE,
    "/v1/embeddings": {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "usage": {"prompt_tokens": 10, "total_tokens": 10},
    },
    "/v1/messages": _MESSAGE,
    "/v1/messages/count_tokens": {"input_tokens": 10},
}


def _events(*events: dict[str, Any] | str) -> bytes:
    pieces: list[str] = []
    for event in events:
        if isinstance(event, dict) and "type" in event:
            pieces.append(f"event: {event['type']}\n")
        text = event if isinstance(event, str) else json.dumps(event)
        pieces.append(f"data: {text}\n\n")
    return "".join(pieces).encode()


def _chunk(text: str | None, usage: dict[str, int] | None = None) -> dict[str, Any]:
    choices = [] if text is None else [{"index": 0, "delta": {"content": text}}]
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**body, "choices": choices, "usage": usage}


def _stream(path: str, body: Any) -> bytes:
    if path == "/v1/messages":
        start = {**_MESSAGE, "content": [], "usage": {**_MESSAGE_USAGE, "output_tokens": 1}}
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return _events(
            {"type": "message_start", "message": start},
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": "Hi"},
            },
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        )
    if path == "/v1/responses":
        return _events(
            {"type": "response.created", "response": {**_RESPONSE, "usage": None}},
            {"type": "response.output_text.delta", "item_id": "i", "delta": "Hi"},
            {"type": "response.completed", "response": _RESPONSE},
        )
    last = [_chunk(None, _CHAT_USAGE)] if "include_usage" in str(body.get("stream_options")) else []
    return _events(_chunk("Hel"), _chunk("lo"), *last, "[DONE]")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Answer a list."""
        self._note(b"")
        self._answer(200, json.dumps({"object": "list", "data": [{"id": "m"}]}).encode())

    def do_POST(self) -> None:
        """Answer a call: as usual, or as the model's name says."""
        sent = self.rfile.read(int(self.headers.get("content-length") or 0))
        self._note(sent)
        path = self.path.partition("?")[0]
        body: dict[str, Any] = json.loads(sent) if sent[:1] == b"{" else {}
        match body.get("model"), body.get("stream"):
            case "m-fails", _:
                error = {"error": {"message": "overloaded", "type": "server_error"}}
                self._answer(503, json.dumps(error).encode(), ("retry-after", "7"))
            case "m-silent", _:  # says nothing of usage
                self._answer(200, b'{"object": "list", "data": []}')
            case _, True:
                self._answer(200, _stream(path, body), ("content-type", "text/event-stream"))
            case _:
                found = _BODIES.get(path, {"object": "list", "data": []})
                self._answer(200, json.dumps(found).encode(), ("x-request-id", "req-1"))

    def _answer(self, status: int, body: bytes, *more: tuple[str, str]) -> None:
        self.send_response_only(status)
        headers = {"content-type": "application/json", **dict(more)}
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _note(self, body: bytes) -> None:
        headers = sorted((name.lower(), value) for name, value in self.headers.items())
        note = {
            "request": f"{self.command} {self.path}",
            "headers": headers,
            "body": body.decode(errors="backslashreplace"),
        }
        with self.server.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(note) + "\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    log: Path


class Provider:
    """Serves in a process of its own.

    Args:
        log: Gets a line of JSON for each request.
    """

    def __init__(self, log: Path) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.log = log
        log.touch()
        self.port: int = self._server.server_address[1]
        self.log = log
        self.process = os.fork()
        if self.process == 0:
            try:
                self._server.serve_forever()
            finally:
                os._exit(0)
        self._server.socket.close()

    def requests(self) -> str:
        """Return what it was sent since the last time it was asked."""
        text = self.log.read_text(encoding="utf-8")
        self.log.write_text("", encoding="utf-8")
        notes = [json.loads(line) for line in text.splitlines()]
        return json.dumps(notes, indent=1)
