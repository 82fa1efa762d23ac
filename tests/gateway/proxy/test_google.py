"""Google's and Anthropic's own SDKs through the gateway to Gemini and Vertex (PRX-1 to PRX-5)."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic.lib.vertex import AnthropicVertex
from google import genai
from google.auth.credentials import Credentials
from google.genai import errors, types

from corvus.gateway.proxy import google_credentials
from tests.gateway.provider import MESSAGE, MESSAGE_STREAM, MESSAGE_USAGE, Call, Provider
from tests.gateway.proxied import INPUT, OUTPUT, Proxied, Settings

PLACE = "projects/acme/locations/us-east5"
UPSTREAMS = """
[governance.upstreams.gem]
kind = "gemini"
base_url = "{url}"
api_key_env = "TEST_GEMINI_KEY"

[governance.upstreams.vx]
kind = "vertex"
base_url = "{url}"
project = "acme"
location = "us-east5"
{vertex}
"""
USAGE = {
    "promptTokenCount": 10,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 17,
}


def said(text: str, usage: dict[str, Any], **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"}


ANSWER = said("Hello", USAGE, finishReason="STOP")
PIECES = [said("Hel", {"promptTokenCount": 10}), said("lo", USAGE, finishReason="STOP")]


async def google(call: Call) -> None:
    """Answer as Google does, in pieces of random length."""
    path, _, query = call.target.partition("?")
    if path.endswith(":generateContent"):
        await call.answer(ANSWER)
    elif path.endswith(("mbedContent", "mbedContents")):
        vectors = {"embedding": {"values": [0.5]}, "embeddings": [{"values": [0.5]}]}
        await call.answer({**vectors, "usageMetadata": {"promptTokenCount": 10}})
    elif path.endswith("count-tokens:rawPredict"):
        await call.answer({"input_tokens": 10})
    elif path.endswith(":rawPredict"):
        await call.answer(MESSAGE)
    elif path.endswith(":streamRawPredict"):
        await pieces(call, MESSAGE_STREAM)
    elif path.endswith(":streamGenerateContent"):
        texts = [json.dumps(one).encode() for one in PIECES]
        if "alt=sse" in query:
            await pieces(call, b"".join(b"data: %s\r\n\r\n" % text for text in texts))
        else:
            await pieces(call, b"[%s]" % b",\r\n".join(texts), "application/json")
    else:
        await call.answer({"totalTokens": 5, "models": []})


async def pieces(call: Call, text: bytes, kind: str = "text/event-stream") -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
    await call.raw(head.encode())
    choose = random.Random(7)
    while text:
        size = choose.choice((1, 2, 3, 7, 16, 100))
        await call.chunk(text[:size])
        text = text[size:]
    await call.end()


@pytest.fixture
def limit() -> str:
    return "1000"


@pytest.fixture
def vertex() -> str:
    return 'api_key_env = "TEST_VERTEX_TOKEN"'


@pytest.fixture
def gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, vertex: str
) -> Iterator[Proxied]:
    for name in ("OPENAI_KEY", "ANTHROPIC_KEY", "GEMINI_KEY", "VERTEX_TOKEN"):
        monkeypatch.setenv(f"TEST_{name}", "the-real-key")
    provider = Provider()
    provider.script = google
    upstreams = UPSTREAMS.format(url=provider.url, vertex=vertex)
    gateway = Proxied(tmp_path, provider, Settings(limit=limit, openai=upstreams))
    try:
        yield gateway
    finally:
        gateway.stop()
        provider.stop()


@pytest.fixture
def gemini(gateway: Proxied) -> Iterator[Any]:
    options = types.HttpOptions(base_url=gateway.url)
    with genai.Client(api_key=gateway.secret, http_options=options) as client:
        yield client


class Bearer(Credentials):
    """A token of the gateway, where a client of Google Cloud looks for credentials."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.token = secret

    def refresh(self, request: Any) -> None:
        raise AssertionError("it does not end")


