"""Each trap of Anthropic's Messages API (PRX-3)."""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.providers.anthropic import MessagesBodyTap, MessagesStreamTap
from corvus.metering.tap import Tap
from corvus.metering.usage import ProviderError
from corvus.model.usage import Usage, UsagePart
from tests.metering.streams import pass_through, read_every_way, sse

STOP = {"type": "message_stop"}
Counts = dict[str, object]
text_part = partial(UsagePart, states_modalities=True)
"""Claude reads and writes nothing that is priced as another modality."""


def start(model: str = "claude-x", **counts: object) -> Counts:
    return begun(counts, model)


def begun(counts: Counts, model: str = "claude-x") -> Counts:
    return {"type": "message_start", "message": {"model": model, "usage": counts}}


def delta(**counts: object) -> Counts:
    return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": counts}


def text(piece: str) -> Counts:
    inner = {"type": "text_delta", "text": piece}
    return {"type": "content_block_delta", "index": 0, "delta": inner}


def stream(*messages: object) -> Tap:
    return read_every_way(MessagesStreamTap, sse(*messages))


def parts(tap: Tap) -> tuple[UsagePart, ...]:
    assert tap.usage is not None
    return tap.usage.parts


def total(tap: Tap) -> Usage:
    assert tap.usage is not None
    return tap.usage.total


def test_the_last_delta_wins() -> None:
    """With server tools the input grows: recorded once, 2,751 at the start, 320,032 at the end."""
    final = delta(input_tokens=320_032, output_tokens=8)
    tap = stream(start(input_tokens=2_751, output_tokens=1), final, STOP)
    assert total(tap) == Usage(320_032, 8)


def test_it_wins_field_by_field() -> None:
    tap = stream(
        start(input_tokens=10, cache_read_input_tokens=7, output_tokens=1),
        delta(output_tokens=5),
        delta(output_tokens=9, cache_read_input_tokens=None),
        STOP,
    )
    assert total(tap) == Usage(10, 9, cache_read_tokens=7)


def test_cache_reads_and_writes_are_not_in_the_input_and_stay_apart() -> None:
    split = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 12}
    tap = stream(
        start(
            input_tokens=3,
            cache_read_input_tokens=20,
            cache_creation_input_tokens=42,
            cache_creation=split,
            output_tokens=1,
        ),
        delta(output_tokens=8),
        STOP,
    )
    assert total(tap) == Usage(3, 8, 20, 30, 12)


@pytest.mark.parametrize(
    ("counts", "five", "hour"),
    [
        ({"cache_creation_input_tokens": 9}, 9, 0),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 4}}, 0, 4),
        (
            {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 4}},
            5,
            4,
        ),
        (
            {"cache_creation_input_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": 4}},
            0,
            3,
        ),
    ],
    ids=["no split", "only a split", "a rest", "a split of an older total"],
)
def test_writes_without_a_lifetime_are_five_minute_writes(
    counts: Counts, five: int, hour: int
) -> None:
    tap = stream(begun(counts | {"input_tokens": 1}), delta(output_tokens=1), STOP)
    assert total(tap) == Usage(1, 1, 0, five, hour)


def test_thinking_is_told_apart_inside_the_output() -> None:
    details = {"thinking_tokens": 30}
    tap = stream(
        start(input_tokens=1), delta(output_tokens=50, output_tokens_details=details), STOP
    )
    assert total(tap) == Usage(1, 20, reasoning_tokens=30)


def test_web_searches_are_counted() -> None:
    used = {"web_search_requests": 2, "web_fetch_requests": 1}
    tap = stream(start(input_tokens=1), delta(output_tokens=1, server_tool_use=used), STOP)
    assert total(tap) == Usage(1, 1, web_search_requests=2)


@pytest.mark.parametrize(
    ("counts", "tier"),
    [
        ({"speed": "fast", "service_tier": "standard"}, "fast"),
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "batch"}, "batch"),
        ({"service_tier": "standard", "speed": "standard"}, None),
        ({}, None),
    ],
)
def test_speed_and_tier_that_change_the_price_are_told(counts: Counts, tier: str | None) -> None:
    tap = stream(begun(counts | {"input_tokens": 1}), delta(output_tokens=1), STOP)
    assert parts(tap)[0].service_tier == tier


