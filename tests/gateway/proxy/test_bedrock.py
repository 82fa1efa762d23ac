"""The real SDKs of Bedrock through the proxy: usage, signatures, denials (PRX-1 to PRX-5)."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest
from anthropic.lib.bedrock import AnthropicBedrock
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from corvus.clients.transport import GovernedTransport
from tests.gateway.provider import Call, Provider, Script
from tests.gateway.proxied import INPUT, OUTPUT, Proxied, Settings
from tests.gateway.signatures import SECRET, is_signed_right
from tests.metering.bedrock.streams import chunk, delta, event, exception, metadata

MODEL = "anthropic.demo-v1:0"
SAY: list[Any] = [{"role": "user", "content": [{"text": "Say hi"}]}]
CLAUDE_SAY: list[Any] = [{"role": "user", "content": "Say hi"}]
USAGE = {
    "inputTokens": 100,
    "outputTokens": 20,
    "cacheReadInputTokens": 400,
    "cacheWriteInputTokens": 300,
    "totalTokens": 820,
}
COST = 100 * INPUT + 20 * OUTPUT + 400 * INPUT // 10 + 300 * INPUT * 5 // 4
ANSWER: dict[str, Any] = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
    "metrics": {"latencyMs": 3},
}
STREAM = (
    event("messageStart", {"role": "assistant"})
    + delta("He")
    + delta("llo")
    + event("contentBlockStop", {"contentBlockIndex": 0})
    + event("messageStop", {"stopReason": "end_turn"})
    + metadata(usage=USAGE)
)
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-of-its-vendor",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 30},
}
PIECES: list[Any] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hello"},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 40},
    },
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
]
CHUNKS = b"".join(map(chunk, PIECES))


async def streamed(call: Call, body: bytes, seed: int = 7) -> None:
    """Answer with a binary stream that is cut anywhere."""
    await call.raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
        b"x-amzn-requestid: req-1\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chance = random.Random(seed)
    while body:
        size = chance.choice((1, 2, 3, 7, 16, 100, 1000))
        await call.chunk(body[:size])
        body = body[size:]
    await call.end()


async def usual(call: Call) -> None:
    end = call.target.partition("?")[0].rpartition("/")[2]
    match end:
        case "converse":
            await call.answer(ANSWER)
        case "converse-stream":
            await streamed(call, STREAM)
        case "invoke":
            await call.answer(MESSAGE)
        case "invoke-with-response-stream":
            await streamed(call, CHUNKS)
        case _:
            await call.answer({"inputTokens": 7})


def streaming(body: bytes) -> Script:
    async def script(call: Call) -> None:
        await streamed(call, body)

    return script


def answering(body: object, more: str = "") -> Script:
    async def script(call: Call) -> None:
        await call.answer(body, more=more)

    return script


COST_OF_MODEL = """
[cost.prices."{model}"] # USD per million
input = 1000
output = 10000
cache_read = 100
cache_write_5m = 1250
cache_write_1h = 2000
"""
UPSTREAM = """
[governance.upstreams.aws]
kind = "bedrock"
base_url = "{url}"
region = "us-east-1"
"""


@contextmanager
def bedrock(
    folder: Path, limit: str = "1000", model: str = MODEL, upstream: str = ""
) -> Generator[Proxied]:
    provider = Provider()
    provider.script = usual
    settings = Settings(
        limit=limit,
        cost=COST_OF_MODEL.format(model=model),
        openai=UPSTREAM.format(url=provider.url) + upstream,
    )
    try:
        gateway = Proxied(folder, provider, settings)
        try:
            yield gateway
        finally:
            gateway.stop()
    finally:
        provider.stop()


@pytest.fixture(autouse=True)
def aws_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the gateway credentials of its own."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Proxied]:
    with bedrock(tmp_path) as running:
        yield running


def runtime(gateway: Proxied, secret: str | None = None) -> Any:
    """Return a client of boto3 whose access key is the token of the gateway."""
    sdk: Any = boto3
    client = sdk.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=gateway.url,
        aws_access_key_id=secret or gateway.secret,
        aws_secret_access_key="anything",
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}, proxies={}),
    )
    _CLIENTS.append(client)
    return client


_CLIENTS: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the connections of the clients that a test made."""
    yield
    while _CLIENTS:
        _CLIENTS.pop().close()


def response_of(error: Any) -> Any:
    """Return what boto3 says of an answer that is an error."""
    return error.response


