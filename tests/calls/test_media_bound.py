"""What is held of a call that is not all text is never below its bill (PRC-7, PRC-8)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.calls.routes import Unreadable
from corvus.metering.media import READ_KINDS, WRITTEN_KINDS
from corvus.metering.provider import Endpoint
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, EMBEDDINGS, RESPONSES
from corvus.model.price import Price, Tier
from corvus.model.usage import CONTEXT, COUNT_OF, FEES, KINDS, TokenKind, Usage
from corvus.prices.cost import cost, estimate

PER = 1_000_000
TEXT = {"role": "user", "content": "hi"}


def said(*parts: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"role": "user", "content": [{"type": "text", "text": "hi"}, *parts]}]


PICTURE = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
VIDEO = {"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}}
REQUESTS: list[dict[str, Any]] = [
    {"messages": [TEXT]},
    {"messages": said(PICTURE)},
    {"messages": said(SOUND)},
    {"messages": said(VIDEO)},
    {"messages": [TEXT], "modalities": ["text", "audio"], "audio": {"voice": "alloy"}},
    {"messages": [TEXT], "modalities": ["image", "text"]},
    {"messages": [TEXT], "tools": [{"type": "code_interpreter"}, {"type": "file_search"}]},
    {"messages": [TEXT], "n": 3},
]


def plan(endpoint: Endpoint = CHAT, model: str = "m", **members: object) -> Plan:
    body = {"model": model, "max_tokens": 50, **members}
    found = read(endpoint, json.dumps(body).encode())
    assert isinstance(found, Plan), found
    return found


rates = st.dictionaries(st.sampled_from(KINDS), st.integers(0, 1_000), max_size=len(KINDS))


@given(st.data(), st.sampled_from(REQUESTS), rates, st.none() | st.integers(1, 20_000))
def test_no_usage_that_a_request_allows_costs_more_than_is_held(
    data: st.DataObject,
    request: dict[str, Any],
    given_rates: dict[TokenKind, int],
    above: int | None,
) -> None:
    """Whatever the rates of the modalities are, and above whatever context they rise."""
    found = plan(**request)
    both = {TokenKind.INPUT: 3, TokenKind.OUTPUT: 15, TokenKind.REASONING: 15, **given_rates}
    base = {kind: rate * PER for kind, rate in both.items()}
    tiers = (Tier(above, {kind: 2 * rate for kind, rate in base.items()}),) if above else ()
    price = Price("", "m", "user", "user:m", base, tiers)
    usage = data.draw(usages(found, price))
    assert cost(usage, price) <= estimate(found.expected(price), price)


@st.composite
def usages(draw: st.DrawFn, found: Plan, price: Price) -> Usage:
    """Draw a usage that a request allows, of kinds that have a price."""
    read = {TokenKind.INPUT, *found.input_kinds, *found.media.read}
    written = {TokenKind.OUTPUT, TokenKind.REASONING, *found.media.written}
    most = (found.output_tokens + found.extra_output_tokens) * found.choices
    counts: dict[str, int] = {}
    for kinds, room in ((read, found.input_tokens), (written, most)):
        for kind in sorted(kinds & price.rates.keys()):
            counts[COUNT_OF[kind]] = many = draw(st.integers(0, room))
            room -= many
    for kind in FEES:
        if kind in price.rates:
            counts[COUNT_OF[kind]] = draw(st.integers(0, getattr(found.uses, COUNT_OF[kind])))
    return Usage(**counts)


@pytest.mark.parametrize(
    ("members", "reads_text", "writes_text"),
    [
        ({"messages": [TEXT]}, True, True),
        ({"messages": said(PICTURE)}, False, True),
        ({"messages": said(SOUND)}, False, True),
        ({"messages": [TEXT], "modalities": ["text"]}, True, True),
        ({"messages": [TEXT], "modalities": None}, True, True),
        ({"messages": [TEXT], "modalities": ["text", "audio"]}, True, False),
        ({"messages": [TEXT], "modalities": "image"}, True, False),
        (
            {"messages": [TEXT], "extra_body": {"google": {"response_modalities": ["IMAGE"]}}},
            True,
            False,
        ),
        ({"messages": [TEXT], "model": "gemini-2.5-flash-image"}, True, False),
        ({"messages": [TEXT], "model": "openai/gpt-audio-mini"}, True, False),
        ({"messages": [TEXT], "model": "google/gemini-2.5-flash"}, True, True),
        ({"messages": [TEXT], "models": ["m", "gpt-audio"]}, True, False),
    ],
)
def test_a_request_shows_whether_it_is_all_text(
    members: dict[str, Any], reads_text: bool, writes_text: bool
) -> None:
    found = plan(**members)
    assert (found.reads_text, found.writes_text) == (reads_text, writes_text)


def test_pictures_alone_are_held_as_text_or_pictures_and_sound_as_anything() -> None:
    seen, heard = plan(messages=said(PICTURE)).media, plan(messages=said(SOUND)).media
    assert set(seen.read) == {TokenKind.INPUT_IMAGE, TokenKind.CACHE_READ_IMAGE}
    assert heard.read == READ_KINDS
    assert plan(messages=[TEXT], modalities=["audio"]).media.written == WRITTEN_KINDS


@pytest.mark.parametrize(
    ("given_input", "reads_text"),
    [
        ("a", True),
        (["a", "{"], True),
        ([1, 2], True),
        ([{"type": "image_url"}], False),
        ({"image": "x"}, False),
    ],
)
def test_vectors_are_of_text_unless_parts_are_given(given_input: object, reads_text: bool) -> None:
    found = plan(EMBEDDINGS, input=given_input)
    assert (found.reads_text, found.writes_text) == (reads_text, True)


def test_dearer_sound_raises_what_is_held_for_a_call_that_may_have_any() -> None:
    base = {TokenKind.INPUT: PER, TokenKind.OUTPUT: 5 * PER, TokenKind.OUTPUT_AUDIO: 60 * PER}
    price = Price("", "m", "user", "user:m", base)
    silent, loud = plan(messages=[TEXT]), plan(messages=[TEXT], modalities=["text", "audio"])
    assert silent.expected(price).output_tokens == 50
    assert loud.expected(price).output_audio_tokens == 50


@pytest.mark.parametrize(
    ("tools", "uses"),
    [
        ([{"type": "web_search"}], Usage(web_search_requests=1)),
        ([{"type": "web_search_20250305", "max_uses": 5}], Usage(web_search_requests=5)),
        ([{"type": "file_search"}], Usage(file_search_requests=1)),
        ([{"type": "code_interpreter"}, {"type": "shell"}], Usage(code_containers=2)),
        ([{"type": "code_execution_20250522"}], Usage(code_containers=1)),
        ([{"type": "tool_search_tool_bm25_20251119"}], Usage()),
        ([{"type": "function", "function": {"name": "code_search"}}], Usage()),
    ],
)
def test_each_tool_of_the_provider_is_held_once_at_least(
    tools: list[dict[str, Any]], uses: Usage
) -> None:
    for endpoint in (CHAT, RESPONSES, MESSAGES):
        assert plan(endpoint, messages=[TEXT], tools=tools).uses == uses


def test_a_model_that_searches_with_every_call_is_held_for_it() -> None:
    found = plan(model="gpt-4o-search-preview", messages=[TEXT])
    assert found.uses == Usage(web_search_requests=1)


def test_a_likeness_of_what_decides_about_sound_is_refused() -> None:
    body = json.dumps({"model": "m", "messages": [TEXT], "Modalities": ["audio"]}).encode()
    found = read(CHAT, body)
    assert isinstance(found, Unreadable)
    assert found.code == "json_ambiguous"


def test_every_kind_that_is_read_is_a_part_of_the_context() -> None:
    assert {COUNT_OF[kind] for kind in READ_KINDS} < set(CONTEXT)
