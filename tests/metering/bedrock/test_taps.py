"""Each trap of what Bedrock says about usage, streamed or not (PRX-3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.bedrock.taps import (
    ConverseBodyTap,
    ConverseStreamTap,
    InvokeBodyTap,
    InvokeStreamTap,
)
from corvus.metering.tap import Tap
from corvus.metering.usage import MeteredUsage, ProviderError
from corvus.model.usage import Usage
from tests.metering.bedrock.streams import chunk, delta, event, exception, metadata
from tests.metering.streams import Made, pass_through, read_every_way, said

METRICS = "amazon-bedrock-invocationMetrics"
HEADER = "x-amzn-bedrock-{}-token-count"


def counts(**more: object) -> dict[str, object]:
    return {"inputTokens": 7, "outputTokens": 5, **more}


STOP = event("messageStop", {"stopReason": "end_turn"})
STARTED: dict[str, Any] = {
    "type": "message_start",
    "message": {"model": "claude-x", "usage": {"input_tokens": 60, "output_tokens": 1}},
}
SAID: dict[str, Any] = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": "done"},
}
ENDED: dict[str, Any] = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 40}}


def stream(*messages: bytes) -> Tap:
    return read_every_way(ConverseStreamTap, b"".join(messages))


def invoked(*inner: object) -> Tap:
    return read_every_way(InvokeStreamTap, b"".join(map(chunk, inner)))


def body(made: Made, message: object, headers: dict[str, str] | None = None) -> Tap:
    tap = made()
    tap.take_head(headers or {})
    text = json.dumps(message).encode()
    assert pass_through(tap, [text]) == text
    return tap


def converse(said: object) -> Tap:
    return body(ConverseBodyTap, said)


def usage(tap: Tap) -> MeteredUsage:
    assert tap.usage is not None
    return tap.usage


def total(tap: Tap) -> Usage:
    assert tap.is_settled
    return usage(tap).total


def test_input_of_converse_is_beside_what_was_cached() -> None:
    stated = counts(cacheReadInputTokens=400, cacheWriteInputTokens=300, totalTokens=712)
    expected = Usage(7, 5, cache_read_tokens=400, cache_write_5m_tokens=300)
    assert total(converse({"usage": stated})) == expected
    assert total(stream(delta("a"), STOP, metadata(usage=stated))) == expected


def test_writes_are_split_by_their_lifetime_and_an_unknown_one_counts_as_the_longest() -> None:
    details = [{"ttl": "5m", "inputTokens": 30}, {"ttl": "1h", "inputTokens": 12}]
    stated = counts(cacheWriteInputTokens=42, cacheDetails=details)
    assert total(converse({"usage": stated})) == Usage(
        7, 5, cache_write_5m_tokens=30, cache_write_1h_tokens=12
    )
    stated = counts(cacheWriteInputTokens=10, cacheDetails=[{"ttl": "2h", "inputTokens": 12}])
    assert total(converse({"usage": stated})) == Usage(7, 5, cache_write_1h_tokens=12)


def test_what_only_the_total_holds_counts_as_output_and_is_marked() -> None:
    found = converse({"usage": counts(totalTokens=20)})
    assert (total(found), usage(found).is_estimated) == (Usage(7, 13), True)
    found = converse({"usage": counts(totalTokens=12)})
    assert (total(found), usage(found).is_estimated) == (Usage(7, 5), False)


@pytest.mark.parametrize(
    "stated",
    [
        {"inputTokens": 7},
        {"outputTokens": 7},
        {"inputTokens": 0, "outputTokens": 0},
        {"inputTokens": 7, "outputTokens": None},
        {"inputTokens": 7, "outputTokens": -1},
        {"inputTokens": 7, "outputTokens": "5"},
        {"inputTokens": 7, "outputTokens": 5, "cacheReadInputTokens": "many"},
        {},
        [],
        "none",
    ],
)
def test_counts_that_are_missing_or_none_leave_the_usage_unknown(stated: object) -> None:
    for tap in (converse({"usage": stated}), stream(delta("abc"), STOP, metadata(usage=stated))):
        assert tap.usage_unknown
        assert not tap.is_settled
        bound = tap.usage_or_estimate(model="m", input_tokens=50)
        assert bound.is_estimated
        assert bound.total.context_tokens in (7, 50)


def test_a_guardrail_that_answers_itself_may_have_used_nothing() -> None:
    """Its own price is in no count, so the cost is a lower bound."""
    nothing = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    trace: Any = {"guardrail": {"inputAssessment": {}}}
    stopped: Any = {"stopReason": "guardrail_intervened", "usage": nothing, "trace": trace}
    for tap in (
        converse(stopped),
        stream(
            event("messageStop", {"stopReason": "guardrail_intervened"}),
            metadata(usage=nothing, trace=trace),
        ),
    ):
        assert total(tap) == Usage()
        assert usage(tap).is_at_least


@pytest.mark.parametrize(
    ("members", "tier"),
    [
        ({"serviceTier": {"type": "priority"}}, "priority"),
        ({"serviceTier": {"type": "flex"}}, "flex"),
        ({"serviceTier": {"type": "default"}}, None),
        ({"serviceTier": {"type": "reserved"}}, None),
        ({"performanceConfig": {"latency": "optimized"}}, "fast"),
        ({"performanceConfig": {"latency": "standard"}}, None),
    ],
)
def test_an_answer_says_in_which_tier_it_was_served(members: dict[str, Any], tier: str) -> None:
    tap = converse({"usage": counts(), **members})
    assert (usage(tap).service_tier, usage(tap).states_tier) == (tier, True)
    assert not usage(converse({"usage": counts()})).states_tier


def test_a_router_names_the_model_that_answered() -> None:
    trace = {"promptRouter": {"invokedModelId": "arn:aws:bedrock:us-east-1::foundation-model/a.b"}}
    tap = stream(STOP, metadata(usage=counts(), trace=trace))
    assert usage(tap).model == "arn:aws:bedrock:us-east-1::foundation-model/a.b"
    assert usage(converse({"usage": counts()})).model is None


def test_only_headers_say_which_event_it_is() -> None:
    """A tool may be called ``metadata``, and a model may write what looks like counts."""
    fake = {"usage": {"inputTokens": 1, "outputTokens": 1}}
    named = {"start": {"toolUse": {"name": "metadata", "toolUseId": "1"}}, **fake}
    tap = stream(
        event("contentBlockStart", named),
        event("contentBlockDelta", {"delta": {"toolUse": {"input": json.dumps(fake)}}, **fake}),
        STOP,
        metadata(usage=counts()),
    )
    assert total(tap) == Usage(7, 5)


def test_what_comes_after_the_counts_changes_nothing() -> None:
    tap = stream(metadata(usage=counts()), metadata(usage=counts(outputTokens=99)))
    assert total(tap) == Usage(7, 5)
    tap = stream(metadata(usage=counts()), exception("throttlingException", "late"))
    assert (total(tap), tap.error) == (Usage(7, 5), None)


def test_an_exception_in_mid_stream_is_its_error() -> None:
    error = ProviderError("modelStreamErrorException", "it broke")
    tap = stream(delta("ab"), exception("modelStreamErrorException", "it broke"))
    assert (tap.error, tap.is_settled) == (error, False)
    assert tap.output_bytes_relayed == 2
    tap = read_every_way(InvokeStreamTap, exception("throttlingException", "slow down"))
    assert tap.error == ProviderError("throttlingException", "slow down")


def test_text_is_counted_in_case_that_nobody_counts_it() -> None:
    thought = {"delta": {"reasoningContent": {"text": "hmm"}}}
    tap = stream(event("contentBlockDelta", thought), delta("said"))
    assert tap.output_bytes_relayed == 7
    assert invoked(STARTED, SAID).output_bytes_relayed == 4


@given(broken=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_stream_that_is_damaged_passes_and_is_not_believed(broken: int, flip: int) -> None:
    whole = bytearray(delta("done") + STOP + metadata(usage=counts()))
    whole[broken % len(whole)] ^= flip
    tap = ConverseStreamTap()
    assert pass_through(tap, [bytes(whole)]) == bytes(whole)
    assert tap.usage_unknown
    assert tap.is_unreadable or not tap.is_settled


def test_the_length_of_a_message_may_lie() -> None:
    short = bytearray(metadata(usage=counts()))
    short[2:4] = b"\xff\xff"
    tap = read_every_way(ConverseStreamTap, bytes(short))
    assert (tap.is_unreadable, tap.usage) == (True, None)


def test_messages_of_anthropic_are_read_as_such() -> None:
    started = json.loads(json.dumps(STARTED))
    split = {"ephemeral_5m_input_tokens": 8, "ephemeral_1h_input_tokens": 2}
    started["message"]["usage"] |= {
        "cache_read_input_tokens": 500,
        "cache_creation_input_tokens": 10,
        "cache_creation": split,
        "service_tier": "standard",
    }
    metrics = {"inputTokenCount": 1, "outputTokenCount": 1}
    tap = invoked(started, SAID, ENDED, {"type": "message_stop", METRICS: metrics})
    expected = Usage(60, 40, 500, 8, 2)
    assert total(tap) == expected
    usage_of_body = {**started["message"]["usage"], "output_tokens": 40}
    tap = body(InvokeBodyTap, {"type": "message", "model": "claude-x", "usage": usage_of_body})
    assert total(tap) == expected


def test_the_model_is_that_of_the_path_whatever_its_vendor_calls_it() -> None:
    tap = invoked(STARTED, ENDED, {"type": "message_stop"})
    assert usage(tap).model is None
    tap = body(InvokeBodyTap, {**STARTED["message"], "type": "message"})
    assert usage(tap).model is None


def test_bedrocks_own_counts_stand_in_where_a_vendor_gives_none() -> None:
    metrics = {"inputTokenCount": 60, "outputTokenCount": 40, "cacheReadInputTokenCount": 5}
    expected = Usage(60, 40, cache_read_tokens=5)
    tap = invoked(SAID, {"type": "message_stop", METRICS: metrics})
    assert total(tap) == expected
    started: Any = {"type": "message_start", "message": {"model": "claude-x", "usage": {}}}
    assert total(invoked(started, SAID, {"type": "message_stop", METRICS: metrics})) == expected
    last = {"generation": "", "stop_reason": "stop", METRICS: metrics}
    assert total(invoked({"generation": "done"}, last)) == expected


@pytest.mark.parametrize("metrics", [{}, {"inputTokenCount": 60}, {"outputTokenCount": 40}, "few"])
def test_metrics_that_lack_a_count_are_no_usage(metrics: object) -> None:
    tap = invoked({"generation": "done", METRICS: metrics})
    assert tap.usage_unknown
    assert tap.output_bytes_relayed == 4


def test_headers_of_a_body_count_for_every_vendor() -> None:
    headers = {
        HEADER.format("input"): "60",
        HEADER.format("output"): "40",
        HEADER.format("cache-read-input"): "5",
        HEADER.format("cache-write-input"): "3",
    }
    tap = body(InvokeBodyTap, {"generation": "done"}, headers)
    assert total(tap) == Usage(60, 40, 5, 3)
    cut = InvokeBodyTap()
    cut.take_head(headers)
    assert pass_through(cut, [b'{"gener']) == b'{"gener'
    assert total(cut) == Usage(60, 40, 5, 3)


@pytest.mark.parametrize("bad", ["-1", "4e2", "", "1234567890", "4.0", "\u0664"])
def test_a_header_that_is_no_count_leaves_the_usage_unknown(bad: str) -> None:
    headers = {HEADER.format("input"): "60", HEADER.format("output"): bad}
    assert body(InvokeBodyTap, {"generation": "done"}, headers).usage_unknown
    headers = {HEADER.format("input"): bad, HEADER.format("output"): "40"}
    assert body(InvokeBodyTap, {"generation": "done"}, headers).usage_unknown


def test_vectors_have_no_output() -> None:
    headers = {HEADER.format("input"): "60"}
    assert total(body(InvokeBodyTap, {"embedding": [0.5]}, headers)) == Usage(60)
    assert body(InvokeBodyTap, {"generation": "done"}, headers).usage_unknown


def test_headers_name_the_tier_of_an_invocation() -> None:
    headers = {
        HEADER.format("input"): "6",
        HEADER.format("output"): "4",
        "x-amzn-bedrock-service-tier": "flex",
    }
    tap = body(InvokeBodyTap, {"generation": "done"}, headers)
    assert (usage(tap).service_tier, usage(tap).states_tier) == ("flex", True)


@given(data=st.data())
def test_wherever_a_stream_is_cut_it_says_the_same(data: st.DataObject) -> None:
    whole = b"".join(map(chunk, (STARTED, SAID, ENDED, {"type": "message_stop"})))
    cuts: list[bytes] = []
    at = 0
    while at < len(whole):
        size = data.draw(st.integers(1, 90))
        cuts.append(whole[at : at + size])
        at += size
    tap, expected = InvokeStreamTap(), InvokeStreamTap()
    assert pass_through(tap, cuts) == pass_through(expected, [whole]) == whole
    assert said(tap) == said(expected)


@given(junk=st.binary(max_size=400))
def test_no_bytes_break_a_tap(junk: bytes) -> None:
    for made in (ConverseStreamTap, InvokeStreamTap, ConverseBodyTap, InvokeBodyTap):
        tap = made()
        assert pass_through(tap, [junk]) == junk
        assert tap.usage is None