def only_call(gateway: Proxied) -> Call:
    """Return the one request that the provider got, which must be signed by the operator."""
    (call,) = gateway.provider.calls
    path, _, query = call.target.partition("?")
    headers = {name.lower(): value for name, value in call.headers}
    assert is_signed_right(call.method, path, query, headers, call.body)
    assert gateway.secret not in str(call.headers)
    return call


def test_converse(gateway: Proxied) -> None:
    answer = runtime(gateway).converse(
        modelId=MODEL, messages=SAY, inferenceConfig={"maxTokens": 200}
    )
    assert answer["usage"] == USAGE
    record = gateway.record()
    assert (record.cost_nano_usd, record.source, record.provider) == (COST, "priced", "aws")
    assert (record.input_tokens, record.output_tokens) == (100, 20)
    call = only_call(gateway)
    assert call.target == "/model/anthropic.demo-v1%3A0/converse"
    assert call.json == {"messages": SAY, "inferenceConfig": {"maxTokens": 200}}


def test_converse_without_a_maximum_is_given_one(gateway: Proxied) -> None:
    runtime(gateway).converse(modelId=MODEL, messages=SAY)
    assert only_call(gateway).json["inferenceConfig"] == {"maxTokens": 8192}
    gateway.provider.calls.clear()
    runtime(gateway).converse(modelId=MODEL, messages=SAY, inferenceConfig={"topP": 0.5})
    assert only_call(gateway).json["inferenceConfig"] == {"maxTokens": 8192, "topP": 0.5}


def test_converse_stream(gateway: Proxied) -> None:
    answer = runtime(gateway).converse_stream(
        modelId=MODEL, messages=SAY, inferenceConfig={"maxTokens": 200}
    )
    events = list(answer["stream"])
    text = [one["contentBlockDelta"]["delta"]["text"] for one in events[1:3]]
    assert (text, events[-1]["metadata"]["usage"]) == (["He", "llo"], USAGE)
    record = gateway.record()
    assert record[:3] == (COST, "priced", "completed")
    assert record.provider_request_id == "req-1"
    only_call(gateway)


def test_invoke_model(gateway: Proxied) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": CLAUDE_SAY}
    answer = runtime(gateway).invoke_model(modelId=MODEL, body=json.dumps(body))
    assert json.loads(answer["body"].read()) == MESSAGE
    record = gateway.record()
    assert (record.cost_nano_usd, record.source) == (13 * INPUT + 5 * OUTPUT, "priced")
    assert only_call(gateway).json == body


def test_invoke_model_with_response_stream(gateway: Proxied) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": CLAUDE_SAY}
    answer = runtime(gateway).invoke_model_with_response_stream(
        modelId=MODEL, body=json.dumps(body)
    )
    pieces = [json.loads(one["chunk"]["bytes"]) for one in answer["body"]]
    assert pieces[2]["delta"]["text"] == "Hello"
    record = gateway.record()
    assert (record.cost_nano_usd, record.source) == (13 * INPUT + 40 * OUTPUT, "priced")
    only_call(gateway)


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_sdk_of_anthropic(gateway: Proxied, is_stream: bool) -> None:
    """Its client signs with the token as its access key, too."""
    client = AnthropicBedrock(
        aws_access_key=gateway.secret,
        aws_secret_key="anything",
        aws_region="us-east-1",
        base_url=gateway.url,
    )
    with client:
        if is_stream:
            with client.messages.stream(model=MODEL, max_tokens=9, messages=CLAUDE_SAY) as stream:
                message = stream.get_final_message()
        else:
            message = client.messages.create(model=MODEL, max_tokens=9, messages=CLAUDE_SAY)
    record = gateway.record()
    assert (record.input_tokens, record.output_tokens, record.cache_read_tokens) == (
        message.usage.input_tokens,
        message.usage.output_tokens,
        message.usage.cache_read_input_tokens,
    )
    only_call(gateway)


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_transport_meters_the_same_without_a_proxy(gateway: Proxied, is_stream: bool) -> None:
    """Its bytes are not changed, so the signature of the caller holds (RES-11)."""
    with gateway.runtime.governor() as governor:
        http = httpx2.Client(transport=GovernedTransport(governor))
        client = AnthropicBedrock(
            aws_access_key="AKIDEXAMPLE",
            aws_secret_key=SECRET,
            aws_region="us-east-1",
            base_url=gateway.provider.url,
            http_client=http,
        )
        with client:
            if is_stream:
                with client.messages.stream(
                    model=MODEL, max_tokens=9, messages=CLAUDE_SAY
                ) as stream:
                    stream.until_done()
            else:
                client.messages.create(model=MODEL, max_tokens=9, messages=CLAUDE_SAY)
    (call,) = gateway.provider.calls
    headers = {name.lower(): value for name, value in call.headers}
    assert is_signed_right("POST", call.target, "", headers, call.body)
    written = 40 if is_stream else 5
    assert gateway.record()[:2] == (13 * INPUT + written * OUTPUT, "priced")