def test_the_region_is_told() -> None:
    tap = stream(start(input_tokens=1, inference_geo="us"), delta(output_tokens=1), STOP)
    assert parts(tap)[0].inference_geo == "us"


def iteration(kind: str, read: int, written: int, **members: object) -> Counts:
    return {"type": kind, "input_tokens": read, "output_tokens": written, **members}


def test_a_compaction_is_billed_besides_the_top_level_counts() -> None:
    rounds = [iteration("compaction", 60_385, 90), iteration("message", 612, 40)]
    tap = stream(
        start(input_tokens=612), delta(input_tokens=612, output_tokens=40, iterations=rounds), STOP
    )
    assert parts(tap) == (
        text_part("claude-x", Usage(612, 40)),
        text_part("claude-x", Usage(60_385, 90)),
    )


def test_an_advisor_is_a_part_of_its_own_model() -> None:
    rounds = [
        iteration("message", 10, 4),
        iteration("advisor_message", 900, 70, model="claude-opus"),
        iteration("message", 30, 6),
    ]
    used = {"web_search_requests": 1}
    counts = {"input_tokens": 40, "output_tokens": 10, "iterations": rounds}
    tap = stream(start(input_tokens=10), delta(server_tool_use=used, **counts), STOP)
    assert parts(tap) == (
        text_part("claude-x", Usage(10, 4, web_search_requests=1)),
        text_part("claude-x", Usage(30, 6)),
        text_part("claude-opus", Usage(900, 70)),
    )


def test_own_requests_that_hold_less_than_the_whole_are_not_believed() -> None:
    rounds = [iteration("message", 10, 4)]
    counts = {"input_tokens": 40, "output_tokens": 10, "iterations": rounds}
    assert parts(stream(start(), delta(**counts), STOP)) == (text_part("claude-x", Usage(40, 10)),)


def test_a_declined_model_and_the_one_that_took_over_are_parts() -> None:
    block = {"type": "fallback", "from": {"model": "first"}, "to": {"model": "second"}}
    rounds = [iteration("message", 10, 4), iteration("fallback_message", 12, 30, model="second")]
    tap = stream(
        start("first", input_tokens=10, output_tokens=1),
        {"type": "content_block_start", "index": 0, "content_block": block},
        delta(input_tokens=12, output_tokens=30, iterations=rounds),
        STOP,
    )
    assert parts(tap) == (text_part("first", Usage(10, 4)), text_part("second", Usage(12, 30)))


def test_a_fallback_without_iterations_names_the_model_that_served() -> None:
    block = {"type": "fallback", "from": {"model": "first"}, "to": {"model": "second"}}
    began = {"type": "content_block_start", "index": 0, "content_block": block}
    tap = stream(start("first", input_tokens=10), began, delta(output_tokens=3), STOP)
    assert parts(tap) == (text_part("second", Usage(10, 3)),)


def test_unknown_events_with_usage_count_for_nothing_wherever_they_stand() -> None:
    other = {"type": "future_event", "usage": {"input_tokens": 99, "output_tokens": 99}}
    tap = stream(other, start(input_tokens=11), other, delta(output_tokens=6), other, STOP)
    assert total(tap) == Usage(11, 6)


def test_the_type_in_the_data_decides_not_the_name_of_the_event() -> None:
    body = sse(start(input_tokens=11), delta(output_tokens=6), STOP)
    lying = b'event: message_delta\ndata: {"type":"other","usage":{"output_tokens":99}}\n\n'
    assert total(read_every_way(MessagesStreamTap, lying + body + lying)) == Usage(11, 6)


def test_a_second_start_is_passed_over() -> None:
    tap = stream(start(input_tokens=11), start("y", input_tokens=99), delta(output_tokens=6), STOP)
    assert parts(tap) == (text_part("claude-x", Usage(11, 6)),)


def test_a_stream_is_settled_by_its_stop() -> None:
    tap = MessagesStreamTap()
    tap.feed(sse(start(input_tokens=1), text("a"), delta(output_tokens=1)))
    assert not tap.usage_unknown
    assert not tap.is_settled
    tap.feed(sse(STOP))
    assert tap.is_settled


