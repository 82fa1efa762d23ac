"""The cost that an answer states, in the field of each vendor (PRC-9)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.money import NanoUSD
from corvus.metering.facts import json_object
from corvus.metering.openai.taps import (
    ChatBodyTap,
    ChatStreamTap,
    EmbeddingsTap,
    ResponsesBodyTap,
    ResponsesStreamTap,
)
from corvus.metering.providers.anthropic import MessagesBodyTap, MessagesStreamTap
from corvus.metering.stated_cost import StatedCost, stated_cost
from corvus.metering.tap import Tap
from tests.metering.streams import chat_chunk, pass_through, read_every_way, sse

COUNTS = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
RESPONSE_COUNTS = {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150}


def stated(usage: str) -> StatedCost | None:
    """Return what a usage object states, as it is written in an answer."""
    counts = json_object(usage.encode())
    assert counts is not None
    return stated_cost(counts)


@pytest.mark.parametrize(
    ("usage", "nano_usd"),
    [
        ('{"cost": 0.0132}', 13_200_000),
        ('{"cost": 1.32e-2}', 13_200_000),
        ('{"cost": 3}', 3_000_000_000),
        ('{"cost": 0}', 0),
        ('{"cost": 0.0132, "cost_details": {"upstream_inference_cost": 0.9}}', 13_200_000),
        (
            '{"cost": 3.75e-05, "is_byok": true, '
            '"cost_details": {"upstream_inference_cost": 0.00075}}',
            787_500,
        ),
        ('{"cost": 0, "is_byok": true, "cost_details": {"upstream_inference_cost": 2}}', 2 * 10**9),
        (
            '{"cost": 0.5, "is_byok": false, "cost_details": {"upstream_inference_cost": 2}}',
            5 * 10**8,
        ),
        ('{"cost": {"total_cost": 0.0093, "request_cost": 0.006}}', 9_300_000),
        ('{"cost": {"currency": "USD", "total_cost": 0.0093}}', 9_300_000),
        ('{"cost_in_usd_ticks": 165000000}', 16_500_000),
        ('{"cost_in_usd_ticks": 165000000.0}', 16_500_000),
        ('{"cost_in_usd_ticks": 5}', 0),  # half a nano-USD, to the even one
        ('{"cost_in_usd_ticks": 15}', 2),
        ('{"cost_in_usd_ticks": 16}', 2),
        ('{"cost": null, "cost_in_usd_ticks": 10}', 1),
        ('{"cost": {"total_cost": null}, "cost_in_usd_ticks": 10}', 1),
    ],
)
def test_each_vendor_states_its_cost_in_a_field_of_its_own(usage: str, nano_usd: int) -> None:
    """PRC-9: with a key of one's own the bill is the fee and the cost at the provider."""
    found = stated(usage)
    assert found is not None
    assert (found.nano_usd, found.fault) == (nano_usd, "")


@pytest.mark.parametrize(
    "usage",
    [
        '{"cost": "0.0132"}',
        '{"cost": true}',
        '{"cost": [0.1]}',
        '{"cost": -0.1}',
        '{"cost": NaN}',
        '{"cost": Infinity}',
        '{"cost": 1e999999999999999999999}',
        '{"cost": 1e400}',
        '{"cost": {"total_cost": "0.1"}}',
        '{"cost_in_usd_ticks": 1.5}',
        '{"cost_in_usd_ticks": -1}',
        '{"cost": 0.1, "is_byok": true}',
        '{"cost": 0.1, "is_byok": true, "cost_details": {"upstream_inference_cost": null}}',
        '{"cost": 0.1, "is_byok": true, "cost_details": {"upstream_inference_cost": -1}}',
        '{"cost": 0.1, "is_byok": "true", "cost_details": {"upstream_inference_cost": 1}}',
        '{"cost": 0.1, "is_byok": 1, "cost_details": {"upstream_inference_cost": 1}}',
        '{"cost": {"total_cost": 0.1, "currency": "EUR"}}',
        '{"cost": 0.1, "currency": "CNY"}',
    ],
)
def test_what_is_no_amount_is_none_and_says_why(usage: str) -> None:
    found = stated(usage)
    assert found is not None
    assert found.nano_usd is None
    assert found.fault


@pytest.mark.parametrize("usage", ["{}", '{"cost": null}', '{"cost": {}}', '{"costs": 1}'])
def test_most_answers_state_none(usage: str) -> None:
    assert stated(usage) is None


@given(st.integers(0, 10**18))
def test_an_amount_is_read_from_its_text_and_rounded_once(ticks: int) -> None:
    """No float has so many digits: 1 tick is a tenth of a nano-USD."""
    text = str(Decimal(ticks) / 10**10)
    as_usd, as_ticks = stated(f'{{"cost": {text}}}'), stated(f'{{"cost_in_usd_ticks": {ticks}}}')
    assert as_usd is not None
    assert as_ticks is not None
    exact, rest = divmod(ticks, 10)
    up = rest > 5 or (rest == 5 and exact % 2 == 1)
    assert as_usd.nano_usd == as_ticks.nano_usd == exact + up