def test_counting_tokens_is_free(gateway: Proxied) -> None:
    found = runtime(gateway).count_tokens(modelId=MODEL, input={"converse": {"messages": SAY}})
    assert found["inputTokens"] == 7
    assert gateway.records() == []
    only_call(gateway)


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_refusal_is_one_attempt_and_says_why(tmp_path: Path, is_stream: bool) -> None:
    with bedrock(tmp_path, limit="0.001") as gateway:
        client = runtime(gateway)
        call = client.converse_stream if is_stream else client.converse
        with pytest.raises(ClientError) as seen:
            call(modelId=MODEL, messages=SAY, inferenceConfig={"maxTokens": 200})
        refused = response_of(seen.value)
        assert refused["Error"]["Code"] == "ServiceQuotaExceededException"
        assert "cost.daily_limit_usd" in refused["Error"]["Message"]
        assert refused["ResponseMetadata"]["HTTPStatusCode"] == 402
        assert refused["ResponseMetadata"]["RetryAttempts"] == 0
        assert gateway.denials() == 1
        assert gateway.provider.calls == []


def test_a_model_without_a_price_is_refused_by_its_name(gateway: Proxied) -> None:
    for model in (
        "nobody.knows-v1:0",
        "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
    ):
        with pytest.raises(ClientError, match=model):
            runtime(gateway).converse(modelId=model, messages=SAY)
    assert gateway.provider.calls == []


def test_an_own_profile_takes_a_price_of_its_own(tmp_path: Path) -> None:
    model = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    with bedrock(tmp_path, model=model) as gateway:
        runtime(gateway).converse(modelId=model, messages=SAY, inferenceConfig={"maxTokens": 9})
        assert gateway.record()[:2] == (COST, "priced")
        assert only_call(gateway).target.count("/") == 3


def test_an_unknown_token_is_refused_in_the_words_of_aws(gateway: Proxied) -> None:
    with pytest.raises(ClientError) as seen:
        runtime(gateway, "AKIANOBODY").converse(modelId=MODEL, messages=SAY)
    assert response_of(seen.value)["Error"]["Code"] == "AccessDeniedException"
    assert gateway.provider.calls == []


def test_a_bearer_token_will_do(gateway: Proxied) -> None:
    answer = gateway.post("/model/anthropic.demo-v1%3A0/converse", {"messages": SAY})
    assert answer.status_code == 200
    only_call(gateway)


def test_an_api_key_of_the_operator_is_sent_in_place_of_a_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN_BEDROCK_KEY", "the-key")
    with bedrock(tmp_path, upstream='api_key_env = "OWN_BEDROCK_KEY"') as gateway:
        runtime(gateway).converse(modelId=MODEL, messages=SAY)
        (call,) = gateway.provider.calls
        assert call.header("authorization") == "Bearer the-key"
        assert call.header("x-amz-date") is None
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "another")
    (tmp_path / "2").mkdir()
    with bedrock(tmp_path / "2") as gateway:
        gateway.post("/model/anthropic.demo-v1%3A0/converse", {"messages": SAY})
        (call,) = gateway.provider.calls
        assert call.header("authorization") == "Bearer another"


def test_an_exception_in_mid_stream_reaches_the_client(gateway: Proxied) -> None:
    broken = STREAM.partition(event("contentBlockStop", {"contentBlockIndex": 0}))[0]
    gateway.provider.script = streaming(broken + exception("modelStreamErrorException", "it broke"))
    answer = runtime(gateway).converse_stream(
        modelId=MODEL, messages=SAY, inferenceConfig={"maxTokens": 200}
    )
    with pytest.raises(EventStreamError, match="it broke"), closing(answer["stream"]) as events:
        list(events)
    record = gateway.record()
    assert (record.source, record.outcome) == ("estimated", "failed")
    assert record.cost_nano_usd


def test_an_exception_before_any_output_costs_nothing(gateway: Proxied) -> None:
    gateway.provider.script = streaming(exception("throttlingException", "slow down"))
    answer = runtime(gateway).converse_stream(modelId=MODEL, messages=SAY)
    with pytest.raises(EventStreamError, match="slow down"), closing(answer["stream"]) as events:
        list(events)
    gateway.settled()
    assert gateway.spent() == 0


