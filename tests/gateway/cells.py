"""The table of the guide to clients: which client works with which provider, and by which calls.

A cell is one request as its client spells it, and one answer as its provider gives it. The test of
this table sends each through a gateway; ``python -m tests.gateway.cells`` writes the table into
``docs/clients.md``.

Source:
    Requests as the clients sent them to a local server on 2026-11-28 and 29, without what does not
    matter to a proxy; answers as the public documentation of the providers has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from corvus.model.gateway import Kind
from tests.gateway.provider import (
    CHAT_BODY,
    CHAT_LAST,
    CHAT_TEXT,
    DONE,
    EMBEDDING,
    MESSAGE,
    MESSAGE_STREAM,
    RESPONSE,
    RESPONSE_STREAM,
)
from tests.gateway.proxied import INPUT, OUTPUT
from tests.metering.bedrock.streams import chunk, delta, event, metadata

GUIDE = Path(__file__).parents[2] / "docs" / "clients.md"
BEGIN, END = "<!-- beginning of the table -->\n", "<!-- end of the table -->\n"
JSON, SSE = "application/json", "text/event-stream"
EVENTS = "application/vnd.amazon.eventstream"


class Answer(NamedTuple):
    """What a provider says.

    Attributes:
        body: Sent in pieces of random length.
        nano_usd: What it costs by the price of the model ``m``.
    """

    media_type: str
    body: bytes
    nano_usd: int


class Cell(NamedTuple):
    """One kind of call of a client.

    Attributes:
        what: As the guide names it.
        target: Path and query, as the client spells them.
        reaches: The path at the provider.
        sent: The body, before it is packed.
        token: Header that carries the token of the gateway.
        headers: What the client sends else.
        is_packed: Whether the body is packed with zstd.
    """

    client: str
    provider: str
    kind: Kind
    what: str
    target: str
    reaches: str
    answer: Answer
    sent: Mapping[str, Any]
    token: str
    headers: Mapping[str, str] = {}
    is_packed: bool = False

    @property
    def body(self) -> bytes:
        """The body as it is sent."""
        text = json.dumps(dict(self.sent)).encode()
        return zstandard.ZstdCompressor().compress(text) if self.is_packed else text


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


_CHAT = 10 * INPUT + 5 * OUTPUT
_RESPONSE = 6 * INPUT + 4 * INPUT // 10 + 5 * OUTPUT
_MESSAGE = 10 * INPUT + 20 * INPUT * 5 // 4 + 30 * INPUT // 10 + 5 * OUTPUT
_GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "index": 0}],
    "usageMetadata": {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 2,
        "totalTokenCount": 15,
    },
    "modelVersion": "m",
}
_GEMINI_START = {**_GEMINI, "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10}}
_CONVERSE_USAGE = {
    "inputTokens": 10,
    "outputTokens": 5,
    "cacheReadInputTokens": 30,
    "cacheWriteInputTokens": 20,
    "totalTokens": 65,
}
_MESSAGE_EVENTS = [
    json.loads(line[5:]) for line in MESSAGE_STREAM.splitlines() if line.startswith(b"data:")
]
CHAT = Answer(JSON, _json(CHAT_BODY), _CHAT)
CHAT_EVENTS = Answer(SSE, CHAT_TEXT + CHAT_LAST + DONE, _CHAT)
RESPONSES = Answer(JSON, _json(RESPONSE), _RESPONSE)
RESPONSES_EVENTS = Answer(SSE, RESPONSE_STREAM, _RESPONSE)
VECTORS = Answer(JSON, _json(EMBEDDING), 10 * INPUT)
MESSAGES = Answer(JSON, _json(MESSAGE), _MESSAGE)
MESSAGES_EVENTS = Answer(SSE, MESSAGE_STREAM, _MESSAGE)
GEMINI = Answer(JSON, _json(_GEMINI), _RESPONSE)
GEMINI_EVENTS = Answer(
    SSE, b"".join(b"data: %s\r\n\r\n" % _json(one) for one in (_GEMINI_START, _GEMINI)), _RESPONSE
)
GEMINI_ARRAY = Answer(JSON, b"[%s\r\n,\r\n%s]" % (_json(_GEMINI_START), _json(_GEMINI)), _RESPONSE)
CONVERSE = Answer(
    JSON,
    _json(
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
            "stopReason": "end_turn",
            "usage": _CONVERSE_USAGE,
        }
    ),
    _MESSAGE,
)
CONVERSE_EVENTS = Answer(
    EVENTS,
    event("messageStart", {"role": "assistant"})
    + delta("Hi")
    + event("messageStop", {"stopReason": "end_turn"})
    + metadata(usage=_CONVERSE_USAGE),
    _MESSAGE,
)
INVOKE_EVENTS = Answer(EVENTS, b"".join(map(chunk, _MESSAGE_EVENTS)), _MESSAGE)

_SAID: list[dict[str, str]] = [{"role": "user", "content": "Say hi"}]
_ASKS_CHAT = {"model": "m", "max_tokens": 50, "messages": _SAID}
_ASKS_RESPONSE = {"model": "m", "max_output_tokens": 50, "input": "Say hi"}
_ASKS_GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": "Say hi"}]}],
    "generationConfig": {"maxOutputTokens": 50},
}
_ASKS_CONVERSE = {
    "messages": [{"role": "user", "content": [{"text": "Say hi"}]}],
    "inferenceConfig": {"maxTokens": 50},
}
_STREAM = {"stream": True}
_USAGE = {**_STREAM, "stream_options": {"include_usage": True}}
_ASKS_INVOKE = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 50,
    "messages": _SAID,
}
_ASKS_VERTEX = {**_ASKS_INVOKE, "anthropic_version": "vertex-2023-10-16"}
_PLACE = "/projects/acme/locations/us-east5/publishers"
_VERSION = {"anthropic-version": "2023-06-01"}
_CODE = {
    **_VERSION,
    "X-Claude-Code-Session-Id": "461a08fa-0000-4000-8000-000000000001",
    "x-app": "cli",
}
_CODEX = {
    "session-id": "01a220ea-0000-7000-8000-00000000000a",
    "thread-id": "01a220ea-0000-7000-8000-00000000000a",
    "originator": "codex_exec",
}
_GOOGLE = {"x-goog-api-client": "google-genai-sdk/1.30.0 gl-node/v20"}
_OFFER = {
    "connection": "Upgrade, HTTP2-Settings",
    "upgrade": "h2c",
    "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
}
_CLAUDE_CODE, _CODEX_CLI, _GEMINI_CLI = "Claude Code", "Codex", "Gemini CLI"
_AI, _OPENAI, _ANTHROPIC = "opencode, Vercel AI SDK", "SDKs of OpenAI", "SDKs of Anthropic"
_GENAI, _AZURE, _BOTO, _JDK = "SDKs of Google", "AzureOpenAI", "boto3", "JDK HttpClient"
BEARER, API_KEY, SIGNED = "authorization", "x-api-key", "sigv4"


def _openai(
    client: str, what: str, path: str, answer: Answer, sent: Mapping[str, Any], **more: Any
) -> Cell:
    spelled = more.pop("target", f"/v1{path}")
    own: dict[str, Any] = {"token": BEARER, **more}
    return Cell(client, "OpenAI", Kind.OPENAI, what, spelled, f"/v1{path}", answer, sent, **own)


def _messages(client: str, what: str, target: str, *, streams: bool, **more: Any) -> Cell:
    sent = _ASKS_CHAT | _STREAM if streams else _ASKS_CHAT
    answer = MESSAGES_EVENTS if streams else MESSAGES
    own: dict[str, Any] = {"token": API_KEY, "headers": _VERSION, **more}
    place = (client, "Anthropic", Kind.ANTHROPIC)
    return Cell(*place, what, target, "/v1/messages", answer, sent, **own)


def _gemini(client: str, what: str, method: str, answer: Answer, **more: Any) -> Cell:
    path = f"/v1beta/models/m:{method.partition('?')[0]}"
    own: dict[str, Any] = {"token": "x-goog-api-key", "headers": _GOOGLE, **more}
    target = f"/v1beta/models/m:{method}"
    return Cell(client, "Gemini", Kind.GEMINI, what, target, path, answer, _ASKS_GEMINI, **own)


def _vertex(
    client: str, what: str, end: str, answer: Answer, sent: Mapping[str, Any], version: str = "/v1"
) -> Cell:
    reaches = f"{version or '/v1'}{_PLACE}/{end}".partition("?")[0]
    target = f"{version}{_PLACE}/{end}"
    return Cell(client, "Vertex", Kind.VERTEX, what, target, reaches, answer, sent, BEARER)


def _bedrock(
    client: str, what: str, end: str, answer: Answer, sent: Mapping[str, Any], token: str = SIGNED
) -> Cell:
    path = f"/model/m/{end}"
    return Cell(client, "Bedrock", Kind.BEDROCK, what, path, path, answer, sent, token)


def _azure(what: str, path: str, answer: Answer, sent: Mapping[str, Any]) -> Cell:
    reaches = path.partition("?")[0]
    return Cell(_AZURE, "Azure", Kind.AZURE, what, path, reaches, answer, sent, "api-key")


_CLASSIC = "/openai/deployments/d"
CELLS: tuple[Cell, ...] = (
    _messages(_CLAUDE_CODE, "stream", "/v1/messages?beta=true", streams=True, headers=_CODE),
    _messages(
        _CLAUDE_CODE,
        "stream, by bearer",
        "/v1/messages?beta=true",
        streams=True,
        headers=_CODE,
        token=BEARER,
    ),
    _bedrock(
        _CLAUDE_CODE,
        "invoke stream",
        "invoke-with-response-stream",
        INVOKE_EVENTS,
        _ASKS_INVOKE,
        BEARER,
    ),
    _vertex(
        _CLAUDE_CODE,
        "stream",
        "anthropic/models/m:streamRawPredict",
        MESSAGES_EVENTS,
        _ASKS_VERTEX | _STREAM,
        "",
    ),
    _openai(
        _CODEX_CLI,
        "stream",
        "/responses",
        RESPONSES_EVENTS,
        _ASKS_RESPONSE | _STREAM,
        headers=_CODEX,
    ),
    _openai(
        _CODEX_CLI,
        "packed stream (ChatGPT log-in)",
        "/responses",
        RESPONSES_EVENTS,
        _ASKS_RESPONSE | _STREAM,
        headers=_CODEX,
        is_packed=True,
    ),
    _gemini(_GEMINI_CLI, "stream", "streamGenerateContent?alt=sse", GEMINI_EVENTS),
    _gemini(_GEMINI_CLI, "generateContent", "generateContent", GEMINI),
    _messages(_AI, "messages", "/messages", streams=False),
    _messages(_AI, "stream", "/messages", streams=True),
    _openai(_AI, "responses", "/responses", RESPONSES, _ASKS_RESPONSE, target="/responses"),
    _openai(_AI, "stream", "/responses", RESPONSES_EVENTS, _ASKS_RESPONSE | _STREAM),
    _openai(_AI, "chat", "/chat/completions", CHAT, _ASKS_CHAT, target="/chat/completions"),
    _gemini(_AI, "generateContent", "generateContent", GEMINI, headers={}),
    _gemini(_AI, "stream", "streamGenerateContent?alt=sse", GEMINI_EVENTS, headers={}),
    _openai(_OPENAI, "chat", "/chat/completions", CHAT, _ASKS_CHAT),
    _openai(_OPENAI, "chat stream", "/chat/completions", CHAT_EVENTS, _ASKS_CHAT | _USAGE),
    _openai(_OPENAI, "responses", "/responses", RESPONSES, _ASKS_RESPONSE),
    _openai(_OPENAI, "responses stream", "/responses", RESPONSES_EVENTS, _ASKS_RESPONSE | _STREAM),
    _openai(
        _OPENAI,
        "base with `/v1` twice",
        "/chat/completions",
        CHAT,
        _ASKS_CHAT,
        target="/v1/v1/chat/completions",
    ),
    _openai(_OPENAI, "embeddings", "/embeddings", VECTORS, {"model": "m", "input": "hi"}),
    _messages(_ANTHROPIC, "messages", "/v1/messages", streams=False),
    _messages(_ANTHROPIC, "stream", "/v1/messages", streams=True),
    _bedrock(_ANTHROPIC, "invoke", "invoke", MESSAGES, _ASKS_INVOKE),
    _bedrock(
        _ANTHROPIC, "invoke stream", "invoke-with-response-stream", INVOKE_EVENTS, _ASKS_INVOKE
    ),
    _vertex(_ANTHROPIC, "rawPredict", "anthropic/models/m:rawPredict", MESSAGES, _ASKS_VERTEX),
    _vertex(
        _ANTHROPIC,
        "stream",
        "anthropic/models/m:streamRawPredict",
        MESSAGES_EVENTS,
        _ASKS_VERTEX | _STREAM,
    ),
    _gemini(_GENAI, "generateContent", "generateContent", GEMINI),
    _gemini(_GENAI, "stream", "streamGenerateContent?alt=sse", GEMINI_EVENTS),
    _gemini(_GENAI, "stream as an array", "streamGenerateContent", GEMINI_ARRAY),
    _vertex(
        _GENAI,
        "generateContent",
        "google/models/m:generateContent",
        GEMINI,
        _ASKS_GEMINI,
        "/v1beta1",
    ),
    _vertex(
        _GENAI,
        "stream",
        "google/models/m:streamGenerateContent?alt=sse",
        GEMINI_EVENTS,
        _ASKS_GEMINI,
    ),
    _azure("chat", f"{_CLASSIC}/chat/completions?api-version=2026-10-01", CHAT, _ASKS_CHAT),
    _azure(
        "chat stream",
        f"{_CLASSIC}/chat/completions?api-version=2026-10-01",
        CHAT_EVENTS,
        _ASKS_CHAT | _USAGE,
    ),
    _azure("v1: chat", "/openai/v1/chat/completions", CHAT, _ASKS_CHAT | {"model": "d"}),
    _azure("v1: responses", "/openai/v1/responses", RESPONSES, _ASKS_RESPONSE | {"model": "d"}),
    _bedrock(_BOTO, "Converse", "converse", CONVERSE, _ASKS_CONVERSE),
    _bedrock(_BOTO, "ConverseStream", "converse-stream", CONVERSE_EVENTS, _ASKS_CONVERSE),
    _bedrock(_BOTO, "InvokeModel", "invoke", MESSAGES, _ASKS_INVOKE),
    _bedrock(
        _BOTO,
        "InvokeModelWithResponseStream",
        "invoke-with-response-stream",
        INVOKE_EVENTS,
        _ASKS_INVOKE,
    ),
    _openai(_JDK, "chat", "/chat/completions", CHAT, _ASKS_CHAT, headers=_OFFER),
)
PROVIDERS = tuple(dict.fromkeys(cell.provider for cell in CELLS))


def table() -> str:
    """Return the table of the guide."""
    rows = [("client", *PROVIDERS), ("---",) * (len(PROVIDERS) + 1)]
    for client in dict.fromkeys(cell.client for cell in CELLS):
        own = [cell for cell in CELLS if cell.client == client]
        cells = (
            ", ".join(cell.what for cell in own if cell.provider == provider)
            for provider in PROVIDERS
        )
        rows.append((client, *cells))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def written(guide: str) -> str:
    """Return the guide with the table as it is now."""
    before, _, rest = guide.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    GUIDE.write_text(written(GUIDE.read_text("utf-8")), "utf-8")