def bodies() -> list[tuple[type[Tap], dict[str, Any]]]:
    usage = {**COUNTS, "cost": 0.0132}
    return [
        (ChatBodyTap, {"model": "m", "choices": [], "usage": usage}),
        (ResponsesBodyTap, {"output": [], "usage": {**RESPONSE_COUNTS, "cost": 0.0132}}),
        (EmbeddingsTap, {"data": [], "usage": {"prompt_tokens": 9, "cost": 0.0132}}),
        (EmbeddingsTap, {"data": [0.0123] * 40_000, "usage": {"prompt_tokens": 9, "cost": 0.0132}}),
        (MessagesBodyTap, {"usage": {"input_tokens": 9, "output_tokens": 1, "cost": 0.0132}}),
    ]


@pytest.mark.parametrize(("tap", "body"), bodies())
def test_a_cost_is_read_from_bodies_of_every_endpoint(tap: type[Tap], body: object) -> None:
    made = tap()
    pass_through(made, [json.dumps(body).encode()])
    assert made.stated_cost == StatedCost("cost", NanoUSD(13_200_000))


def test_a_cost_is_read_from_streams_of_every_endpoint() -> None:
    usage = {**COUNTS, "cost": 0.004021}
    chat = read_every_way(ChatStreamTap, sse(chat_chunk(), chat_chunk(None, usage=usage), "[DONE]"))
    response = {"usage": {**RESPONSE_COUNTS, "cost": 0.004021}}
    events = sse({"type": "response.completed", "response": response})
    responses = read_every_way(ResponsesStreamTap, events)
    messages = read_every_way(
        MessagesStreamTap,
        sse(
            {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 9}}},
            {"type": "message_delta", "usage": {"output_tokens": 5, "cost": 0.004021}},
            {"type": "message_stop"},
        ),
    )
    for tap in (chat, responses, messages):
        assert tap.stated_cost is not None
        assert tap.stated_cost.nano_usd == 4_021_000


def test_of_totals_on_every_chunk_the_last_counts() -> None:
    """Perplexity states what a stream has cost so far; a later figure may be lower."""
    costs = [{"total_cost": cost} for cost in (0.006, 0.0093, 0.0091)]
    chunks = [chat_chunk("a", usage={**COUNTS, "cost": cost}) for cost in costs]
    tap = read_every_way(ChatStreamTap, sse(*chunks, "[DONE]"))
    assert tap.stated_cost is not None
    assert tap.stated_cost.nano_usd == 9_100_000


def test_the_end_of_a_phase_is_not_the_end_of_an_answer() -> None:
    """Perplexity ends its reasoning with usage and cost so far, and goes on."""
    so_far = {"prompt_tokens": 100, "completion_tokens": 5, "cost": {"total_cost": 0.006}}
    last = {**COUNTS, "cost": {"total_cost": 0.0093}}
    phase = chat_chunk(None, object="chat.reasoning.done", usage=so_far)
    done = chat_chunk("", object="chat.completion.done", usage=last)
    tap = read_every_way(ChatStreamTap, sse(chat_chunk(), phase, done, "[DONE]"))
    assert tap.stated_cost is not None
    assert tap.stated_cost.nano_usd == 9_300_000
    assert tap.usage is not None
    assert tap.usage.total.output_tokens == 50


def test_usage_may_come_later_than_its_cost() -> None:
    first = chat_chunk(None, usage={"cost": 0.01})
    tap = read_every_way(ChatStreamTap, sse(first, chat_chunk(None, usage=COUNTS), "[DONE]"))
    assert tap.stated_cost is not None
    assert tap.stated_cost.nano_usd == 10_000_000
    assert tap.usage is not None


def test_a_cost_without_counts_leaves_the_usage_unknown() -> None:
    tap = ChatBodyTap()
    pass_through(tap, [b'{"choices": [], "usage": {"cost": 0.01}}'])
    assert tap.usage is None
    assert tap.stated_cost is not None


@pytest.mark.parametrize(
    "body",
    [
        b'{"usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.01, "cost": 0.02}}',
        b'{"usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": {"total_cost": 1,'
        b' "total_cost": 2}}}',
        b'{"usage": {"cost": 0.5}, "usage": {"prompt_tokens": 1, "completion_tokens": 1,'
        b' "cost": 0.01}}',
    ],
)
def test_a_cost_that_is_named_twice_is_none(body: bytes) -> None:
    tap = ChatBodyTap()
    pass_through(tap, [body])
    assert tap.stated_cost == StatedCost("cost", None, "named twice")


def test_the_same_cost_twice_is_one_and_so_is_the_parameter_of_a_tool() -> None:
    twice = b'{"usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.01, "cost": 0.01}}'
    tool = (
        b'{"tools": [{"parameters": {"cost": {"type": "number"}}}],'
        b' "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.01}}'
    )
    for body in (twice, tool):
        tap = ChatBodyTap()
        pass_through(tap, [body])
        assert tap.stated_cost is not None
        assert tap.stated_cost.nano_usd == 10_000_000
