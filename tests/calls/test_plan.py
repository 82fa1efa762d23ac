"""What a request may cost at most, read from what was decoded (PRC-7), and what is forwarded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.calls.routes import Unreadable
from corvus.metering.content import NODES_MAX
from corvus.metering.maxima import ANSWERS, COUNT_MAX, MAXIMA
from corvus.metering.members import MEMBERS_MAX
from corvus.metering.models import MOST_OUTPUT_TOKENS
from corvus.metering.provider import Endpoint
from corvus.metering.providers import ENDPOINTS
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, EMBEDDINGS, RESPONSES
from tests.metering.spellings import spelt

CLEARING = {"type": "clear_thinking_20251015", "keep": "all"}
CHATTY = (CHAT, RESPONSES, MESSAGES)


def plan(endpoint: Endpoint = CHAT, **members: object) -> Plan:
    found = read(endpoint, json.dumps({"model": "m", **members}).encode())
    assert isinstance(found, Plan), found
    return found


def code(body: bytes, endpoint: Endpoint = CHAT) -> str:
    found = read(endpoint, body)
    assert isinstance(found, Unreadable), found
    return found.code


def most(found: Plan, stated: int = MOST_OUTPUT_TOKENS) -> int:
    """Return the bound of all output."""
    plan = found.stating(stated) if found.max_output_tokens is None else found
    usage = plan.expected(None)
    return usage.output_tokens + usage.reasoning_tokens


counts = st.integers(1, COUNT_MAX)


@given(
    st.sampled_from(CHATTY),
    st.dictionaries(st.sampled_from(MAXIMA), counts, max_size=5),
    st.dictionaries(st.sampled_from(ANSWERS), st.integers(1, 100), max_size=3),
    st.none() | st.integers(1, 100_000),
)
def test_no_vendor_writes_more_than_is_held_whichever_names_it_reads(
    endpoint: Endpoint, maxima: dict[str, int], answers: dict[str, int], thinking: int | None
) -> None:
    told = {"thinking": {"budget_tokens": thinking}, "reasoning": {"max_tokens": thinking}}
    found = plan(endpoint, **maxima, **answers, **(told if thinking else {}))
    bounded = found if found.max_output_tokens else found.stating(MOST_OUTPUT_TOKENS)
    forwarded: dict[str, int] = json.loads(bounded.forward())
    assert any(forwarded.get(name) for name in endpoint.maxima)
    for name in (*maxima, *endpoint.maxima):
        if forwarded.get(name):
            for number in (1, *answers.values()):
                assert most(found) >= max(forwarded[name], thinking or 0) * number


@pytest.mark.parametrize("endpoint", CHATTY)
@pytest.mark.parametrize("group", ["options", "generation_config", "extra_body", "parameters"])
def test_a_maximum_inside_an_object_of_options_counts(endpoint: Endpoint, group: str) -> None:
    name = next(iter(endpoint.maxima))
    found = plan(endpoint, **{name: 1, group: {"num_predict": 900, "n": 2}})
    assert most(found) == 1800


@pytest.mark.parametrize("endpoint", CHATTY)
def test_only_a_name_of_the_endpoints_own_api_bounds_a_request(endpoint: Endpoint) -> None:
    found = plan(endpoint, max_new_tokens=5)
    assert found.max_output_tokens is None
    assert most(found) == MOST_OUTPUT_TOKENS


@pytest.mark.parametrize("name", [*MAXIMA, *ANSWERS])
@pytest.mark.parametrize(
    "value",
    ["0", "-1", "1.5", "true", '"8"', "[]", "{}", "10000001", "1e400", "9" * 50, "99999999999"],
)
def test_a_count_that_may_mean_no_limit_is_refused(name: str, value: str) -> None:
    assert code(f'{{"model": "m", "{name}": {value}}}'.encode()) == "maximum_invalid"


@pytest.mark.parametrize("value", ["6000", "6000.0", "6e3", "60.00E2"])
def test_every_spelling_of_a_number_is_that_number(value: str) -> None:
    found = read(CHAT, f'{{"model": "m", "max_tokens": {value}}}'.encode())
    assert isinstance(found, Plan)
    assert found.max_output_tokens == 6000


def test_null_is_as_if_it_were_not_there() -> None:
    found = plan(max_tokens=None, n=None, stream=None, background=None, models=None)
    assert (found.max_output_tokens, found.choices, found.is_stream) == (None, 1, False)


@pytest.mark.parametrize("name", ["team-chat", "Team-Chat", "TEAM-CHAT"])
def test_a_deployment_is_the_same_in_capitals(name: str) -> None:
    found = plan(model=name).deployed_as({"Team-chat": "gpt-5-pro"})
    assert (found.model, found.models) == ("gpt-5-pro", ("gpt-5-pro",))


@pytest.mark.parametrize(
    ("endpoint", "model", "provider", "name"),
    [
        (CHAT, "gpt-5-mini", "openai", "max_completion_tokens"),
        (CHAT, "o3", None, "max_completion_tokens"),
        (CHAT, "ft:gpt-4o-2024-08-06:x::y", "azure", "max_completion_tokens"),
        (CHAT, "openai/gpt-5", "openrouter", "max_tokens"),
        (CHAT, "gpt-oss-20b", "openai", "max_tokens"),
        (CHAT, "mistral-large-latest", "mistral", "max_tokens"),
        (CHAT, "demo", "openai", "max_tokens"),
        (RESPONSES, "gpt-5", "openai", "max_output_tokens"),
        (MESSAGES, "claude-sonnet-4-5", "anthropic", "max_tokens"),
    ],
)
def test_a_maximum_is_stated_under_the_name_that_is_read(
    endpoint: Endpoint, model: str, provider: str | None, name: str
) -> None:
    found = plan(endpoint, model=model)
    sent = json.loads(found.stating(77).forward(provider))
    assert sent == {"model": model, name: 77}


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-3-opus-20240229", 4_096),
        ("claude-3-5-sonnet-20241022", 8_192),
        ("claude-opus-4-20250514", 32_000),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-opus-4-1", 32_000),
        ("claude-opus-4-5-20251101", 64_000),
        ("claude-sonnet-4-20250514", 64_000),
        ("anthropic/claude-sonnet-4", 64_000),
        ("claude-haiku-4-5", 64_000),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 64_000),
        ("claude-opus-4-7", 128_000),
        ("claude-opus-5", 128_000),
        ("gpt-4o-mini", 16_384),
        ("gpt-4.1", 32_768),
        ("openai/gpt-5.1", 128_000),
        ("gpt-5-chat-latest", 16_384),
        ("o4-mini", 100_000),
        ("o1-mini-2024-09-12", 65_536),
        ("demo", MOST_OUTPUT_TOKENS),
        ("claudette", MOST_OUTPUT_TOKENS),
    ],
)
def test_what_is_stated_is_the_models_own_limit(model: str, most: int) -> None:
    assert plan(model=model).with_maximum(is_maker=False).stated_tokens == most


def test_of_several_models_the_smallest_limit_is_stated() -> None:
    found = plan(model="gpt-4.1", models=["gpt-4o", "gpt-5"])
    assert found.with_maximum(is_maker=False).stated_tokens == 16_384


@pytest.mark.parametrize(
    ("members", "models"),
    [
        ({"models": ["m", "a"]}, ("m", "a")),
        ({"fallbacks": [{"model": "a"}, "b"]}, ("m", "a", "b")),
        ({"fallbacks": [{"a": ["b"]}]}, ("m", "a", "b")),
        ({"fallback_models": "a"}, ("m", "a")),
        ({"tools": [{"type": "advisor_20260301", "model": "a"}]}, ("m", "a")),
        ({}, ("m",)),
    ],
)
def test_all_models_that_may_answer_are_known(
    members: dict[str, object], models: tuple[str, ...]
) -> None:
    found = plan(CHAT, **members)
    assert found.models[0] == "m"
    assert set(found.models) == set(models)


@pytest.mark.parametrize("value", [1, True, [1], {"a": 3}, [f"m{i}" for i in range(200)]])
def test_a_list_of_models_that_cannot_be_read_is_refused(value: object) -> None:
    assert code(json.dumps({"model": "m", "models": value}).encode()) == "json_invalid"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "json_invalid"),
        (b"[]", "json_invalid"),
        (b"nonsense", "json_invalid"),
        (b"\xff\xfe", "json_invalid"),
        (b'{"a":' * 100_000, "json_invalid"),
        (b'{"model":"m","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json_invalid"),
        ('{"model":"m"}'.encode("utf-16"), "json_invalid"),
        ('{"model":"m"}'.encode("utf-16-le"), "json_invalid"),
        ('{"model":"m"}'.encode("utf-32"), "json_invalid"),
        (b'\xef\xbb\xbf{"model":"m"}', "json_invalid"),
        (b'{"model":"m","x":"\xff"}', "json_invalid"),
        (b'{"model":"m","x":"\xed\xa0\x80"}', "json_invalid"),
        (b'{"model":"\\ud800"}', "json_invalid"),
        (b'{"model":"m","stream":"yes"}', "json_invalid"),
        (b'{"model":"m","messages":[1]}', "json_invalid"),
        (b"{}", "model_missing"),
        (b'{"model":7}', "json_invalid"),
        (b'{"model":"","x":1}', "model_missing"),
        (b'{"model":"m","model":"m"}', "json_ambiguous"),
        (b'{"model":"m","mode\\u006c":"k"}', "json_ambiguous"),
        (b'{"model":"m","x":1,"x":2}', "json_ambiguous"),
        (b'{"model":"m","Model":"k"}', "json_ambiguous"),
        (b'{"model":"m","max_token\\u017f":9}', "json_ambiguous"),
        (b'{"model":"m","stream_options":{"include_usage":1,"include_usage":2}}', "json_ambiguous"),
        (b'{"model":"m","thinking":{"budget_tokens":1,"budget_tokens":2}}', "json_ambiguous"),
        (b'{"model":"m","cache_control":{"ttl":"1h","ttl":"5m"}}', "json_ambiguous"),
        (b'{"model":"m","background":true}', "background_refused"),
        (b'{"model":"m","\\u0062ackground":true}', "background_refused"),
        (b'{"model":"m","background":"true"}', "background_refused"),
        (b'{"model":"m","background":1}', "background_refused"),
    ],
)
def test_what_two_parsers_may_read_in_two_ways_is_refused(body: bytes, expected: str) -> None:
    assert code(body, RESPONSES) == expected


def test_more_members_than_anybody_needs_are_refused_before_they_are_kept() -> None:
    many = {f"k{number}": 1 for number in range(MEMBERS_MAX)}
    assert code(json.dumps({"model": "m", **many}).encode()) == "json_invalid"


def test_words_inside_texts_decide_nothing() -> None:
    text = 'say "background": true, "speed": "fast", "ttl": "1h", "cache_control": {}, "n": 9'
    found = plan(MESSAGES, messages=[{"role": "user", "content": text}], max_tokens=5)
    assert (found.service_tier, found.choices, found.input_kinds) == (None, 1, ())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["messages", "input", "tools", "system", "models", "stream_options", "thinking", "n", "options"]
)


@given(st.dictionaries(NAMES | st.text(), VALUES), st.sampled_from(ENDPOINTS), st.binary())
def test_no_body_makes_reading_raise(
    members: dict[str, Any], endpoint: Endpoint, noise: bytes
) -> None:
    body = json.dumps({"model": "m", **members}).encode()
    for text in (body, noise, body[:-1], body.replace(b" ", noise, 1)):
        assert isinstance(read(endpoint, text), Plan | Unreadable)


@given(st.data())
def test_every_spelling_of_a_request_is_read_alike(data: st.DataObject) -> None:
    request = {
        "model": "m",
        "models": ["a", "m"],
        "max_tokens": 7,
        "n": 2,
        "stream": True,
        "service_tier": "flex",
        "thinking": {"budget_tokens": 9},
        "cache_control": {"ttl": "1h"},
        "tools": [{"type": "web_search", "max_uses": 3}],
    }
    names = data.draw(st.permutations([*request]))
    text = data.draw(spelt({name: request[name] for name in names}))
    found = read(CHAT, text.encode())
    assert isinstance(found, Plan)
    expected = plan(CHAT, **request)
    for name in Plan.__slots__:
        if name not in ("reading", "input_tokens"):
            assert getattr(found, name) == getattr(expected, name), name
    assert json.loads(found.forward()) == {**request, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("body", "asking"),
    [
        (
            '{"model":"m","stream":true}',
            '{"stream_options":{"include_usage":true},"model":"m","stream":true}',
        ),
        (
            ' { "model":"m","stream" : true , "stream_options" : { "a" : 1 } , "top_p" : 1.10 } ',
            ' { "model":"m","stream" : true , "stream_options" : {"include_usage":true, "a" : 1 }'
            ' , "top_p" : 1.10 } ',
        ),
        (
            '{"model":"m","stream_options":null,"stream":true}',
            '{"model":"m","stream_options":{"include_usage":true},"stream":true}',
        ),
        (
            '{"x":{"stream_options":3},"y":"stream_options","stream":true,"model":"m"}',
            '{"stream_options":{"include_usage":true},'
            '"x":{"stream_options":3},"y":"stream_options","stream":true,"model":"m"}',
        ),
    ],
)
def test_usage_is_asked_for_and_every_other_byte_stays(body: str, asking: str) -> None:
    found = read(CHAT, body.encode())
    assert isinstance(found, Plan)
    assert found.forward().decode() == asking


def test_a_maximum_takes_the_place_of_a_null_of_its_name() -> None:
    found = read(CHAT, b'{"model":"m", "max_tokens" : null,"x":1}')
    assert isinstance(found, Plan)
    assert found.stating(5).forward("mistral") == b'{"model":"m", "max_tokens" : 5,"x":1}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","stream":false,"max_tokens":1}',
        b' {"model" : "m","stream":true,"stream_options":{"include_usage":true}}',
    ],
)
def test_a_request_that_needs_no_change_stays_as_it_is(body: bytes) -> None:
    found = read(CHAT, body)
    assert isinstance(found, Plan)
    assert found.forward() == body


@pytest.mark.parametrize(
    "members",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"context_management": {"edits": []}},
        {"context_management": [{"type": "compaction"}]},
        {"context_management": {"edits": [{"type": "compact_20260112"}]}},
        {"context_management": {"edits": [CLEARING, {"type": "clear_thinking_20991231"}]}},
        {"context_management": {"edits": [CLEARING, {"Type": "compact_20260112"}]}},
        {"context_management": {"edits": [CLEARING, CLEARING | {"summary": True}]}},
        {"context_management": {"edits": [CLEARING], "compact": True}},
        {"tools": [{"type": "function"}, {"type": "web_search_20250305"}]},
        {"input": [{"type": "message", "content": [{"type": "input_file", "file_id": "f"}]}]},
        {"messages": [{"content": [{"type": "document", "source": {"url": "HTTPS://x/y"}}]}]},
    ],
)
def test_input_that_is_not_in_the_request_is_bounded_beside_it(members: dict[str, object]) -> None:
    assert plan(RESPONSES, **members).input_tokens > 30_000


def test_a_context_that_is_only_cleared_is_bounded_by_its_bytes() -> None:
    """Claude Code 2.1 sends this with every request."""
    edits = [CLEARING, {"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses"}}]
    cleared = plan(MESSAGES, context_management={"edits": edits})
    assert cleared.input_tokens < plan(MESSAGES).input_tokens + 100


def test_an_edit_of_the_context_that_may_be_read_in_two_ways_is_refused() -> None:
    body = (
        b'{"model":"m","max_tokens":1,"context_management":{"edits":'
        b'[{"type":"compact_20260112","type":"clear_thinking_20251015"}]}}'
    )
    found = read(MESSAGES, body)
    assert isinstance(found, Unreadable)
    assert found.code == "json_ambiguous"


def test_embeddings_have_no_output_and_take_tokens_for_text() -> None:
    found = plan(EMBEDDINGS, input=[[1, 2] * 500])
    assert (found.max_output_tokens, most(found)) == (0, 0)
    assert found.input_tokens >= 1_000


@pytest.mark.parametrize(
    ("members", "tier"),
    [
        ({"service_tier": "auto"}, None),
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "turbo"}, "turbo"),
        ({"speed": "fast", "service_tier": "flex"}, "fast"),
        ({"speed": "standard"}, None),
    ],
)
def test_a_tier_that_is_not_the_usual_one_shows(
    members: dict[str, object], tier: str | None
) -> None:
    assert plan(CHAT, **members).service_tier == tier


@pytest.mark.parametrize(
    "inside",
    [
        '"models":[%s]',
        '"fallbacks":[%s]',
        '"stream_options":{"x":[%s]}',
        '"cache_control":{"ttl":[%s]}',
        '"messages":[%s]',
        '"messages":[{"content":[%s]}]',
        '"input":[{"content":[{"output":[%s]}]}]',
        '"tools":[%s]',
    ],
)
def test_a_part_that_decides_is_never_built_without_bound(inside: str) -> None:
    body = '{"model":"m","max_tokens":1,' + inside % ",".join(['{"a":1}'] * 120_000) + "}"
    found = read(CHAT, body.encode())
    if isinstance(found, Plan):  # what is only looked at
        assert "ttl" not in inside
    else:
        assert found.code == "json_invalid"


SMALL = ",".join(['{"a":1}'] * 600_000)


@pytest.mark.parametrize(
    "member",
    [
        f'"metadata":[{SMALL}]',
        f'"metadata":{{"a":[{SMALL}]}}',
        f'"user":"x","m1":[{SMALL[: 8 * 300_000 - 1]}],"m2":[{SMALL[: 8 * 300_000 - 1]}]',
        '"metadata":[' + ",".join(["1"] * 1_100_000) + "]",
        f'"messages":[{{"role":"user","content":"x","z":[{",".join([SMALL] * 2)}]}}]',
    ],
    ids=["list", "inside an object", "in two members", "numbers", "inside a message"],
)
def test_more_values_than_any_honest_request_has_are_refused(member: str) -> None:
    """PRX-10: they are refused by a count, before anything is decoded."""
    found = read(CHAT, f'{{"model":"m","max_tokens":5,{member}}}'.encode())
    assert isinstance(found, Unreadable)
    assert (found.status, found.code) == (413, "body_too_complex")


def test_long_contexts_of_code_and_prose_are_no_values() -> None:
    code = 'def f(a, b, c=[1, {2}]):\n    return "a", "b", {"k": [a, b]}\n' * 150
    turns = [{"role": "user", "content": code}, {"role": "assistant", "content": [{"text": code}]}]
    body = json.dumps({"model": "m", "max_tokens": 5, "system": code, "messages": turns * 500})
    assert len(body) > 8_000_000
    assert body.count(",") > 900_000
    assert body.count("[") + body.count("{") > 400_000
    assert isinstance(read(CHAT, body.encode()), Plan)


@pytest.mark.parametrize("name", ["extra_body", "options", "thinking"])
def test_an_object_of_options_is_no_place_for_megabytes(name: str) -> None:
    body = json.dumps({"model": "m", "messages": [], name: {"x": "y" * 70_000}}).encode()
    found = read(CHAT, body)
    assert isinstance(found, Unreadable)
    assert found.code == "json_invalid"


def test_a_request_of_more_parts_than_any_session_has_is_refused() -> None:
    parts = ",".join(['{"type":"text","cache_control":{"ttl":"1h"}}'] * NODES_MAX)
    body = f'{{"model":"m","max_tokens":5,"messages":[{{"content":[{parts}]}}]}}'.encode()
    assert code(body, MESSAGES) == "json_invalid"
