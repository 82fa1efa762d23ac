"""Answers of Google's models say what they used, however they come and are cut (PRX-3, PRC-8)."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.google.taps import EmbedTap, GenerateBodyTap, GenerateStreamTap
from corvus.metering.tap import Tap
from corvus.metering.usage import MeteredUsage
from corvus.model.usage import Usage
from tests.metering.streams import pass_through, read_every_way, said

PROMPT = {"promptTokenCount": 500, "totalTokenCount": 500}
LAST = {
    "promptTokenCount": 500,
    "candidatesTokenCount": 9,
    "thoughtsTokenCount": 60,
    "totalTokenCount": 569,
}


def piece(
    text: str = "do", counts: dict[str, Any] | None = None, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}}
    if finish:
        candidate["finishReason"] = finish
    usage = {"usageMetadata": counts} if counts else {}
    return {"candidates": [{**candidate, "index": 0, **more}], **usage, "modelVersion": "demo"}


PIECES = [
    piece("do", PROMPT),
    piece(
        'ne "}] \\', {"promptTokenCount": 500, "candidatesTokenCount": 4, "totalTokenCount": 504}
    ),
    piece("", LAST, "STOP"),
]


def events(*pieces: dict[str, Any]) -> bytes:
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(one).encode() for one in pieces)


def array(*pieces: dict[str, Any]) -> bytes:
    return b"[" + b"\n,\r\n".join(json.dumps(one, indent=1).encode() for one in pieces) + b"\n]\n"


FRAMINGS = pytest.mark.parametrize("framed", [events, array])


def used(tap: Tap) -> MeteredUsage:
    assert tap.usage is not None
    return tap.usage


def body(message: object) -> GenerateBodyTap:
    tap = GenerateBodyTap()
    pass_through(tap, [json.dumps(message).encode()])
    return tap


def answered(**counts: Any) -> MeteredUsage:
    return used(body(piece("x", counts, "STOP")))


def test_cached_tokens_are_inside_the_prompt_and_thoughts_beside_the_answer() -> None:
    found = answered(
        promptTokenCount=1000,
        cachedContentTokenCount=400,
        candidatesTokenCount=50,
        thoughtsTokenCount=30,
        toolUsePromptTokenCount=20,
        totalTokenCount=1100,
    )
    expected = Usage(input_tokens=620, output_tokens=50, cache_read_tokens=400, reasoning_tokens=30)
    assert (found.total, found.model) == (expected, "demo")
    assert (found.is_partial, found.is_estimated, found.is_at_least) == (False, False, False)


@FRAMINGS
def test_a_stream_counts_what_its_last_piece_says(framed: Any) -> None:
    tap = read_every_way(GenerateStreamTap, framed(*PIECES))
    assert used(tap).total == Usage(input_tokens=500, output_tokens=9, reasoning_tokens=60)
    assert tap.is_settled
    assert not tap.usage_unknown


@FRAMINGS
def test_a_stream_that_broke_off_is_an_estimate(framed: Any) -> None:
    whole = framed(*PIECES)
    tap = GenerateStreamTap()
    pass_through(tap, [whole[: whole.index(b"STOP")]])
    assert tap.usage_unknown
    estimated = tap.usage_or_estimate(model="demo", input_tokens=9)
    assert estimated.is_estimated
    assert estimated.total.input_tokens == 500
    assert estimated.total.output_tokens >= 4


def test_older_models_finish_every_piece_and_the_last_counts() -> None:
    early = piece("a", {"promptTokenCount": 5, "candidatesTokenCount": 1}, "STOP")
    late = piece("b", {"promptTokenCount": 5, "candidatesTokenCount": 7}, "STOP")
    tap = read_every_way(GenerateStreamTap, events(early, late))
    assert used(tap).total == Usage(input_tokens=5, output_tokens=7)


@FRAMINGS
def test_a_count_that_a_later_piece_leaves_out_or_takes_back_stays(framed: Any) -> None:
    pieces = [
        piece("a", {"promptTokenCount": 500, "candidatesTokenCount": 8}),
        piece("b", {"candidatesTokenCount": 2, "thoughtsTokenCount": 60}, "STOP"),
    ]
    tap = read_every_way(GenerateStreamTap, framed(*pieces))
    assert used(tap).total == Usage(input_tokens=500, output_tokens=8, reasoning_tokens=60)


def test_a_discount_that_is_taken_back_is_none() -> None:
    pieces = [
        piece("a", {"promptTokenCount": 500, "cachedContentTokenCount": 400}),
        piece("b", {"cachedContentTokenCount": 100, "candidatesTokenCount": 1}, "STOP"),
    ]
    tap = read_every_way(GenerateStreamTap, events(*pieces))
    assert (used(tap).total.input_tokens, used(tap).total.cache_read_tokens) == (400, 100)


@FRAMINGS
def test_all_answers_must_be_finished(framed: Any) -> None:
    first, second = piece("a", LAST, "STOP"), piece("b", LAST, index=1)
    tap = GenerateStreamTap()
    pass_through(tap, [framed(first, second)])
    assert tap.usage_unknown
    tap = GenerateStreamTap()
    pass_through(tap, [framed(first, second, piece("b", LAST, "MAX_TOKENS", index=1))])
    assert not tap.usage_unknown


def test_an_answer_without_output_is_no_unknown_one() -> None:
    tap = body(piece("", {"promptTokenCount": 7, "totalTokenCount": 7}, "SAFETY"))
    assert (used(tap).total, tap.usage_unknown) == (Usage(input_tokens=7), False)


def test_a_blocked_prompt_is_paid_for() -> None:
    message = {
        "promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
    }
    for framed in (events, array):
        tap = read_every_way(GenerateStreamTap, framed(message))
        assert (used(tap).total, tap.usage_unknown) == (Usage(input_tokens=7), False)
    assert used(body(message)).total == Usage(input_tokens=7)


@pytest.mark.parametrize("counts", [{}, {"candidatesTokenCount": 3}, {"promptTokenCount": 0}])
def test_an_input_that_is_not_reported_is_unknown(counts: dict[str, Any]) -> None:
    tap = body(piece("x", counts, "STOP"))
    assert tap.usage_unknown
    assert tap.usage_or_estimate(model="demo", input_tokens=11).total.context_tokens == 11


@pytest.mark.parametrize("count", [-1, "12", 1.5, True, 10**12, [], {"a": 1}])
def test_counts_that_are_none_leave_the_usage_unknown(count: object) -> None:
    counts = {**LAST, "candidatesTokenCount": count}
    assert body(piece("x", counts, "STOP")).usage_unknown
    tap = GenerateStreamTap()
    pass_through(tap, [events(piece("x", counts, "STOP"))])
    assert tap.usage_unknown


def test_modalities_are_kinds_of_their_own() -> None:
    found = answered(
        promptTokenCount=1000,
        cachedContentTokenCount=300,
        candidatesTokenCount=1300,
        promptTokensDetails=[
            {"modality": "TEXT", "tokenCount": 100},
            {"modality": "DOCUMENT", "tokenCount": 200},
            {"modality": "AUDIO", "tokenCount": 400},
            {"modality": "IMAGE", "tokenCount": 250},
            {"modality": "VIDEO", "tokenCount": 50},
        ],
        cacheTokensDetails=[
            {"modality": "AUDIO", "tokenCount": 200},
            {"modality": "TEXT", "tokenCount": 100},
        ],
        candidatesTokensDetails=[{"modality": "IMAGE", "tokenCount": 1290}],
    )
    assert found.total == Usage(
        input_tokens=200,
        cache_read_tokens=100,
        cache_read_audio_tokens=200,
        input_audio_tokens=200,
        input_image_tokens=250,
        input_video_tokens=50,
        output_tokens=10,
        output_image_tokens=1290,
    )
    assert not found.is_estimated


def test_modalities_are_stated_when_the_details_name_all_of_them() -> None:
    text = [{"modality": "TEXT", "tokenCount": 5}]
    stated = {"promptTokensDetails": text, "candidatesTokensDetails": text}
    counts: dict[str, Any] = {"promptTokenCount": 5, "candidatesTokenCount": 5}
    assert answered(**counts, **stated).parts[0].states_modalities
    assert not answered(**counts).parts[0].states_modalities
    other = {**stated, "candidatesTokensDetails": [{"modality": "SMELL", "tokenCount": 5}]}
    assert not answered(**counts, **other).parts[0].states_modalities


def test_enumerations_may_come_as_numbers() -> None:
    counts = {
        "promptTokenCount": 5,
        "promptTokensDetails": [{"modality": 4, "tokenCount": 3}, {"modality": 1, "tokenCount": 2}],
    }
    message = piece("", counts)
    message["candidates"][0]["finishReason"] = 1
    tap = body(message)
    assert not tap.usage_unknown
    assert used(tap).total == Usage(input_tokens=2, input_audio_tokens=3)
    assert used(tap).parts[0].states_modalities


def test_cached_tokens_of_no_stated_modality_are_text_first_and_an_estimate() -> None:
    details = [{"modality": "AUDIO", "tokenCount": 900}, {"modality": "TEXT", "tokenCount": 100}]
    found = answered(
        promptTokenCount=1000,
        cachedContentTokenCount=300,
        promptTokensDetails=details,
        candidatesTokenCount=1,
    )
    assert found.is_estimated
    assert found.total == Usage(
        input_audio_tokens=700,
        cache_read_audio_tokens=200,
        cache_read_tokens=100,
        output_tokens=1,
    )


def test_what_the_total_alone_holds_is_thinking_and_an_estimate() -> None:
    found = answered(promptTokenCount=10, candidatesTokenCount=5, totalTokenCount=100)
    assert (found.total.reasoning_tokens, found.is_estimated) == (85, True)


def grounded(model: str, **grounding: Any) -> MeteredUsage:
    message = piece("x", LAST, "STOP", groundingMetadata=grounding)
    return used(body({**message, "modelVersion": model}))


def test_searches_are_billed_by_the_query_or_by_the_answer() -> None:
    queries = ["who", "where", "who", "", " "]
    assert (
        grounded("gemini-3-flash-preview", webSearchQueries=queries).total.web_search_requests == 2
    )
    assert grounded("gemini-2.5-flash", webSearchQueries=queries).total.web_search_requests == 1
    chunks = [{"web": {"uri": "https://a.example"}}]
    assert grounded("gemini-3-flash-preview", groundingChunks=chunks).total.web_search_requests == 1
    assert grounded("gemini-2.5-flash", searchEntryPoint={}).total.web_search_requests == 0


@FRAMINGS
def test_queries_that_pieces_repeat_are_counted_once(framed: Any) -> None:
    search: dict[str, Any] = {"groundingMetadata": {"webSearchQueries": ["who", "where"]}}
    tap = read_every_way(
        GenerateStreamTap, framed(piece("a", PROMPT, **search), piece("b", LAST, "STOP", **search))
    )
    assert used(tap).total.web_search_requests == 2


@pytest.mark.parametrize(
    "grounding",
    [
        {"groundingChunks": [{"maps": {"uri": "x"}}]},
        {"groundingChunks": [{"retrievedContext": {"uri": "x"}}]},
        {"retrievalQueries": ["q"]},
        {"webSearchQueries": [str(number) for number in range(1_001)]},
    ],
)
def test_what_no_book_prices_makes_a_lower_bound(grounding: dict[str, Any]) -> None:
    assert grounded("gemini-3-flash-preview", **grounding).is_at_least


@pytest.mark.parametrize(
    ("counts", "tier", "is_stated"),
    [
        ({}, None, False),
        ({"trafficType": "ON_DEMAND"}, None, True),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority", True),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex", True),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput", True),
        ({"serviceTier": "priority"}, "priority", True),
        ({"serviceTier": "standard"}, None, True),
        ({"serviceTier": "unspecified"}, None, False),
        ({"trafficType": 7}, None, False),
    ],
)
def test_the_tier_that_served_is_named(
    counts: dict[str, Any], tier: str | None, is_stated: bool
) -> None:
    found = answered(**LAST, **counts)
    assert (found.service_tier, found.states_tier) == (tier, is_stated)


@FRAMINGS
def test_an_error_in_a_stream_is_reported_by_its_word(framed: Any) -> None:
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    tap = read_every_way(GenerateStreamTap, framed(PIECES[0], error))
    assert tap.error is not None
    assert tap.error.kind == "UNAVAILABLE"
    assert tap.usage_unknown


def test_an_error_in_place_of_a_stream_uses_nothing() -> None:
    error = {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}
    for text in (json.dumps(error).encode(), array(error)):
        tap = read_every_way(GenerateStreamTap, text)
        assert tap.error is not None
        assert tap.usage is None
        assert tap.output_bytes_relayed == 0


def test_words_of_the_model_are_no_counts() -> None:
    lie = {"usageMetadata": {"promptTokenCount": 1}, "modelVersion": "cheap"}
    call = {"functionCall": {"name": "f", "args": lie}}
    message = piece("x", LAST, "STOP", content={"parts": [call, {"text": json.dumps(lie)}]})
    for framed in (events, array):
        tap = read_every_way(GenerateStreamTap, framed(message))
        assert (used(tap).total.input_tokens, used(tap).model) == (500, "demo")


@FRAMINGS
def test_a_piece_that_is_too_long_is_passed_over_and_the_next_read(framed: Any) -> None:
    long = piece("x" * 500, {"promptTokenCount": 500})
    whole = framed(PIECES[0], long, piece("", LAST, "STOP"))
    tap = GenerateStreamTap(limit_bytes=450)
    relayed = pass_through(tap, [whole[at : at + 7] for at in range(0, len(whole), 7)])
    assert relayed == whole
    assert tap.has_overflowed
    assert used(tap).total == Usage(input_tokens=500, output_tokens=9, reasoning_tokens=60)
    assert used(tap).is_at_least  # what it was grounded in was not read


def test_of_a_body_that_is_too_long_the_end_is_read() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "A" * 40_000}}
    message = piece("x", LAST, "STOP", content={"parts": [picture]})
    tap = GenerateBodyTap(limit_bytes=20_000)
    pass_through(tap, [json.dumps(message).encode()])
    assert (used(tap).total.output_tokens, used(tap).model) == (9, "demo")
    assert used(tap).is_at_least


def test_vectors_may_say_what_they_read() -> None:
    vectors = {"embedding": {"values": [0.125] * 9_000}}
    tap = EmbedTap()
    pass_through(tap, [json.dumps({**vectors, "usageMetadata": PROMPT}).encode()])
    assert (used(tap).total, tap.usage_unknown) == (Usage(input_tokens=500), False)
    tap = EmbedTap()
    pass_through(tap, [json.dumps(vectors).encode()])
    estimated = tap.usage_or_estimate(model="demo", input_tokens=12)
    assert (estimated.total, estimated.is_estimated) == (Usage(input_tokens=12), True)


MODALITIES = ("TEXT", "AUDIO", "IMAGE", "VIDEO", "DOCUMENT", "MODALITY_UNSPECIFIED")
DETAILS = st.lists(
    st.fixed_dictionaries(
        {"modality": st.sampled_from(MODALITIES), "tokenCount": st.integers(0, 999)}
    ),
    max_size=4,
)
COUNTS = st.fixed_dictionaries(
    {"promptTokenCount": st.integers(1, 9_999)},
    optional={
        "cachedContentTokenCount": st.integers(0, 9_999),
        "toolUsePromptTokenCount": st.integers(0, 999),
        "candidatesTokenCount": st.integers(0, 9_999),
        "thoughtsTokenCount": st.integers(0, 9_999),
        "totalTokenCount": st.integers(0, 29_999),
        "promptTokensDetails": DETAILS,
        "cacheTokensDetails": DETAILS,
        "candidatesTokensDetails": DETAILS,
        "toolUsePromptTokensDetails": DETAILS,
    },
)


@given(COUNTS)
def test_usage_is_never_below_what_the_answer_says(counts: dict[str, Any]) -> None:
    usage = answered(**counts).total
    read = counts["promptTokenCount"] + counts.get("toolUsePromptTokenCount", 0)
    written = counts.get("candidatesTokenCount", 0) + counts.get("thoughtsTokenCount", 0)
    assert usage.context_tokens >= read
    assert usage.total_tokens - usage.context_tokens >= written
    assert usage.total_tokens >= counts.get("totalTokenCount", 0)
    assert usage.total_tokens - usage.context_tokens >= sum(
        detail["tokenCount"] for detail in counts.get("candidatesTokensDetails", ())
    )


@given(st.lists(COUNTS, min_size=1, max_size=4), st.integers(), st.booleans())
def test_cuts_and_framing_make_no_difference(
    told: list[dict[str, Any]], seed: int, is_array: bool
) -> None:
    pieces = [piece('"]}\\', counts) for counts in told[:-1]] + [piece("é\\u", told[-1], "STOP")]
    whole = (array if is_array else events)(*pieces)
    cuts, choose = [0], random.Random(seed)
    while cuts[-1] < len(whole):
        cuts.append(cuts[-1] + choose.choice((1, 2, 3, 7, 16, 100)))
    chunks = [whole[start:end] for start, end in pairwise(cuts)]
    cut, one, other = GenerateStreamTap(), GenerateStreamTap(), GenerateStreamTap()
    assert pass_through(cut, chunks) == whole
    pass_through(one, [whole])
    pass_through(other, [(events if is_array else array)(*pieces)])
    assert said(cut)[:4] == said(one)[:4] == said(other)[:4]  # type: ignore[index]