def test_a_damaged_stream_passes_and_costs_what_was_held(gateway: Proxied) -> None:
    damaged = bytearray(STREAM)
    damaged[-3] ^= 1
    gateway.provider.script = streaming(bytes(damaged))
    body = {"messages": SAY, "inferenceConfig": {"maxTokens": 200}}
    answer = gateway.post("/model/anthropic.demo-v1%3A0/converse-stream", body)
    assert answer.content == bytes(damaged)
    record = gateway.record()
    assert record.source == "estimated"
    assert record.cost_nano_usd is not None
    assert record.cost_nano_usd >= 200 * OUTPUT


def test_a_provider_that_dies_in_mid_stream_is_reported_in_a_message(gateway: Proxied) -> None:
    async def dies(call: Call) -> None:
        await call.raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        await call.chunk(delta("half"))
        call.die()

    gateway.provider.script = dies
    answer = runtime(gateway).converse_stream(modelId=MODEL, messages=SAY)
    with pytest.raises(EventStreamError, match="early"), closing(answer["stream"]) as events:
        list(events)
    assert gateway.record().source == "estimated"


def test_headers_count_for_the_models_of_other_vendors(tmp_path: Path) -> None:
    model = "meta.demo-v1:0"
    with bedrock(tmp_path, model=model) as gateway:
        gateway.provider.script = answering(
            {"generation": "Hi"},
            "x-amzn-bedrock-input-token-count: 12\r\nx-amzn-bedrock-output-token-count: 3\r\n",
        )
        client = runtime(gateway)
        with pytest.raises(ClientError, match="max_gen_len"):
            client.invoke_model(modelId=model, body='{"prompt":"hi"}')
        answer = client.invoke_model(modelId=model, body='{"prompt":"hi","max_gen_len":9}')
        assert json.loads(answer["body"].read()) == {"generation": "Hi"}
        assert gateway.record()[:2] == (12 * INPUT + 3 * OUTPUT, "priced")


def test_a_tier_in_a_header_needs_a_price_of_its_own(gateway: Proxied) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": CLAUDE_SAY}
    with pytest.raises(ClientError) as seen:
        runtime(gateway).invoke_model(
            modelId=MODEL, body=json.dumps(body), performanceConfigLatency="optimized"
        )
    assert response_of(seen.value)["ResponseMetadata"]["HTTPStatusCode"] == 402
    assert gateway.provider.calls == []


def test_the_gateway_says_that_it_has_no_credentials(
    gateway: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    body = {"messages": SAY, "inferenceConfig": {"maxTokens": 200}}
    answer = gateway.post("/model/anthropic.demo-v1%3A0/converse", body)
    assert answer.status_code == 502
    assert "AWS_PROFILE" in answer.json()["message"]
    gateway.settled()
    assert gateway.spent() == 0


def test_a_header_that_decides_about_invoked_models_is_not_sent_with_converse(
    gateway: Proxied,
) -> None:
    """Converse states its tier in the body; a header that its reader does not know stays here."""
    body = {"messages": SAY, "inferenceConfig": {"maxTokens": 10}}
    more = {"x-amzn-bedrock-service-tier": "priority", "connection": "content-type"}
    assert gateway.post(f"/model/{MODEL}/converse", body, **more).status_code == 200
    (call,) = gateway.provider.calls
    assert call.header("x-amzn-bedrock-service-tier") is None
    assert call.header("content-type") == "application/json"


def test_what_a_client_signed_with_stays_here(gateway: Proxied) -> None:
    body = {"messages": SAY, "inferenceConfig": {"maxTokens": 200}}
    forged = {
        "x-amz-security-token": "stolen",
        "x-amz-date": "20200101T000000Z",
        "x-amz-content-sha256": "0" * 64,
    }
    gateway.post("/model/anthropic.demo-v1%3A0/converse", body, **forged)
    call = only_call(gateway)
    assert "stolen" not in str(call.headers)
    assert call.header("x-amz-content-sha256") is None


def test_a_picture_is_held_by_its_size(tmp_path: Path) -> None:
    """Its bytes alone would say less: a large one may be a few bytes long."""
    picture = base64.b64encode(b"\xff\xd8\xff").decode()
    part = {"image": {"format": "jpeg", "source": {"bytes": picture}}}
    body = {
        "messages": [{"role": "user", "content": [part]}],
        "inferenceConfig": {"maxTokens": 1},
    }
    with bedrock(tmp_path, limit="1.4") as gateway:
        assert gateway.post("/model/anthropic.demo-v1%3A0/converse", body).status_code == 402