@pytest.fixture
def cloud(gateway: Proxied) -> Iterator[Any]:
    with genai.Client(
        vertexai=True,
        project="acme",
        location="us-east5",
        credentials=Bearer(gateway.secret),
        http_options=types.HttpOptions(base_url=gateway.url),
    ) as client:
        yield client


@pytest.fixture
def claude(gateway: Proxied) -> Iterator[AnthropicVertex]:
    with AnthropicVertex(
        base_url=f"{gateway.url}/v1",
        region="us-east5",
        project_id="acme",
        access_token=gateway.secret,
    ) as client:
        yield client


def counted(gateway: Proxied) -> tuple[int, ...]:
    record = gateway.record()
    return (
        record.input_tokens,
        record.cache_read_tokens,
        record.output_tokens,
        record.reasoning_tokens,
    )


def of_sdk(usage: types.GenerateContentResponseUsageMetadata | None) -> tuple[int, ...]:
    assert usage is not None
    read, cached = usage.prompt_token_count or 0, usage.cached_content_token_count or 0
    written, thought = usage.candidates_token_count or 0, usage.thoughts_token_count or 0
    return (read - cached, cached, written, thought)


@pytest.mark.parametrize("name", ["gemini", "cloud"])
def test_an_answer_is_counted_as_the_sdk_counts_it(
    gateway: Proxied, name: str, request: pytest.FixtureRequest
) -> None:
    client: Any = request.getfixturevalue(name)
    answer = client.models.generate_content(model="m", contents="Say hi")
    assert answer.text == "Hello"
    assert counted(gateway) == of_sdk(answer.usage_metadata) == (6, 4, 5, 2)
    assert gateway.record().source == "priced"
    (call,) = gateway.provider.calls
    assert gateway.secret not in str(call.headers)
    if name == "gemini":
        assert call.header("x-goog-api-key") == "the-real-key"
    else:
        assert call.header("authorization") == "Bearer the-real-key"
        assert f"/{PLACE}/publishers/google/models/m:generateContent" in call.target


@pytest.mark.parametrize("name", ["gemini", "cloud"])
def test_a_stream_is_counted_as_the_sdk_counts_it(
    gateway: Proxied, name: str, request: pytest.FixtureRequest
) -> None:
    client: Any = request.getfixturevalue(name)
    chunks = [*client.models.generate_content_stream(model="m", contents="Say hi")]
    assert "".join(chunk.text or "" for chunk in chunks) == "Hello"
    assert counted(gateway) == of_sdk(chunks[-1].usage_metadata)
    assert gateway.record().outcome == "completed"


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_the_asynchronous_sdk_is_served_likewise(gateway: Proxied, gemini: Any) -> None:
    async def call() -> str:
        async with gemini.aio as client:
            stream = await client.models.generate_content_stream(model="m", contents="Say hi")
            return "".join([chunk.text or "" async for chunk in stream])

    assert asyncio.run(call()) == "Hello"
    assert counted(gateway) == (6, 4, 5, 2)


def test_a_chat_of_the_sdk_pays_each_turn(gateway: Proxied, gemini: Any) -> None:
    chat = gemini.chats.create(model="m")
    for _ in range(2):
        chat.send_message("Say hi")
    gateway.settled()
    assert [record.output_tokens for record in gateway.records()] == [5, 5]


def test_a_stream_that_is_one_array_is_counted_and_passed_as_it_is(gateway: Proxied) -> None:
    body = {"contents": [{"parts": [{"text": "hi"}]}]}
    answer = gateway.post("/v1beta/models/m:streamGenerateContent", body)
    assert answer.json() == PIECES
    assert counted(gateway) == (6, 4, 5, 2)


def test_vectors_are_counted(gateway: Proxied, gemini: Any) -> None:
    found = gemini.models.embed_content(model="m", contents="Hi")
    assert found.embeddings
    assert counted(gateway) == (10, 0, 0, 0)


