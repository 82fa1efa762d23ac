"""A script for the stand-in provider that answers in the words of every API, once for each call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import zstandard

from tests.gateway.looping import Billed, Looping, message, response, whole
from tests.gateway.provider import Call, usual
from tests.metering.streams import sse

TOKENS = (60, 40, 0, 0, 7, 3)
"""What each call is billed: input, cache read, written to the cache, output, and reasoning."""
_GEMINI = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 3,
    "totalTokenCount": 110,
}


@dataclass
class Saying(Looping):
    """Says one sentence to every call, and notes what it is billed."""

    turns: int | None = 0

    async def __call__(self, call: Call) -> None:
        path = call.target.partition("?")[0]
        api = next((name for name in _APIS if path.endswith(name)), None)
        if api is None:
            await usual(call)
            return
        asked = _asked(call)
        model = str(asked.get("model") or path.rpartition("/")[2].partition(":")[0])
        without = api in ("/messages",)  # its thinking is a part of what it writes
        tokens = (*TOKENS[:4], TOKENS[4] + TOKENS[5], 0) if without else TOKENS
        self.bill.append(Billed(model, *tokens))
        await _APIS[api](call, asked, self.bill[-1], len(self.bill))


async def _events(call: Call, events: list[bytes]) -> None:
    await call.begin()
    for one in events:
        await call.chunk(one)
    await call.end()


async def _messages(call: Call, asked: dict[str, Any], billed: Billed, number: int) -> None:
    events = message(billed, None, number)
    if asked.get("stream") is True:
        await _events(call, [sse(one) for one in events])
    else:
        await call.answer(whole(events))


async def _responses(call: Call, asked: dict[str, Any], billed: Billed, number: int) -> None:
    events = response(billed, None, number)
    if asked.get("stream") is True:
        await _events(call, [sse(one) for one in events])
    else:
        more: dict[str, object] = {"created_at": 1, "parallel_tool_calls": True, "tools": []}
        await call.answer({**events[-1]["response"], **more})


async def _chat(call: Call, asked: dict[str, Any], billed: Billed, number: int) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    said = {"role": "assistant", "content": "All done."}
    choice = {"index": 0, "finish_reason": "stop", "message": said}
    body = {"id": f"c{number}", "object": "chat.completion", "created": 1, "model": billed.model}
    assert asked.get("stream") is not True
    await call.answer({**body, "choices": [choice], "usage": usage})


async def _gemini(call: Call, asked: dict[str, Any], billed: Billed, number: int) -> None:
    assert asked["contents"], number
    said = {"role": "model", "parts": [{"text": "All done."}]}
    body = {
        "candidates": [{"content": said, "finishReason": "STOP", "index": 0}],
        "usageMetadata": _GEMINI,
        "modelVersion": billed.model,
    }
    if call.target.partition("?")[0].endswith(":generateContent"):
        await call.answer(body)
    else:
        await _events(call, [b"data: " + json.dumps(body).encode() + b"\r\n\r\n"])


_APIS = {
    "/messages": _messages,
    "/responses": _responses,
    "/chat/completions": _chat,
    ":generateContent": _gemini,
    ":streamGenerateContent": _gemini,
}


def _asked(call: Call) -> dict[str, Any]:
    if call.header("content-encoding") == "zstd":
        reader = zstandard.ZstdDecompressor().stream_reader(call.body, read_across_frames=True)
        return json.loads(reader.read())
    return call.json
