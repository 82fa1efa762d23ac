"""What a request to Google's models may cost at most, however it is spelt (PRC-7, EVA-14)."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.calls.plan import UNSEEN_TOKENS, Plan
from corvus.calls.reading import read
from corvus.calls.routes import Unreadable
from corvus.metering.content import NODES_MAX
from corvus.metering.media import PICTURES, READ_KINDS, WRITTEN_KINDS
from corvus.metering.provider import Endpoint
from corvus.metering.providers import ENDPOINTS, most_output_of
from corvus.model.gateway import Kind
from corvus.model.price import Price
from corvus.model.usage import TokenKind, Usage
from corvus.prices.cost import cost, estimate
from corvus.prices.lookup import PriceBooks

GENERATE, STREAM, EMBED, BATCH = (
    next(one for one in ENDPOINTS if one.kind is Kind.GEMINI and one.path.endswith(f":{verb}"))
    for verb in ("generateContent", "streamGenerateContent", "embedContent", "batchEmbedContents")
)
SAY: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
WRITING = pytest.mark.parametrize("endpoint", [GENERATE, STREAM])


def asked(body: object, endpoint: Endpoint = GENERATE, model: str = "demo") -> Plan | Unreadable:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(endpoint, text, model=model)


def plan(body: object, endpoint: Endpoint = GENERATE, model: str = "demo") -> Plan:
    found = asked(body, endpoint, model)
    assert isinstance(found, Plan), found
    return found


def code(body: object, endpoint: Endpoint = GENERATE) -> str:
    found = asked(body, endpoint)
    assert isinstance(found, Unreadable), found
    return found.code


def parts(*some: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"parts": list(some)}]}


def png(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)
    return base64.b64encode(head + bytes(4000)).decode()


PDF = base64.b64encode(
    b"%PDF-1.4\n1 0 obj<</Type/Pages/Count 1/Kids[2 0 R]>>endobj 2 0 obj<</Type/Page>>endobj"
).decode()


@WRITING
def test_the_maximum_is_that_of_the_config_of_the_answer(endpoint: Endpoint) -> None:
    body = {**SAY, "generationConfig": {"maxOutputTokens": 200, "candidateCount": 3}}
    found = plan(body, endpoint)
    assert (found.max_output_tokens, found.choices) == (200, 3)
    assert found.forward() == json.dumps(body).encode()
    assert found.is_stream == (endpoint is STREAM)
    assert found.model == "demo"


@given(st.lists(st.integers(1, 9_999), min_size=4, max_size=4))
def test_of_all_spellings_the_largest_counts(told: list[int]) -> None:
    body = {
        **SAY,
        "generationConfig": {"maxOutputTokens": told[0], "max_output_tokens": told[1]},
        "generation_config": {"maxOutputTokens": told[2], "max_output_tokens": told[3]},
    }
    assert plan(body).max_output_tokens == max(told)


def test_a_maximum_in_another_place_bounds_nothing() -> None:
    assert plan({**SAY, "maxOutputTokens": 5}).max_output_tokens is None
    assert plan({**SAY, "generationConfig": {"maxTokens": 5}}).max_output_tokens is None


@pytest.mark.parametrize(
    ("body", "forwarded"),
    [
        (b'{"contents": []}', b'{"generationConfig":{"maxOutputTokens":77},"contents": []}'),
        (
            b'{"contents": [], "generationConfig": {"topK": 1.0}}',
            b'{"contents": [], "generationConfig": {"maxOutputTokens":77,"topK": 1.0}}',
        ),
        (
            b'{"generation_config": {"top_k": 1}, "contents": []}',
            b'{"generation_config": {"maxOutputTokens":77,"top_k": 1}, "contents": []}',
        ),
        (
            b'{"generationConfig": null, "contents": []}',
            b'{"generationConfig": {"maxOutputTokens":77}, "contents": []}',
        ),
        (
            b'{"generationConfig": {}, "generation_config": {}}',
            b'{"generationConfig": {"maxOutputTokens":77}, '
            b'"generation_config": {"maxOutputTokens":77}}',
        ),
    ],
)
def test_a_maximum_is_stated_where_the_answer_is_configured(body: bytes, forwarded: bytes) -> None:
    assert plan(body).stating(77).forward() == forwarded


def test_every_maximum_is_lowered_however_it_is_spelt() -> None:
    config = {"maxOutputTokens": 900, "max_output_tokens": 50}
    body = {**SAY, "generationConfig": config, "generation_config": {"max_output_tokens": 800}}
    sent = json.loads(plan(body).capped(100).forward())
    assert sent["generationConfig"] == {"maxOutputTokens": 100, "max_output_tokens": 50}
    assert sent["generation_config"] == {"max_output_tokens": 100}


@pytest.mark.parametrize("spelt", ["thinkingConfig", "thinking_config"])
@pytest.mark.parametrize("name", ["thinkingBudget", "thinking_budget"])
def test_a_budget_for_thinking_is_inside_the_maximum(spelt: str, name: str) -> None:
    config = {"maxOutputTokens": 5_000, spelt: {name: 2_000}}
    found = plan({**SAY, "generationConfig": config})
    assert (found.max_output_tokens, found.extra_output_tokens) == (5_000, 0)
    assert found.least_cap_tokens == 2_000 + 1_024
    dynamic = plan({**SAY, "generationConfig": {**config, spelt: {name: -1}}})
    assert (dynamic.max_output_tokens, dynamic.thinking_tokens) == (5_000, 0)


@pytest.mark.parametrize("value", ["200", -1, 0, 1.5, True, [], 10**9])
def test_a_maximum_that_is_no_count_is_refused(value: object) -> None:
    assert code({**SAY, "generationConfig": {"maxOutputTokens": value}}) == "maximum_invalid"
    assert code({**SAY, "generation_config": {"max_output_tokens": value}}) == "maximum_invalid"
    assert code({**SAY, "generationConfig": {"candidateCount": value}}) == "maximum_invalid"


@pytest.mark.parametrize(
    "body",
    [
        b'{"contents": [], "contents": []}',
        b'{"generationConfig": {"maxOutputTokens": 1, "maxOutputTokens": 9}}',
        b'{"contents": [{"parts": [{"text": "a", "text": "b"}]}]}',
        b'{"contents": [{"parts": [{"inlineData": {"data": "", "data": ""}}]}]}',
        b'{"tools": [{"googleSearch": {}, "googleSearch": {}}]}',
        b'{"Contents": []}',
        b'{"systeminstruction": {}}',
        b'{"serviceTier": "flex", "service_tier": "priority"}',
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    assert code(body) == "json_ambiguous"


@pytest.mark.parametrize(
    "body",
    [
        {"contents": "hi"},
        {"contents": ["hi"]},
        {"contents": [{"parts": "hi"}]},
        {"contents": [{"parts": [{"inlineData": "AAAA"}]}]},
        {"contents": [{"parts": [{"inlineData": {"mimeType": 7}}]}]},
        {"tools": [None]},
        {"systemInstruction": "hi"},
    ],
)
def test_shapes_that_the_api_does_not_have_are_refused(body: object) -> None:
    assert code(body) == "json_invalid"


def test_too_many_parts_are_refused() -> None:
    assert code(parts(*[{"text": "a"}] * NODES_MAX)) == "json_invalid"


def test_one_may_stand_in_place_of_a_list() -> None:
    body: dict[str, Any] = {
        "contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": png(9, 9)}}},
        "system_instruction": {"parts": {"text": "be brief"}},
        "tools": {"google_search": {}},
    }
    found = plan(body)
    assert found.media.read == PICTURES
    assert found.uses.web_search_requests == 1
    assert found.reading.content.pictures.total() == 1


def test_a_call_of_text_is_all_text() -> None:
    config = {"responseModalities": ["TEXT"], "responseMimeType": "application/json"}
    body = {
        **SAY,
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "generationConfig": config,
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {},
        "safetySettings": [],
    }
    found = plan(body)
    assert (found.reads_text, found.writes_text) == (True, True)
    assert found.input_tokens < 1_000


def test_pictures_and_documents_are_bounded_by_what_they_are() -> None:
    for kind, data in (("image/png", png(4_000, 4_000)), ("application/pdf", PDF)):
        found = plan(parts({"inlineData": {"mimeType": kind, "data": data}}))
        assert found.media.read == PICTURES
        assert found.input_tokens < UNSEEN_TOKENS
    third = plan(
        parts({"inlineData": {"mimeType": "image/png", "data": png(4_000, 4_000)}}),
        model="gemini-3-flash-preview",
    )
    assert 2_240 <= third.input_tokens < 3_500


def test_a_picture_of_url_safe_base64_is_as_large_as_it_is() -> None:
    large = png(0x03FF, 0x03FF)
    safe = large.replace("+", "-").replace("/", "_")
    assert safe != large
    shown = [
        plan(parts({"inlineData": {"mimeType": "image/png", "data": data}})).reading.content
        for data in (large, safe)
    ]
    assert shown[0].pictures == shown[1].pictures


@pytest.mark.parametrize(
    "part",
    [
        {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
        {"inline_data": {"mime_type": "video/mp4", "data": "AAAA"}},
        {"inlineData": {"data": "AAAA"}},
        {"inlineData": {"mimeType": "image/png", "mime_type": "video/mp4", "data": "AAAA"}},
        {"inlineData": {"mimeType": "application/octet-stream", "data": "AAAA"}},
        {"fileData": {"mimeType": "text/plain", "fileUri": "https://x.example"}},
        {"file_data": {"file_uri": "https://youtu.be/x"}},
        {"functionResponse": {"name": "f", "parts": [{"fileData": {"fileUri": "gs://x"}}]}},
        {"smellData": {}},
    ],
)
def test_what_does_not_say_how_long_it_is_may_be_anything(part: dict[str, Any]) -> None:
    found = plan(parts(part))
    assert found.media.read == READ_KINDS
    assert found.input_tokens >= UNSEEN_TOKENS


MORE: list[dict[str, Any]] = [
    {"cachedContent": "cachedContents/1"},
    {"cached_content": "cachedContents/1"},
    {"tools": [{"googleSearch": {}}]},
    {"tools": [{"google_search_retrieval": {}}]},
    {"tools": [{"codeExecution": {}}, {"functionDeclarations": []}]},
    {"tools": [{"urlContext": {}}]},
    {"tools": [{"mcpServers": [{}]}]},
    {"continuationToken": "AAAA"},
    {"previousInteractionId": "x"},
]


@pytest.mark.parametrize("member", MORE)
def test_what_adds_input_is_bounded_as_more_than_the_body(member: dict[str, Any]) -> None:
    found = plan({**SAY, **member})
    assert found.input_tokens >= UNSEEN_TOKENS
    assert TokenKind.CACHE_READ in found.input_kinds


def test_what_a_search_finds_is_text_unless_it_may_find_pictures() -> None:
    def reads_text(tool: dict[str, Any]) -> bool:
        return plan({**SAY, "tools": [tool]}).reads_text

    assert reads_text({"googleSearch": {}})
    assert not reads_text({"googleSearch": {"searchTypes": {"imageSearch": {}}}})
    assert not reads_text({"google_search": {"search_types": {}}})
    assert not reads_text({"urlContext": {}})


@pytest.mark.parametrize("spelt", ["responseModalities", "response_modalities"])
def test_an_answer_may_be_more_than_text(spelt: str) -> None:
    found = plan({**SAY, "generationConfig": {spelt: ["TEXT", "IMAGE"]}})
    assert found.media.written == WRITTEN_KINDS
    assert plan(SAY, model="gemini-2.5-flash-image").media.written == WRITTEN_KINDS


@pytest.mark.parametrize("name", ["routingConfig", "routing_config", "modelConfig"])
def test_a_model_of_the_providers_choice_is_refused(name: str) -> None:
    assert code({**SAY, "generationConfig": {name: {"autoMode": {}}}}) == "request_invalid"


def test_a_model_in_the_body_may_be_the_one_that_is_billed() -> None:
    assert plan({**SAY, "model": "models/demo"}).models == ("demo",)
    assert plan({**SAY, "model": "models/dear"}).models == ("demo", "dear")
    batch = {"requests": [{"model": "models/dear", "content": {"parts": [{"text": "hi"}]}}]}
    assert plan(batch, BATCH).models == ("demo", "dear")


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ({"serviceTier": "PRIORITY"}, "priority"),
        ({"service_tier": "flex"}, "flex"),
        ({"serviceTier": "standard"}, None),
        ({"serviceTier": "unspecified"}, None),
        ({}, None),
    ],
)
def test_the_tier_is_named_in_any_spelling(told: dict[str, str], tier: str | None) -> None:
    assert plan({**SAY, **told}).service_tier == tier


def test_vectors_write_nothing_and_their_pictures_are_bounded() -> None:
    blob = {"inlineData": {"mimeType": "image/png", "data": png(100, 100)}}
    found = plan({"content": {"parts": [{"text": "hi"}, blob]}}, EMBED)
    assert (found.max_output_tokens, found.expected(None).output_tokens) == (0, 0)
    assert found.media.read == PICTURES
    assert found.forward() == found.body
    many = plan({"requests": [{"content": {"parts": [blob]}}] * 3}, BATCH)
    assert many.reading.content.pictures.total() == 3


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("gemini-2.0-flash", 8_192),
        ("gemini-2.5-pro", 65_536),
        ("gemini-3.1-pro-preview", 65_536),
        ("publishers/google/models/gemini-2.5-flash", 65_536),
        ("gemini-9-unheard-of", 1_048_576),
    ],
)
def test_the_longest_answers_of_the_models_are_known(model: str, most: int) -> None:
    assert most_output_of(model) == most


def test_a_known_model_keeps_its_bytes_and_an_unknown_one_is_stated_a_maximum() -> None:
    known = plan(SAY, model="gemini-2.5-flash").with_maximum(is_maker=True)
    assert (known.max_output_tokens, known.forward()) == (65_536, known.body)
    unknown = plan(SAY).with_maximum(is_maker=True)
    assert json.loads(unknown.forward())["generationConfig"]["maxOutputTokens"]


def test_a_price_of_the_global_location_is_held_a_tenth_higher_elsewhere() -> None:
    books = PriceBooks()
    price = books.find("claude-opus-5", provider="google")
    assert price is not None
    assert not books.holds_in(price, "us-east5")
    assert books.holds_in(price, "global")
    bounded = plan({**SAY, "generationConfig": {"maxOutputTokens": 500}})
    usual, dear = (estimate(bounded.sent_to(at).expected(price), price) for at in ("global", "eu"))
    assert usual * 11 <= dear * 10 <= usual * 12
    own = Price("", "m", "user", "user:m", price.rates)
    assert books.holds_in(own, "us-east5")
    assert bounded.sent_to("eu").expected(own) == bounded.expected(own)


TOOLS: list[dict[str, Any]] = [{"googleSearch": {}}, {"functionDeclarations": []}]
MEMBERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "generationConfig": st.fixed_dictionaries(
            {},
            optional={
                "maxOutputTokens": st.integers(1, 999),
                "max_output_tokens": st.integers(1, 999),
                "candidateCount": st.integers(1, 4),
                "thinkingConfig": st.fixed_dictionaries({"thinkingBudget": st.integers(-1, 999)}),
                "responseModalities": st.lists(st.sampled_from(["TEXT", "IMAGE", "AUDIO"])),
            },
        ),
        "tools": st.lists(st.sampled_from(TOOLS)),
        "cachedContent": st.just("cachedContents/1"),
    },
)
RATES = st.fixed_dictionaries(
    {kind: st.integers(1, 999) for kind in (TokenKind.INPUT, TokenKind.OUTPUT)},
    optional={kind: st.integers(0, 999) for kind in (*READ_KINDS, *WRITTEN_KINDS)},
)


@given(MEMBERS, RATES, st.data())
def test_no_usage_that_a_request_allows_costs_more_than_is_held(
    members: dict[str, Any], rates: dict[TokenKind, int], data: st.DataObject
) -> None:
    found = plan({**SAY, **members}).with_maximum(is_maker=True)
    whole = {TokenKind.REASONING: rates[TokenKind.OUTPUT], TokenKind.CACHE_READ: 1, **rates}
    price = Price("", "m", "user", "user:m", {kind: rate * 10**6 for kind, rate in whole.items()})
    most = found.output_tokens * found.choices
    thoughts = data.draw(st.integers(0, most))
    cached = data.draw(st.integers(0, found.input_tokens))
    usage = Usage(
        input_tokens=found.input_tokens - cached,
        cache_read_tokens=cached,
        output_tokens=most - thoughts,
        reasoning_tokens=thoughts,
    )
    assert cost(usage, price) <= estimate(found.expected(price), price)