def test_what_is_free_is_free(gateway: Proxied, gemini: Any, claude: Any) -> None:
    assert gemini.models.count_tokens(model="m", contents="Hi").total_tokens == 5
    assert [*gemini.models.list()] == []
    messages: Any = [{"role": "user", "content": "Hi"}]
    assert claude.messages.count_tokens(model="m", messages=messages).input_tokens == 10
    assert gateway.records() == []


@pytest.mark.parametrize("is_stream", [False, True])
def test_claude_on_vertex_is_counted_as_its_sdk_counts_it(
    gateway: Proxied, claude: Any, is_stream: bool
) -> None:
    options: Any = {
        "model": "m@20260101",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Say hi"}],
    }
    if is_stream:
        with claude.messages.stream(**options) as stream:
            usage = stream.get_final_message().usage
    else:
        usage = claude.messages.create(**options).usage
    record = gateway.record()
    assert record.input_tokens == usage.input_tokens == MESSAGE_USAGE["input_tokens"]
    assert record.output_tokens == usage.output_tokens
    assert record.cache_write_5m_tokens == usage.cache_creation_input_tokens
    assert record.cost_nano_usd is not None
    (call,) = gateway.provider.calls
    verb = "streamRawPredict" if is_stream else "rawPredict"
    assert f"/{PLACE}/publishers/anthropic/models/m@20260101:{verb}" in call.target.replace(
        "%40", "@"
    )
    assert "anthropic_version" in call.json


def test_a_location_that_is_dearer_than_the_global_one_costs_a_tenth_more(
    gateway: Proxied, claude: Any
) -> None:
    async def haiku(call: Call) -> None:
        await call.answer({**MESSAGE, "model": "claude-haiku-4-5-20251001"})

    gateway.provider.script = haiku
    messages: Any = [{"role": "user", "content": "Hi"}]
    claude.messages.create(model="claude-haiku-4-5@20251001", max_tokens=50, messages=messages)
    globally = 10 * 1_000 + 20 * 1_250 + 30 * 100 + 5 * 5_000
    assert gateway.record().cost_nano_usd == globally * 11 // 10


@pytest.mark.parametrize("limit", ["0.001"])
def test_the_sdks_show_a_denial_once(gateway: Proxied, gemini: Any, claude: Any) -> None:
    with pytest.raises(errors.ClientError) as told:
        gemini.models.generate_content(model="m", contents="Say hi")
    assert (told.value.code, told.value.status) == (402, "FAILED_PRECONDITION")
    assert "cost.daily_limit_usd" in str(told.value.message)
    with pytest.raises(errors.ClientError):
        list(gemini.models.generate_content_stream(model="m", contents="Say hi"))
    messages: Any = [{"role": "user", "content": "Hi"}]
    with pytest.raises(anthropic.APIStatusError) as seen:
        claude.messages.create(model="m", max_tokens=50, messages=messages)
    assert seen.value.status_code == 402
    assert "cost.daily_limit_usd" in seen.value.message
    assert gateway.denials() == 3
    assert gateway.provider.calls == []


SAY = {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 9}}


@pytest.mark.parametrize(
    "query",
    [
        "fields=candidates",
        "f%69elds=x",
        "%24fields=x",
        "alt=proto",
        "alt=media",
        "alt=sse&alt=proto",
        "callback=f",
        "access_token=x",
        "$userProject=other",
        "$httpMethod=GET",
    ],
)
def test_a_query_that_hides_counts_or_names_who_pays_is_refused(
    gateway: Proxied, query: str
) -> None:
    answer = gateway.post(f"/v1beta/models/m:generateContent?{query}", SAY)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert gateway.provider.calls == []


