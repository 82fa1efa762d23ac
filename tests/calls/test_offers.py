"""What may be changed about a call so that it fits, and what is sent then (EVA-14)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.calls.gate import Gate, Proposal
from corvus.calls.offers import PlannedOffers
from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.calls.routes import MeteredCall
from corvus.governor.governor import Governor
from corvus.metering.maxima import MAXIMA, THINKING_ROOM
from corvus.metering.provider import Endpoint
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, EMBEDDINGS, RESPONSES
from corvus.model.ladder import Room
from corvus.model.request import Request
from corvus.testing import fake_governor
from tests.metering.spellings import spelt
from tests.properties import examples

CONFIG = """
[cost]
enabled = true

[cost.prices.m]
input = 1
output = 10
reasoning = 12
"""
LEAST = 4_096
ENOUGH = Room(10**18, 10**12)
TEXT = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def governor() -> Iterator[Governor]:
    with fake_governor(CONFIG) as opened:
        yield opened


def described(governor: Governor, plan: Plan) -> Request:
    return governor.request(
        plan.model,
        models=plan.models,
        service_tier=plan.service_tier,
        expected=plan.expected,
        provider=plan.endpoint.kind.value,
    )


def planned(endpoint: Endpoint, body: bytes, *, is_maker: bool = True) -> Plan:
    found = read(endpoint, body)
    assert isinstance(found, Plan), found
    return found.with_maximum(is_maker=is_maker)


def offers(governor: Governor, plan: Plan) -> PlannedOffers:
    return PlannedOffers(plan, lambda form: described(governor, form))


MODELS = {
    MESSAGES: ("claude-sonnet-4-5", "claude-opus-4-8", "m"),
    CHAT: ("gpt-4.1", "gpt-5-mini", "m"),
    RESPONSES: ("gpt-5.4", "m"),
}
OWN = {MESSAGES: "max_tokens", CHAT: "max_completion_tokens", RESPONSES: "max_output_tokens"}


@st.composite
def calls(draw: st.DrawFn) -> tuple[Endpoint, dict[str, Any]]:
    """Return a request with maxima under some names, thinking, several answers."""
    endpoint = draw(st.sampled_from([MESSAGES, CHAT, RESPONSES]))
    root = "input" if endpoint is RESPONSES else "messages"
    document: dict[str, Any] = {"model": draw(st.sampled_from(MODELS[endpoint])), root: TEXT}
    counts = st.integers(1, 200_000)
    document |= draw(st.dictionaries(st.sampled_from(MAXIMA[:4]), counts, max_size=3))
    if draw(st.booleans()):
        document["extra_body"] = {"num_predict": draw(counts), "w\u00f6rd": "  {x}"}
    if draw(st.booleans()):
        document["thinking"] = {"type": "enabled", "budget_tokens": draw(st.integers(1, 60_000))}
    if draw(st.booleans()):
        document["n"] = draw(st.integers(1, 4))
    names = draw(st.permutations([*document]))
    return endpoint, {name: document[name] for name in names}


def lowered(document: dict[str, Any], most: int) -> dict[str, Any]:
    """Lower every maximum of a decoded request."""
    extra = cast(dict[str, Any], document.get("extra_body", {}))
    return {
        name: lowered(extra, most)
        if name == "extra_body"
        else min(value, most)
        if name in MAXIMA
        else value
        for name, value in document.items()
    }


@settings(max_examples=examples(1_000, by_day=50))
@given(st.data(), calls(), st.integers(0, 4 * 10**9), st.integers(1, 300_000), st.booleans())
def test_a_capped_call_costs_at_most_its_room_and_one_token_more_would_not(
    governor: Governor,
    data: st.DataObject,
    call: tuple[Endpoint, dict[str, Any]],
    money: int,
    tokens: int,
    counts_tokens: bool,
) -> None:
    endpoint, document = call
    plan = planned(endpoint, data.draw(spelt(document)).encode())
    room = Room(money, tokens if counts_tokens else None)
    offer = offers(governor, plan).cap(described(governor, plan), room, LEAST)
    least = max(LEAST, plan.thinking_tokens + THINKING_ROOM if plan.thinking_tokens else 0)

    def fits(form: Plan) -> bool:
        amount = described(governor, form).estimate_nano_usd
        used = form.expected(None).total_tokens
        return (amount or 0) <= money and (not counts_tokens or used <= tokens)

    if offer is None:
        assert least > plan.output_tokens or not fits(plan.capped(least))
        return
    assert (offer.request.estimate_nano_usd or 0) <= money
    if offer.output_cap_tokens is None:
        assert fits(plan)
        return
    cap = offer.output_cap_tokens
    assert least <= cap < plan.output_tokens
    assert fits(plan.capped(cap))
    assert cap + 1 == plan.output_tokens or not fits(plan.capped(cap + 1))
    sent = plan.capped(cap).forward(endpoint.kind.value)
    after = json.loads(sent)
    assert {name: after[name] for name in document} == lowered(document, cap)
    added = {name: value for name, value in after.items() if name not in document}
    assert set(added) <= {OWN[endpoint], "max_tokens"}
    assert set(added.values()) <= {cap}
    again = planned(endpoint, sent)
    assert again.stated_tokens is None, "a name of the API's own bounds it"
    assert again.output_tokens <= cap, "no name is left that any vendor could read as more"


@settings(max_examples=examples(200, by_day=20))
@given(st.data(), calls())
def test_a_call_that_fits_keeps_its_bytes(
    governor: Governor, data: st.DataObject, call: tuple[Endpoint, dict[str, Any]]
) -> None:
    endpoint, document = call
    body = data.draw(spelt(document)).encode()
    plan = planned(endpoint, body)
    offer = offers(governor, plan).cap(described(governor, plan), ENOUGH, 1)
    assert offer is None or offer.output_cap_tokens is None
    if plan.reading.maximum_tokens is not None:
        assert plan.forward() == body


@pytest.mark.parametrize(
    ("endpoint", "model", "is_maker", "stated"),
    [
        (CHAT, "gpt-4.1", True, None),
        (RESPONSES, "gpt-5.4-2026-03-05", True, None),
        (CHAT, "gpt-4.1", False, 32_768),
        (CHAT, "gpt-9", True, 128_000),
        (CHAT, "who", True, 8_192),
        (MESSAGES, "claude-sonnet-4-5", True, 64_000),
    ],
)
def test_a_maximum_is_stated_only_where_nobody_else_vouches_for_one(
    endpoint: Endpoint, model: str, is_maker: bool, stated: int | None
) -> None:
    body = json.dumps({"model": model}).encode()
    plan = planned(endpoint, body, is_maker=is_maker)
    assert plan.stated_tokens == stated
    assert plan.output_tokens == (stated or {"gpt-4.1": 32_768}.get(model, 128_000))
    assert (plan.forward() == body) == (stated is None)


def test_of_several_models_that_may_answer_the_longest_answer_is_held() -> None:
    plan = planned(CHAT, b'{"model":"gpt-4.1","models":["gpt-5-mini","gpt-4o"]}')
    assert (plan.output_tokens, plan.stated_tokens) == (128_000, None)
    one_unknown = planned(CHAT, b'{"model":"gpt-4.1","models":["gpt-5-mini","who"]}')
    assert one_unknown.stated_tokens == 8_192


def test_a_cap_does_not_cut_into_a_budget_for_thinking(governor: Governor) -> None:
    document: dict[str, Any] = {"model": "m", "max_tokens": 32_000, "messages": TEXT}
    document["thinking"] = {"type": "enabled", "budget_tokens": 20_000}
    plan = planned(MESSAGES, json.dumps(document).encode())
    least = described(governor, plan.capped(21_024)).estimate_nano_usd
    assert least is not None
    found = offers(governor, plan)
    request = described(governor, plan)
    offer = found.cap(request, Room(least), LEAST)
    assert offer is not None
    assert offer.output_cap_tokens == 21_024
    assert found.cap(request, Room(least - 1), LEAST) is None


def test_nothing_can_be_lowered_about_embeddings(governor: Governor) -> None:
    plan = planned(EMBEDDINGS, b'{"model":"m","input":"x"}')
    found = offers(governor, plan)
    assert found.cap(described(governor, plan), Room(0), 1) is None
    assert found.downgrade("text-embedding-3-small") is None


CLAUDE: dict[str, Any] = {
    "model": "claude-opus-4-8",
    "max_tokens": 32_000,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "messages": TEXT,
    "metadata": {"user_id": "u"},
    "stream": True,
    "tools": [{"name": "bash", "description": "d", "input_schema": {"type": "object"}}],
}
HAIKU = "claude-haiku-5-5"
THOUGHT = {
    "role": "assistant",
    "content": [{"type": "thinking", "thinking": "", "signature": "s"}],
}


def downgraded(document: dict[str, Any], model: str, endpoint: Endpoint = MESSAGES) -> Plan | None:
    return planned(endpoint, json.dumps(document).encode()).downgraded(model)


@settings(max_examples=examples(200, by_day=20))
@given(st.data())
def test_a_downgraded_call_differs_in_the_name_of_its_model_alone(
    governor: Governor, data: st.DataObject
) -> None:
    names = data.draw(st.permutations([*CLAUDE]))
    text = data.draw(spelt({name: CLAUDE[name] for name in names})).encode()
    plan = planned(MESSAGES, text)
    offer = offers(governor, plan).downgrade(HAIKU)
    assert offer is not None
    form = offers(governor, plan).form(HAIKU)
    assert form is not None
    sent = form.forward()
    assert json.loads(sent) == {**CLAUDE, "model": HAIKU}
    name = json.dumps(HAIKU).encode()
    before, _, after = sent.partition(name)
    assert text.startswith(before)
    assert text.endswith(after)
    again = planned(MESSAGES, sent)
    assert again.input_tokens <= form.input_tokens + len(HAIKU), "a name is no input"
    assert (offer.request.model, offer.output_cap_tokens) == (HAIKU, None)


CLAUDE_CASES: list[tuple[dict[str, Any], str, bool]] = [
    ({}, HAIKU, True),
    ({}, "claude-haiku-4-5-20251001", True),
    ({}, "claude-opus-4-8", False),
    ({}, "claude-haiku-9", False),
    ({}, "gpt-5-mini", False),
    ({}, "anthropic/claude-haiku-5-5", False),
    ({"thinking": {"type": "adaptive"}}, HAIKU, True),
    ({"thinking": {"type": "adaptive"}}, "claude-haiku-4-5", False),
    ({"thinking": {"type": "enabled", "budget_tokens": 2_000}}, "claude-haiku-4-5", True),
    ({"thinking": {"type": "enabled", "budget_tokens": 2_000}}, HAIKU, False),
    ({"thinking": {"type": "adaptive", "new": 1}}, HAIKU, False),
    ({"output_config": {"effort": "high"}}, HAIKU, True),
    ({"output_config": {"effort": "high"}}, "claude-haiku-4-5", False),
    ({"output_config": {"effort": "unheard"}}, HAIKU, False),
    ({"temperature": 1}, HAIKU, True),
    ({"temperature": 0.2}, HAIKU, False),
    ({"temperature": 0.2}, "claude-sonnet-4-5", True),
    ({"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}, HAIKU, True),
    ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, HAIKU, False),
    ({"unheard_of": 1}, HAIKU, False),
    ({"unheard_of": None}, HAIKU, True),
    ({"speed": "fast"}, HAIKU, False),
    ({"service_tier": "priority"}, HAIKU, False),
    ({"service_tier": "auto"}, HAIKU, True),
    ({"inference_geo": "us"}, HAIKU, False),
    ({"fallbacks": [{"model": "claude-haiku-4-5"}]}, HAIKU, False),
    ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, HAIKU, False),
    ({"tools": [{"name": "x", "input_schema": {}, "defer_loading": True}]}, HAIKU, False),
    ({"tool_choice": {"type": "any"}}, HAIKU, True),
    ({"tool_choice": {"type": "any"}}, "claude-sonnet-5-5", False),
    ({"mcp_servers": [{"url": "https://x"}]}, HAIKU, False),
    ({"messages": [*TEXT, {"role": "assistant", "content": "So"}]}, HAIKU, False),
    (
        {"messages": [*TEXT, {"role": "assistant", "content": "So"}]},
        "claude-haiku-4-5",
        True,
    ),
    ({"messages": [*TEXT, {"role": "system", "content": "So"}, *TEXT]}, HAIKU, True),
    ({"messages": [*TEXT, {"role": "system", "content": "So"}, *TEXT]}, "claude-opus-4-6", False),
    ({"messages": [*TEXT, THOUGHT, *TEXT]}, HAIKU, True),
    ({"max_tokens": 120_000, "system": "x" * 600_000}, "claude-haiku-4-5", False),
    ({"system": "x" * 600_000}, HAIKU, True),
]


@pytest.mark.parametrize(("more", "model", "may"), CLAUDE_CASES)
def test_a_call_is_downgraded_only_where_all_that_it_uses_is_known_to_exist(
    more: dict[str, Any], model: str, may: bool
) -> None:
    assert (downgraded({**CLAUDE, **more}, model) is not None) == may


CLAUDE_CODE = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,thinking-token-count-2026-05-13,"
    "context-management-2025-06-27,prompt-caching-scope-2026-01-05,"
    "mid-conversation-system-2026-04-07,effort-2025-11-24"
)
"""What Claude Code 2.1 sends with Opus 4.8, and with Haiku 5.5."""


@pytest.mark.parametrize(
    ("header", "model", "may"),
    [
        (CLAUDE_CODE, HAIKU, True),
        (CLAUDE_CODE, "claude-haiku-4-5", False),
        ("prompt-caching-2024-07-31", "claude-haiku-4-5", True),
        ("context-1m-2025-08-07", HAIKU, False),
        (" , ", HAIKU, True),
        ("unheard-of-2027-01-01", HAIKU, False),
    ],
)
def test_what_a_header_switches_on_is_a_feature_too(
    governor: Governor, header: str, model: str, may: bool
) -> None:
    place = MeteredCall(MESSAGES, MESSAGES.path).with_headers(lambda _: header)
    proposal = Gate(governor).propose(place, json.dumps(CLAUDE).encode())
    assert isinstance(proposal, Proposal)
    assert (proposal.plan.downgraded(model) is not None) == may


GPT: dict[str, Any] = {"model": "gpt-5.4", "input": TEXT, "store": False, "stream": True}


GPT_CASES: list[tuple[dict[str, Any], str, bool]] = [
    ({}, "gpt-5.4-mini", True),
    ({}, "gpt-4.1-mini", True),
    ({}, "claude-haiku-4-5", False),
    ({"reasoning": {"effort": "medium", "summary": "auto"}}, "gpt-5.4-mini", True),
    ({"reasoning": {"effort": "medium"}}, "gpt-4.1-mini", False),
    ({"reasoning": {"context": "all_turns"}}, "gpt-5.4-mini", True),
    ({"reasoning": {"context": "all_turns"}}, "gpt-5-mini", False),
    ({"input": [*TEXT, {"type": "additional_tools", "tools": []}]}, "gpt-5.4-mini", False),
    ({"reasoning": {"effort": "minimal"}}, "gpt-5.4-mini", False),
    ({"reasoning": {"effort": "xhigh"}}, "gpt-5-mini", False),
    ({"include": ["reasoning.encrypted_content"]}, "gpt-5.4-mini", True),
    ({"include": ["web_search_call.results"]}, "gpt-5.4-mini", False),
    ({"input": [*TEXT, {"type": "reasoning", "encrypted_content": "e"}]}, "gpt-5-mini", False),
    ({"previous_response_id": "resp_1"}, "gpt-5.4-mini", False),
    ({"tools": [{"type": "custom", "name": "apply_patch"}]}, "gpt-5.4-mini", True),
    ({"tools": [{"type": "custom", "name": "apply_patch"}]}, "gpt-4.1-mini", False),
    ({"tools": [{"type": "web_search"}]}, "gpt-5.4-mini", False),
    ({"text": {"verbosity": "low"}}, "gpt-5.4-mini", True),
    ({"text": {"verbosity": "low"}}, "gpt-4o-mini", False),
    ({"temperature": 0.5}, "gpt-4o-mini", True),
    ({"temperature": 0.5}, "gpt-5-mini", False),
]


@pytest.mark.parametrize(("more", "model", "may"), GPT_CASES)
def test_reasoning_and_tools_of_openai_are_features_too(
    more: dict[str, Any], model: str, may: bool
) -> None:
    assert (downgraded({**GPT, **more}, model, RESPONSES) is not None) == may


def test_a_model_that_is_served_by_responses_alone_takes_no_chat() -> None:
    chat = {"model": "gpt-5.4", "messages": TEXT, "max_completion_tokens": 9}
    assert downgraded(chat, "gpt-5.1-codex-mini", CHAT) is None
    assert downgraded(chat, "gpt-5-mini", CHAT) is not None
    older = {"model": "gpt-4.1", "messages": TEXT, "max_tokens": 9}
    assert downgraded(older, "gpt-5-mini", CHAT) is None
    assert downgraded(older, "gpt-4o-mini", CHAT) is not None


def test_a_maximum_beyond_the_other_model_is_lowered_to_what_it_can_write(
    governor: Governor,
) -> None:
    plan = planned(MESSAGES, json.dumps({**CLAUDE, "max_tokens": 128_000}).encode())
    found = offers(governor, plan)
    offer = found.downgrade("claude-haiku-4-5")
    assert offer is not None
    assert offer.output_cap_tokens == 64_000
    form = found.form("claude-haiku-4-5", 64_000)
    assert form is not None
    expected = {**CLAUDE, "model": "claude-haiku-4-5", "max_tokens": 64_000}
    assert json.loads(form.forward()) == expected
    further = found.cap(offer.request, Room((offer.request.estimate_nano_usd or 0) // 2), LEAST)
    assert further is not None
    assert further.request.model == "claude-haiku-4-5"
    assert LEAST <= (further.output_cap_tokens or 0) < 64_000


def test_thinking_beyond_what_the_other_model_can_write_is_for_no_other_model() -> None:
    thinking = {"type": "enabled", "budget_tokens": 63_500}
    body = {**CLAUDE, "model": "claude-opus-4-6", "max_tokens": 100_000, "thinking": thinking}
    assert downgraded(body, "claude-sonnet-4-5") is None


def test_a_call_without_a_maximum_is_held_for_the_limit_of_the_model_that_is_called() -> None:
    plan = planned(RESPONSES, json.dumps(GPT).encode())
    assert (plan.output_tokens, plan.stated_tokens) == (128_000, None)
    cheaper = plan.downgraded("gpt-4.1-mini")
    assert cheaper is not None
    assert (cheaper.output_tokens, cheaper.stated_tokens) == (32_768, None)
    assert json.loads(cheaper.forward()) == {**GPT, "model": "gpt-4.1-mini"}


def test_pictures_are_counted_as_the_other_model_counts_them() -> None:
    picture = {
        "type": "input_image",
        "image_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAYAAAB/HSuD",
    }
    document = {**GPT, "input": [{"role": "user", "content": [picture]}]}
    plan = planned(RESPONSES, json.dumps(document).encode())
    cheaper = plan.downgraded("gpt-4o-mini")
    assert cheaper is not None
    assert cheaper.input_tokens > plan.input_tokens, "that family asks thirty times as many"
    again = planned(RESPONSES, cheaper.forward())
    assert abs(again.input_tokens - cheaper.input_tokens) < 5, "a name is no input"


def test_a_model_without_a_price_is_not_offered() -> None:
    with fake_governor(CONFIG) as governor:
        plan = planned(MESSAGES, json.dumps(CLAUDE).encode())
        found = PlannedOffers(
            plan, lambda form: governor.request(form.model, provider="nobody", input_tokens=1)
        )
        assert found.downgrade(HAIKU) is None