def test_a_cut_stream_keeps_its_input_and_estimates_its_output() -> None:
    tap = stream(start(input_tokens=50, cache_read_input_tokens=7, output_tokens=1), text("abcdef"))
    assert tap.usage_unknown
    assert not tap.is_settled
    estimate = tap.usage_or_estimate(model="asked", input_tokens=1_000)
    assert estimate.is_estimated
    assert estimate.parts == (text_part("claude-x", Usage(50, 2, cache_read_tokens=7)),)


def test_an_estimate_is_never_below_what_was_reported() -> None:
    tap = stream(start(input_tokens=50, output_tokens=9), text("abc"))
    assert tap.usage_or_estimate(model="m", input_tokens=1).total == Usage(50, 9)


@pytest.mark.parametrize("counts", [{}, {"output_tokens": None}, {"input_tokens": 5}])
def test_a_delta_without_output_is_not_final(counts: Counts) -> None:
    tap = stream(start(input_tokens=5, output_tokens=1), text("abcdef"), delta(**counts), STOP)
    assert tap.usage_unknown
    assert not tap.is_settled


def test_a_whole_report_is_not_estimated() -> None:
    tap = stream(start(input_tokens=50), text("abcdef"), delta(output_tokens=1), STOP)
    assert tap.usage_or_estimate(model="m", input_tokens=1) == tap.usage


def test_an_error_in_the_middle_is_told() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    tap = stream(start(input_tokens=5), text("ab"), error)
    assert tap.error == ProviderError("overloaded_error", "Overloaded")
    assert tap.usage_unknown


def test_text_that_speaks_of_usage_is_text() -> None:
    piece = text('{"type":"message_delta","usage":{"output_tokens":99}}')
    tap = stream(start(input_tokens=5), piece, delta(output_tokens=2), STOP)
    assert total(tap) == Usage(5, 2)


@pytest.mark.parametrize("odd", [-1, 1.5, "7", True, 10**12])
def test_a_count_that_is_none_makes_the_usage_unknown(odd: object) -> None:
    tap = stream(start(input_tokens=5), delta(output_tokens=odd), STOP)
    assert tap.usage_unknown
    assert not tap.is_settled


def test_a_body_is_read_at_its_end() -> None:
    counts = {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 3}
    content = [{"type": "text", "text": "abc"}]
    body = {"type": "message", "model": "claude-x", "content": content, "usage": counts}
    tap = read_every_way(MessagesBodyTap, json.dumps(body).encode())
    assert total(tap) == Usage(5, 2, 3)
    assert tap.is_settled
    assert tap.output_bytes_relayed == len(json.dumps(body))


def test_an_error_body_is_told() -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    tap = read_every_way(MessagesBodyTap, json.dumps(body).encode())
    assert tap.error == ProviderError("invalid_request_error", "no")
    assert tap.usage is None


def test_a_body_beyond_the_limit_is_relayed_unread() -> None:
    body = json.dumps({"type": "message", "text": "x" * 500, "usage": {"input_tokens": 1}}).encode()
    tap = MessagesBodyTap(limit_bytes=400)
    assert pass_through(tap, [body[:300], body[300:]]) == body
    assert tap.has_overflowed
    assert tap.usage_unknown


@pytest.mark.parametrize("make", [MessagesStreamTap, MessagesBodyTap])
@given(st.binary(max_size=200))
def test_garbage_passes_unchanged_and_is_unknown(make: type[Tap], body: bytes) -> None:
    tap = make()
    assert pass_through(tap, [body]) == body
    assert tap.usage_unknown


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = (
    "usage",
    "iterations",
    "cache_creation",
    "server_tool_use",
    "output_tokens",
    "model",
    "type",
)


@given(st.dictionaries(st.sampled_from(KEYS), ODD), st.dictionaries(st.sampled_from(KEYS), ODD))
def test_members_of_any_kind_do_not_raise(message: Counts, counts: Counts) -> None:
    events = [
        {"type": "message_start", "message": {**message, "usage": counts}},
        {"type": "message_delta", "usage": counts},
        {"type": "message_start", **message},
    ]
    body = sse(*events)
    assert pass_through(MessagesStreamTap(), [body]) == body
    whole = json.dumps({"type": "message", **message, "usage": counts}).encode()
    assert pass_through(MessagesBodyTap(), [whole]) == whole