def test_headers_that_hide_counts_or_name_who_pays_go_no_further(gateway: Proxied) -> None:
    hiding = {
        "x-goog-fieldmask": "candidates",
        "x-goog-user-project": "other",
        "x-vertex-ai-llm-shared-request-type": "priority",
    }
    answer = gateway.post("/v1beta/models/m:generateContent", SAY, **hiding)
    assert answer.status_code == 200
    (call,) = gateway.provider.calls
    assert not {name.lower() for name, _ in call.headers} & hiding.keys()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1beta/cachedContents", "cache"),
        ("/v1beta/models/m:predictLongRunning", "route"),
        ("/v1beta/models/m:batchGenerateContent", "route"),
        (f"/v1/{PLACE}/cachedContents", "cache"),
        ("/v1/projects/other/locations/us-east5/publishers/google/models/m:generateContent", "r"),
        ("/v1/projects/acme/locations/eu/publishers/google/models/m:generateContent", "route"),
    ],
)
def test_what_cannot_be_metered_is_no_route(gateway: Proxied, path: str, words: str) -> None:
    answer = gateway.post(path, SAY)
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"
    assert words in answer.json()["error"]["message"]
    assert gateway.provider.calls == []


def test_a_live_session_is_refused(gateway: Proxied) -> None:
    path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    with gateway.client(**upgrade) as client:
        assert client.get(path).status_code in (404, 426)
    assert gateway.provider.calls == []


def test_a_blocked_prompt_is_paid_for(gateway: Proxied, gemini: Any) -> None:
    async def blocked(call: Call) -> None:
        usage = {"promptTokenCount": 10, "totalTokenCount": 10}
        await call.answer({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage})

    gateway.provider.script = blocked
    gemini.models.generate_content(model="m", contents="Say hi")
    assert gateway.record()[:3] == (10 * INPUT, "priced", "completed")


def test_an_error_of_google_costs_nothing_and_passes_as_it_is(
    gateway: Proxied, gemini: Any
) -> None:
    async def broken(call: Call) -> None:
        error = {"code": 400, "message": "no such thing", "status": "INVALID_ARGUMENT"}
        await call.answer({"error": error}, status=400)

    gateway.provider.script = broken
    with pytest.raises(errors.ClientError, match="no such thing"):
        gemini.models.generate_content(model="m", contents="Say hi")
    gateway.settled()
    assert gateway.spent() == 0


def test_a_stream_that_breaks_off_ends_in_an_error_and_is_an_estimate(
    gateway: Proxied, gemini: Any
) -> None:
    async def dying(call: Call) -> None:
        await call.begin()
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 3}
        await call.chunk(b"data: %s\r\n\r\n" % json.dumps(said("Hel", usage)).encode())
        await asyncio.sleep(0.1)
        call.die()

    gateway.provider.script = dying
    with pytest.raises(errors.APIError):
        list(gemini.models.generate_content_stream(model="m", contents="Say hi"))
    record = gateway.record()
    assert (record.source, record.outcome) == ("estimated", "failed")
    assert record.cost_nano_usd is not None
    assert record.cost_nano_usd >= 10 * INPUT + 3 * OUTPUT


class Made(Credentials):
    """Credentials of this machine, with one token for an hour."""

    refreshes = 0

    def refresh(self, request: Any) -> None:
        assert threading.current_thread() is not threading.main_thread()
        type(self).refreshes += 1
        self.token = "fresh-token"
        self.expiry = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None)


@pytest.mark.parametrize("vertex", [""])
def test_vertex_is_paid_with_the_credentials_of_the_machine(
    gateway: Proxied, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_credentials, "_default", Made)
    for _ in range(2):
        cloud.models.generate_content(model="m", contents="Say hi")
    tokens = [call.header("authorization") for call in gateway.provider.calls]
    assert tokens == ["Bearer fresh-token"] * 2
    assert Made.refreshes == 1


@pytest.mark.parametrize("vertex", [""])
def test_without_credentials_nothing_is_sent_and_nothing_held(
    gateway: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Credentials:
        raise OSError("no credentials")

    monkeypatch.setattr(google_credentials, "_default", none)
    answer = gateway.post(f"/v1/{PLACE}/publishers/google/models/m:generateContent", SAY)
    assert answer.status_code == 502
    assert "application-default login" in answer.json()["error"]["message"]
    gateway.settled()
    assert gateway.spent() == 0
    assert gateway.provider.calls == []
