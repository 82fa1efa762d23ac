"""Azure OpenAI through the proxy with its real SDK: deployments, versions, credentials (PRX-1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.gateway.provider import Call
from tests.gateway.proxied import INPUT, OUTPUT, Proxied, proxied

SAY: list[Any] = [{"role": "user", "content": "Say hi"}]
COST = 10 * INPUT + 5 * OUTPUT
UPSTREAM = """
[governance.upstreams.az]
kind = "azure"
base_url = "{url}{end}"
api_key_env = "TEST_OPENAI_KEY"
deployments = {{ "team-chat" = "m" }}
"""


@pytest.fixture(params=["", "/openai", "/openai/v1/"])
def azure(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    with proxied(tmp_path) as gateway:
        text = gateway.config.read_text().replace("upstreams.openai]", "upstreams.gpt]")
        more = UPSTREAM.format(url=gateway.provider.url, end=request.param)
        gateway.config.write_text(text + more)
        gateway.stop()
        gateway.start()
        gateway.provider.script = answer
        yield gateway


async def answer(call: Call) -> None:
    """Answer as Azure does: a stream begins with a chunk of filters, and counts on request."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    asked: dict[str, Any] = call.json
    choice = {"index": 0, "finish_reason": "stop"}
    base: dict[str, Any] = {"id": "c", "created": 1, "model": "m"}
    if "embeddings" in call.target:
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        counts = {"prompt_tokens": 10, "total_tokens": 10}
        await call.answer({"object": "list", "data": data, "model": "m", "usage": counts})
    elif not asked.get("stream"):
        said = {"role": "assistant", "content": "Hi"}
        choices = [{**choice, "message": said, "content_filter_results": {}}]
        body = {**base, "object": "chat.completion", "choices": choices, "usage": usage}
        await call.answer(body)
    else:
        base["object"] = "chat.completion.chunk"
        chunks: list[dict[str, Any]] = [
            {**base, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
            {**base, "choices": [{**choice, "delta": {"content": "Hi there"}}]},
        ]
        if asked.get("stream_options"):
            chunks.append({**base, "choices": [], "usage": usage})
        await call.begin()
        for chunk in chunks:
            await call.chunk(b"data: %s\n\n" % json.dumps(chunk).encode())
        await call.chunk(b"data: [DONE]\n\n")
        await call.end()


def classic(gateway: Proxied, version: str = "2024-10-21") -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        api_key=gateway.secret, azure_endpoint=gateway.url, api_version=version
    )


def test_classic_calls_are_priced_as_the_model_behind_their_deployment(azure: Proxied) -> None:
    with classic(azure) as client:
        client.chat.completions.create(model="team-chat", messages=SAY, max_tokens=50)
    record = azure.record()
    assert (record.cost_nano_usd, record.provider) == (COST, "az")
    (sent,) = azure.provider.calls
    path, _, query = sent.target.partition("?")
    assert path == "/openai/deployments/team-chat/chat/completions"
    assert query == "api-version=2024-10-21"
    assert sent.header("api-key") == "the-real-key"
    assert sent.header("authorization") is None
    assert azure.secret not in str(sent.headers)


def test_a_classic_body_need_not_name_a_model(azure: Proxied) -> None:
    path = "/openai/deployments/team-chat/chat/completions?api-version=2024-10-21"
    body: dict[str, Any] = {"messages": SAY, "max_tokens": 50}
    assert azure.post(path, body).status_code == 200
    assert azure.record().cost_nano_usd == COST
    assert azure.provider.calls[0].json == body


def test_a_stream_of_the_classic_form_keeps_its_chunk_of_filters(azure: Proxied) -> None:
    with (
        classic(azure) as client,
        client.chat.completions.create(
            model="team-chat", messages=SAY, max_tokens=50, stream=True
        ) as stream,
    ):
        chunks = list(stream)
    assert [len(chunk.choices) for chunk in chunks] == [0, 1]
    assert azure.provider.calls[0].json["stream_options"] == {"include_usage": True}
    assert azure.record().cost_nano_usd == COST
    assert azure.record().source == "priced"


def test_an_older_version_is_not_requested_to_count_and_is_estimated(azure: Proxied) -> None:
    with (
        classic(azure, "2024-06-01") as client,
        client.chat.completions.create(
            model="team-chat", messages=SAY, max_tokens=50, stream=True
        ) as stream,
    ):
        assert len(list(stream)) == 2
    assert "stream_options" not in azure.provider.calls[0].json
    record = azure.record()
    assert record.source == "estimated"
    assert record.output_tokens >= 3


def test_embeddings_of_the_classic_form(azure: Proxied) -> None:
    with classic(azure) as client:
        client.embeddings.create(model="team-chat", input="hi")
    assert azure.record().cost_nano_usd == 10 * INPUT
    assert "/deployments/team-chat/embeddings" in azure.provider.calls[0].target


def test_version_1_takes_the_deployment_for_the_model(azure: Proxied) -> None:
    with openai.OpenAI(api_key=azure.secret, base_url=f"{azure.url}/openai/v1") as client:
        client.chat.completions.create(model="team-chat", messages=SAY, max_tokens=50)
    assert azure.record().cost_nano_usd == COST
    (sent,) = azure.provider.calls
    assert sent.target == "/openai/v1/chat/completions"
    assert sent.json["model"] == "team-chat"


def test_a_deployment_without_a_price_is_refused(azure: Proxied) -> None:
    with classic(azure) as client, pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="other-chat", messages=SAY, max_tokens=50)
    assert refused.value.status_code == 402
    assert "other-chat" in str(refused.value)
    assert azure.provider.calls == []
