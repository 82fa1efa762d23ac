"""What a call to Bedrock may cost at most, and the bytes that are sent for it (PRC-7, EVA-14)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.calls.routes import Unreadable
from corvus.metering.provider import Endpoint
from corvus.metering.providers.bedrock import (
    CONVERSE,
    CONVERSE_STREAM,
    INVOKE,
    INVOKE_STREAM,
    PROVIDER,
)
from corvus.model.price import Price
from corvus.model.usage import TokenKind
from corvus.prices.cost import cost, estimate
from tests.metering.bedrock.streams import chunk, event, metadata

NOVA = "us.amazon.nova-pro-v1:0"
SAY = [{"role": "user", "content": [{"text": "hi"}]}]
PROMPT = "arn:aws:bedrock:us-east-1:123456789012:prompt/ABC:1"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
CLAUDE: dict[str, Any] = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9}
PRICE = Price(
    "aws",
    "m",
    "user",
    "user:m",
    {
        TokenKind.INPUT: 1_000_000_000,
        TokenKind.OUTPUT: 10_000_000_000,
        TokenKind.CACHE_READ: 100_000_000,
        TokenKind.CACHE_WRITE_5M: 1_250_000_000,
        TokenKind.CACHE_WRITE_1H: 2_000_000_000,
    },
)


def found(
    endpoint: Endpoint = CONVERSE, model: str = NOVA, headers: Any = None, **members: Any
) -> Plan | Unreadable:
    return read(endpoint, json.dumps(members).encode(), "", model, headers or {})


def plan(
    endpoint: Endpoint = CONVERSE, model: str = NOVA, headers: Any = None, **members: Any
) -> Plan:
    plan = found(endpoint, model, headers, **members)
    assert isinstance(plan, Plan), plan
    return plan.with_maximum(is_maker=True)


def forwarded(plan: Plan) -> Any:
    return json.loads(plan.forward("aws"))


def test_the_maximum_of_converse_stands_in_its_own_object() -> None:
    stated = plan(messages=SAY, inferenceConfig={"maxTokens": 7})
    assert (stated.output_tokens, stated.stated_tokens) == (7, None)
    assert forwarded(stated)["inferenceConfig"] == {"maxTokens": 7}
    elsewhere = plan(messages=SAY, maxTokens=7)
    assert elsewhere.stated_tokens == 10_000


def test_one_is_stated_for_a_model_whose_own_is_not_enforced_by_its_maker() -> None:
    assert forwarded(plan(messages=SAY))["inferenceConfig"] == {"maxTokens": 10_000}
    assert forwarded(plan(messages=SAY, inferenceConfig={"topP": 1}))["inferenceConfig"] == {
        "maxTokens": 10_000,
        "topP": 1,
    }
    claude = plan(model="global.anthropic.claude-sonnet-4-5-20250929-v1:0", messages=SAY)
    assert (claude.output_tokens, forwarded(claude)) == (64_000, {"messages": SAY})


def test_every_maximum_is_lowered_wherever_it_stands() -> None:
    extra = {"max_tokens": 500, "thinking": {"type": "enabled", "budget_tokens": 2_000}}
    wide = plan(
        messages=SAY, inferenceConfig={"maxTokens": 3_000}, additionalModelRequestFields=extra
    )
    assert (wide.output_tokens, wide.thinking_tokens) == (3_000, 2_000)
    assert wide.least_cap_tokens == 3_024
    lowered = forwarded(plan(messages=SAY, inferenceConfig={"maxTokens": 3_000}).capped(40))
    assert lowered["inferenceConfig"] == {"maxTokens": 40}
    both = plan(
        messages=SAY,
        inferenceConfig={"maxTokens": 30},
        additionalModelRequestFields={"max_tokens": 500},
    )
    assert both.output_tokens == 500
    assert forwarded(both.capped(40))["additionalModelRequestFields"] == {"max_tokens": 40}
    assert forwarded(both.capped(40))["inferenceConfig"] == {"maxTokens": 30}


@pytest.mark.parametrize(
    "body",
    [
        '{"messages":[],"inferenceConfig":{"maxTokens":5,"maxTokens":9}}',
        '{"messages":[],"inferenceConfig":{"maxTokens":5},"inferenceConfig":{"maxTokens":9}}',
        '{"messages":[],"inferenceconfig":{"maxTokens":5}}',
        '{"messages":[],"inferenceConfig":{"maxTokens":-1}}',
        '{"messages":[],"inferenceConfig":{"maxTokens":"5"}}',
        '{"messages":[],"inferenceConfig":{"maxTokens":0}}',
        '{"messages":[],"additionalModelRequestFields":{"max_tokens":1e99}}',
        '{"messages":[],"serviceTier":{"type":"flex"},"performanceConfig":{"latency":"optimized"}}',
        '{"messages":"hi"}',
        "[]",
        "hi",
    ],
)
def test_what_is_doubled_or_cannot_be_read_is_refused(body: str) -> None:
    assert isinstance(read(CONVERSE, body.encode(), "", NOVA), Unreadable)


def test_a_prompt_that_the_provider_keeps_is_held_at_the_longest_and_not_capped() -> None:
    """Its text, its model and its maximum are not in the request, which may state none."""
    kept = plan(model=PROMPT, promptVariables={"a": {"text": "b"}})
    assert (kept.output_tokens, kept.stated_tokens) == (131_072, None)
    assert kept.input_tokens > 32_768
    assert kept.least_cap_tokens > kept.output_tokens
    assert forwarded(kept) == {"promptVariables": {"a": {"text": "b"}}}


@pytest.mark.parametrize("effort", ["high", "max", "", "HIGH"])
def test_the_greatest_effort_of_nova_takes_no_maximum(effort: str) -> None:
    thought = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}
    unbounded = plan(model="amazon.nova-2-lite-v1:0", additionalModelRequestFields=thought)
    assert (unbounded.output_tokens, unbounded.stated_tokens) == (131_072, None)
    thought["reasoningConfig"]["maxReasoningEffort"] = "low"
    bounded = plan(model="amazon.nova-2-lite-v1:0", additionalModelRequestFields=thought)
    assert (bounded.output_tokens, bounded.stated_tokens) == (64_000, 64_000)


def test_tiers_and_guardrails() -> None:
    assert plan(messages=SAY, serviceTier={"type": "priority"}).service_tier == "priority"
    assert plan(messages=SAY, performanceConfig={"latency": "optimized"}).service_tier == "fast"
    assert plan(messages=SAY, guardrailConfig={"guardrailIdentifier": "g"}).bills_more
    own = {"service_tier": "priority"}
    assert plan(messages=SAY, additionalModelRequestFields=own).service_tier == "priority"
    usual = {"service_tier": "auto", "speed": "standard"}
    assert plan(messages=SAY, additionalModelRequestFields=usual).service_tier is None
    by_header = {"x-amzn-bedrock-service-tier": "flex", "x-amzn-bedrock-guardrailidentifier": "g"}
    claude = "anthropic.claude-3-haiku-20240307-v1:0"
    invoked = plan(INVOKE, claude, by_header, **CLAUDE)
    assert (invoked.service_tier, invoked.bills_more) == ("flex", True)
    assert not plan(INVOKE, claude, **CLAUDE).bills_more


@pytest.mark.parametrize(
    ("model", "members", "most"),
    [
        ("us.amazon.nova-pro-v1:0", {"messages": SAY, "inferenceConfig": {"maxTokens": 9}}, 9),
        ("amazon.nova-pro-v1:0", {"messages": SAY, "inferenceConfig": {"max_new_tokens": 9}}, 9),
        ("amazon.titan-text-lite-v1", {"textGenerationConfig": {"maxTokenCount": 9}}, 9),
        ("us.meta.llama3-3-70b-instruct-v1:0", {"prompt": "hi", "max_gen_len": 9}, 9),
        ("mistral.mistral-large-2402-v1:0", {"prompt": "hi", "max_tokens": 9}, 9),
        ("openai.gpt-oss-120b-1:0", {"messages": [], "max_completion_tokens": 9}, 9),
        (PROFILE, {"max_gen_len": 9, "max_tokens": 12}, 12),
        (PROFILE, {**CLAUDE}, 9),
        ("meta.llama3-8b-instruct-v1:0", {"max_gen_len": 9, "max_tokens": 12}, 12),
    ],
)
def test_an_invoked_model_reads_its_maximum_under_the_name_of_its_vendor(
    model: str, members: Any, most: int
) -> None:
    for endpoint in (INVOKE, INVOKE_STREAM):
        invoked = plan(endpoint, model, **members)
        assert (invoked.output_tokens, invoked.stated_tokens) == (most, None)
        assert forwarded(invoked) == members
        assert invoked.is_stream is (endpoint is INVOKE_STREAM)


@pytest.mark.parametrize(
    ("model", "members", "named"),
    [
        ("us.amazon.nova-pro-v1:0", {"messages": SAY}, "inferenceConfig.maxTokens"),
        (
            "us.amazon.nova-pro-v1:0",
            {"messages": SAY, "max_tokens": 9},
            "inferenceConfig.maxTokens",
        ),
        ("amazon.titan-text-lite-v1", {"maxTokenCount": 9}, "textGenerationConfig.maxTokenCount"),
        ("meta.llama3-8b-instruct-v1:0", {"prompt": "hi", "max_tokens": 9}, "max_gen_len"),
        ("mistral.mistral-large-2402-v1:0", {"prompt": "hi"}, "max_tokens"),
        ("us.amazon.nova-pro-v1:0", {**CLAUDE, "messages": SAY}, "inferenceConfig.maxTokens"),
        (
            "amazon.titan-text-express-v1",
            {**CLAUDE, "inputText": "hi"},
            "textGenerationConfig.maxTokenCount",
        ),
        ("meta.llama3-8b-instruct-v1:0", {**CLAUDE, "prompt": "hi"}, "max_gen_len"),
        (PROFILE, {"prompt": "hi"}, "max_tokens"),
    ],
)
def test_without_it_the_call_is_refused_with_the_name(model: str, members: Any, named: str) -> None:
    refused = found(INVOKE, model, **members)
    assert isinstance(refused, Unreadable)
    assert (refused.code, f"state {named}:" in refused.message) == ("maximum_invalid", True)


def test_a_maximum_is_stated_for_claude_whose_api_needs_one() -> None:
    claude = plan(INVOKE, "anthropic.claude-3-haiku-20240307-v1:0", anthropic_version="x")
    assert forwarded(claude)["max_tokens"] == 4_096


@pytest.mark.parametrize("model", ["amazon.titan-embed-text-v2:0", "cohere.embed-v4:0"])
def test_vectors_are_no_output(model: str) -> None:
    vectors = plan(INVOKE, model, inputText="hi")
    assert (vectors.output_tokens, vectors.stated_tokens) == (0, None)
    assert forwarded(vectors) == {"inputText": "hi"}


def test_what_is_no_text_counts_as_input_that_nobody_sees() -> None:
    invoked = plan(INVOKE, "meta.llama3-8b-instruct-v1:0", max_gen_len=9, images=["AAAA"])
    assert invoked.input_tokens > 32_768
    invoked = plan(INVOKE, "meta.llama3-8b-instruct-v1:0", max_gen_len=9, prompt="hi")
    assert invoked.input_tokens < 100


def test_claude_is_read_as_messages_are() -> None:
    kept = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    messages = [{"role": "user", "content": [kept]}]
    claude = plan(INVOKE, "anthropic.claude-x-v1:0", messages=messages, **CLAUDE)
    assert TokenKind.CACHE_WRITE_1H in claude.input_kinds


PARTS = st.sampled_from(
    [
        {"text": "hi " * 40},
        {"cachePoint": {"type": "default"}},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
        {"document": {"format": "pdf", "name": "d", "source": {"s3Location": {"uri": "s3://a"}}}},
        {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
        {"toolResult": {"toolUseId": "1", "content": [{"json": {"a": [1, 2, 3]}}]}},
    ]
)


@given(parts=st.lists(PARTS, min_size=1, max_size=5), maximum=st.integers(1, 5_000), data=st.data())
def test_no_answer_that_a_request_allows_costs_more_than_is_held(
    parts: list[Any], maximum: int, data: st.DataObject
) -> None:
    """The provider splits input as it likes, and writes up to the maximum."""
    held = plan(
        CONVERSE_STREAM,
        messages=[{"role": "user", "content": parts}],
        inferenceConfig={"maxTokens": maximum},
    )
    room, counts = held.input_tokens, {"outputTokens": data.draw(st.integers(0, maximum))}
    kinds = ["inputTokens"]
    if held.input_kinds:
        kinds += ["cacheReadInputTokens", "cacheWriteInputTokens"]
    for kind in kinds:
        counts[kind] = data.draw(st.integers(0, room))
        room -= counts[kind]
    written = counts.get("cacheWriteInputTokens", 0)
    ttl = "1h" if TokenKind.CACHE_WRITE_1H in held.input_kinds else "5m"
    usage = {**counts, "cacheDetails": [{"ttl": ttl, "inputTokens": written}]}
    usage["totalTokens"] = sum(counts.values())
    tap = held.endpoint.open_tap(held, is_stream=True)
    tap.feed(event("messageStop", {"stopReason": "end_turn"}) + metadata(usage=usage))
    if tap.usage is not None:
        assert cost(tap.usage.total, PRICE) <= estimate(held.expected(PRICE), PRICE)


@given(maximum=st.integers(1, 5_000), data=st.data())
def test_metrics_of_an_invoked_model_cost_no_more_than_is_held(
    maximum: int, data: st.DataObject
) -> None:
    held = plan(INVOKE_STREAM, "meta.llama3-8b-instruct-v1:0", prompt="hi", max_gen_len=maximum)
    metrics = {
        "inputTokenCount": data.draw(st.integers(1, held.input_tokens)),
        "outputTokenCount": data.draw(st.integers(0, maximum)),
    }
    tap = held.endpoint.open_tap(held, is_stream=True)
    tap.feed(chunk({"generation": "", "amazon-bedrock-invocationMetrics": metrics}))
    assert tap.usage is not None
    assert tap.is_settled
    assert cost(tap.usage.total, PRICE) <= estimate(held.expected(PRICE), PRICE)


def test_ids_are_known_by_their_region_and_version() -> None:
    for name in (NOVA, "amazon.nova-lite-v1:0", f"arn:aws:bedrock:::foundation-model/{NOVA}"):
        assert plan(model=name, messages=SAY).stated_tokens == 10_000
    for bad in ("..", "a/../b", "a?b", "a b", "", "a;b", "a%2f..", "../x"):
        assert PROVIDER.ids.fullmatch(bad) is None
    for good in (NOVA, PROFILE, PROMPT):
        assert PROVIDER.ids.fullmatch(good) is not None
