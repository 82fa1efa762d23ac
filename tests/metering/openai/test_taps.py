"""Each trap of OpenAI's APIs and of those made after them (PRX-2, PRX-3)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.openai.taps import (
    ChatBodyTap,
    ChatStreamTap,
    EmbeddingsTap,
    ResponsesBodyTap,
    ResponsesStreamTap,
)
from corvus.metering.tap import Tap
from corvus.metering.usage import ProviderError
from corvus.model.usage import Usage
from tests.metering.streams import chat_chunk, pass_through, read_every_way, sse

COUNTS = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 20},
}
DISJOINT = Usage(
    input_tokens=30,
    output_tokens=30,
    cache_read_tokens=60,
    cache_write_5m_tokens=10,
    reasoning_tokens=20,
)
RESPONSE_COUNTS = {
    "input_tokens": 100,
    "output_tokens": 50,
    "total_tokens": 150,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
    "output_tokens_details": {"reasoning_tokens": 20},
}


def total(tap: Tap) -> Usage:
    assert tap.usage is not None
    return tap.usage.total


def chat(*messages: object) -> Tap:
    return read_every_way(ChatStreamTap, sse(*messages))


def test_cached_input_and_reasoning_become_kinds_of_their_own() -> None:
    tap = chat(chat_chunk(), chat_chunk(None, usage=COUNTS, service_tier="flex"), "[DONE]")
    assert total(tap) == DISJOINT
    assert tap.usage is not None
    assert (tap.usage.model, tap.usage.service_tier) == ("gpt-x", "flex")


def test_the_usual_tier_is_none() -> None:
    tap = chat(chat_chunk(None, usage=COUNTS, service_tier="default"))
    assert tap.usage is not None
    assert tap.usage.service_tier is None


def test_a_stream_is_settled_by_its_end_or_when_nobody_reads_on() -> None:
    for is_done in (True, False):
        tap = ChatStreamTap()
        tap.feed(sse(chat_chunk()))
        tap.feed(sse(chat_chunk(None, usage=COUNTS)))
        assert not tap.is_settled
        _ = tap.feed(sse("[DONE]")) if is_done else tap.finish()
        assert tap.is_settled
        assert total(tap) == DISJOINT


def test_the_last_of_several_chunks_without_choices_counts() -> None:
    """VLLM counts on with every chunk, and some servers begin with one that has the input alone."""
    first = {"prompt_tokens": 100, "completion_tokens": 0, "total_tokens": 100}
    some = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    chunks = [chat_chunk(None, usage=first), chat_chunk("a", usage=some), last_chunk(usage=some)]
    tap = chat(*chunks, chat_chunk(None, usage=some), chat_chunk(None, usage=COUNTS), "[DONE]")
    assert total(tap) == DISJOINT
    assert tap.is_settled


DOUBLED = (
    b'{"prompt_tokens":%d,"completion_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d}}'
)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("make", [ChatBodyTap, ChatStreamTap])
def test_usage_that_stands_there_twice_counts_by_its_dearer_figures(
    make: type[Tap], order: int
) -> None:
    one, other = [DOUBLED % (9, 2, 9), DOUBLED % (900, 200, 0)][::order]
    body = b'{"model":"m","choices":[],"usage":%s,"usage":%s}' % (one, other)
    framed = body if make is ChatBodyTap else b"data: %s\n\n" % body
    tap = read_every_way(make, framed)
    assert total(tap) == Usage(900, 200)
    assert tap.usage is not None
    assert tap.usage.is_estimated


def test_a_count_that_stands_there_twice_is_an_estimate_unless_both_are_the_same() -> None:
    for second, output, is_estimated in ((2, 2, False), (7, 7, True), (1, 2, True)):
        counts = b'{"prompt_tokens":5,"completion_tokens":2,"completion_tokens":%d}' % second
        tap = read_every_way(ChatBodyTap, b'{"model":"m","usage":%s}' % counts)
        assert total(tap) == Usage(5, output)
        assert tap.usage is not None
        assert tap.usage.is_estimated is is_estimated


def test_a_usage_chunk_that_the_client_did_not_ask_for_is_left_out() -> None:
    before, after = sse(chat_chunk("a")), sse("[DONE]")
    surplus = sse(chat_chunk(None, usage=COUNTS))
    tap = read_every_way(
        lambda: ChatStreamTap(drops_usage_chunk=True), before + surplus + after, before + after
    )
    assert total(tap) == DISJOINT


def test_a_first_chunk_without_choices_or_usage_stays() -> None:
    """Azure begins with one that has the results of its filters."""
    body = sse(chat_chunk(None, prompt_filter_results=[]), chat_chunk("a"))
    read_every_way(lambda: ChatStreamTap(drops_usage_chunk=True), body)


def last_chunk(**members: object) -> dict[str, object]:
    choice: dict[str, object] = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return {"model": "m", "choices": [choice], **members}


def test_usage_on_the_last_chunk_with_choices_counts_and_is_never_left_out() -> None:
    """Mistral, DeepSeek and Qwen send it so."""
    body = sse(chat_chunk(), last_chunk(usage=COUNTS))
    tap = read_every_way(lambda: ChatStreamTap(drops_usage_chunk=True), body)
    assert total(tap) == DISJOINT
    assert tap.is_settled


def test_usage_in_every_chunk_is_a_total_and_the_last_one_counts() -> None:
    """Perplexity sends it so."""
    growing = [
        chat_chunk(usage={"prompt_tokens": 5, "completion_tokens": many}) for many in (1, 2, 3)
    ]
    assert not chat(*growing).is_settled
    final = last_chunk(usage={"prompt_tokens": 5, "completion_tokens": 4})
    tap = chat(*growing, final)
    assert total(tap) == Usage(5, 4)
    assert tap.is_settled


def test_one_finished_answer_of_several_does_not_settle() -> None:
    tap = ChatStreamTap(choices=2)
    tap.feed(sse(last_chunk(usage=COUNTS)))
    assert not tap.is_settled
    tap.feed(sse("[DONE]"))
    assert tap.is_settled


def test_groq_says_it_under_a_name_of_its_own() -> None:
    tap = chat(last_chunk(x_groq={"usage": {"prompt_tokens": 5, "completion_tokens": 4}}))
    assert total(tap) == Usage(5, 4)


def test_a_missing_done_leaves_nothing_open() -> None:
    assert chat(chat_chunk(None, usage=COUNTS)).is_settled


def test_an_event_after_the_usage_changes_nothing() -> None:
    """OpenAI may send the results of moderation there."""
    tap = chat(chat_chunk(None, usage=COUNTS), chat_chunk(None, moderation={}), "[DONE]")
    assert total(tap) == DISJOINT


def test_a_stream_without_usage_is_unknown_even_at_its_end() -> None:
    tap = chat(chat_chunk("abcdef"), chat_chunk("gh"), "[DONE]")
    assert tap.usage_unknown
    assert not tap.is_settled
    assert tap.output_bytes_relayed == 8
    estimate = tap.usage_or_estimate(model="asked", input_tokens=11)
    assert estimate.is_estimated
    assert (estimate.model, estimate.total) == ("asked", Usage(11, 3))


def test_text_that_speaks_of_usage_is_text() -> None:
    tap = chat(chat_chunk('"usage": {"prompt_tokens": 1} [DONE] "error": "x"'))
    assert tap.usage is None
    assert tap.error is None


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2, "reasoning_tokens": 3}, Usage(5, 2)),
        (
            {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 12}
            | {"completion_tokens_details": {"reasoning_tokens": 3}},
            Usage(5, 4),
        ),
    ],
    ids=["larger than the output", "the total says so"],
)
def test_reasoning_that_is_counted_beside_the_output_is_added(
    counts: dict[str, object], expected: Usage
) -> None:
    used = total(chat(chat_chunk(None, usage=counts)))
    assert (used.input_tokens, used.output_tokens) == (5, expected.output_tokens)
    assert used.reasoning_tokens == 3


def test_cached_input_that_is_larger_than_the_input_is_counted_beside_it() -> None:
    details = {"cached_tokens": 60}
    counts = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": details}
    assert total(chat(chat_chunk(None, usage=counts))) == Usage(9, 1, cache_read_tokens=60)


def test_deepseek_tells_cache_hits_in_its_own_word() -> None:
    counts = {"prompt_tokens": 9, "prompt_cache_hit_tokens": 6, "completion_tokens": 1}
    assert total(chat(chat_chunk(None, usage=counts))) == Usage(3, 1, cache_read_tokens=6)


@pytest.mark.parametrize("odd", [-1, 1.5, "7", True, 10**12, [], {}])
def test_a_count_that_is_none_makes_the_usage_unknown(odd: object) -> None:
    tap = chat(chat_chunk(None, usage={"prompt_tokens": odd, "completion_tokens": 1}))
    assert tap.usage_unknown
    assert not tap.is_settled


@pytest.mark.parametrize("empty", [{}, {"prompt_tokens": None}, {"cost": 1}])
def test_usage_that_states_nothing_is_unknown_and_not_zero(empty: object) -> None:
    assert chat(chat_chunk(), chat_chunk(None, usage=empty), "[DONE]").usage_unknown
    body = json.dumps({"model": "m", "usage": empty}).encode()
    for make in (ChatBodyTap, ResponsesBodyTap, EmbeddingsTap):
        assert read_every_way(make, body).usage_unknown


def test_an_error_in_the_middle_of_a_stream_is_told() -> None:
    error = {"error": {"message": "too slow", "type": "server_error", "code": None}}
    tap = chat(chat_chunk(), error)
    assert tap.error == ProviderError("server_error", "too slow")
    assert tap.usage_unknown


def test_a_chat_body_is_read_at_its_end() -> None:
    body = json.dumps({"model": "m", "choices": [{"message": {"content": "abc"}}], "usage": COUNTS})
    tap = read_every_way(ChatBodyTap, body.encode())
    assert total(tap) == DISJOINT
    assert tap.is_settled
    assert tap.output_bytes_relayed == len(body)


def test_an_error_body_is_told() -> None:
    tap = read_every_way(ChatBodyTap, b'{"error": {"message": "no", "code": "model_not_found"}}')
    assert tap.error == ProviderError("model_not_found", "no")
    assert tap.usage is None


@pytest.mark.parametrize("end", ["completed", "incomplete", "failed"])
def test_each_end_of_a_response_has_its_usage(end: str) -> None:
    created = {"type": "response.created", "response": {"model": "gpt-x", "usage": None}}
    text = {"type": "response.output_text.delta", "delta": "abc"}
    response = {"model": "gpt-x", "service_tier": "priority", "usage": RESPONSE_COUNTS}
    final = {"type": f"response.{end}", "response": response}
    tap = read_every_way(ResponsesStreamTap, sse(created, text, final))
    assert total(tap) == DISJOINT
    assert tap.is_settled
    assert tap.usage is not None
    assert tap.usage.service_tier == "priority"
    assert tap.output_bytes_relayed == 3


def test_a_failed_response_without_usage_is_unknown_and_tells_its_error() -> None:
    response = {"usage": None, "error": {"code": "server_error", "message": "broke"}}
    body = sse({"type": "response.failed", "response": response})
    tap = read_every_way(ResponsesStreamTap, body)
    assert tap.error == ProviderError("server_error", "broke")
    assert tap.usage_unknown


def test_an_error_event_of_a_response_is_told() -> None:
    body = sse({"type": "error", "code": "rate_limit", "message": "slow down", "param": None})
    tap = read_every_way(ResponsesStreamTap, body)
    assert tap.error == ProviderError("rate_limit", "slow down")


def test_a_response_stream_may_end_without_its_last_event() -> None:
    body = sse({"type": "response.output_text.delta", "delta": "abcdef"})
    tap = read_every_way(ResponsesStreamTap, body)
    assert tap.usage_unknown
    assert tap.usage_or_estimate(model="m", input_tokens=4).total == Usage(4, 2)


def test_an_unknown_event_with_usage_counts_for_nothing() -> None:
    body = sse({"type": "response.progress", "response": {"usage": RESPONSE_COUNTS}})
    assert read_every_way(ResponsesStreamTap, body).usage is None


def test_searches_of_a_response_are_counted_and_opened_pages_are_not() -> None:
    output: list[dict[str, object]] = [
        {"type": "web_search_call", "action": {"type": "search"}},
        {"type": "web_search_call", "action": {"type": "open_page"}},
        {"type": "message", "content": []},
    ]
    body = json.dumps({"model": "m", "output": output, "usage": RESPONSE_COUNTS})
    tap = read_every_way(ResponsesBodyTap, body.encode())
    assert total(tap).web_search_requests == 1


def test_a_background_response_that_has_only_begun_is_unknown() -> None:
    tap = read_every_way(ResponsesBodyTap, b'{"status": "queued", "model": "m", "usage": null}')
    assert tap.usage_unknown
    assert not tap.is_settled


@pytest.mark.parametrize("vectors", [1, 5_000])
@pytest.mark.parametrize("usage_first", [False, True])
def test_embeddings_have_input_only_and_are_read_from_both_ends(
    vectors: int, usage_first: bool
) -> None:
    data = {"data": [{"embedding": [0.25] * 8}] * vectors}
    said = {"model": "e", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    body = json.dumps(said | data if usage_first else data | said).encode()
    for size in (1_000, len(body)):
        tap = EmbeddingsTap()
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert pass_through(tap, chunks) == body
        assert total(tap) == Usage(8)
        assert tap.usage is not None
        assert tap.usage.model == "e"
        assert tap.is_settled


@pytest.mark.parametrize(
    "make", [ChatStreamTap, ChatBodyTap, ResponsesStreamTap, ResponsesBodyTap, EmbeddingsTap]
)
@given(st.binary(max_size=200))
def test_garbage_passes_unchanged_and_is_unknown(make: type[Tap], body: bytes) -> None:
    tap = make()
    assert pass_through(tap, [body]) == body
    assert tap.usage_unknown


@pytest.mark.parametrize(
    "nasty", ["[" * 100_000, '{"usage": ' * 50_000, '{"usage": 1' + "0" * 5_000]
)
def test_json_made_to_break_a_decoder_is_unknown(nasty: str) -> None:
    for make in (ChatStreamTap, ChatBodyTap):
        tap = make()
        pass_through(
            tap, [f"data: {nasty}\n\n".encode() if make is ChatStreamTap else nasty.encode()]
        )
        assert tap.usage_unknown


@pytest.mark.parametrize("size", [7, 20_000, 1_000_000])
def test_usage_behind_pictures_is_read_from_the_ends_of_a_long_body(size: int) -> None:
    """A picture or a minute of sound makes an answer longer than any that is kept."""
    picture = "A" * 200_000 + '\\"usage\\":{\\"prompt_tokens\\":7}'
    body = (
        b'{"id":"x","model":"m","choices":[{"message":{"images":["%s"]}}],"usage":'
        b'{"prompt_tokens":100,"completion_tokens":1290,"total_tokens":1390,"cost":0.04,'
        b'"completion_tokens_details":{"image_tokens":1290}},"service_tier":"flex"}'
    ) % picture.encode()
    tap = ChatBodyTap(limit_bytes=100_000)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert pass_through(tap, chunks) == body
    assert total(tap) == Usage(100, output_image_tokens=1_290)
    assert tap.usage is not None
    assert (tap.usage.model, tap.usage.service_tier) == ("m", "flex")
    assert tap.stated_cost is not None
    assert tap.is_settled


def test_the_tools_of_a_response_that_is_too_long_are_not_counted() -> None:
    body = json.dumps(
        {
            "model": "m",
            "output": [{"type": "image_generation_call", "result": "A" * 100_000}],
            "tools": [{"type": "image_generation", "model": "gpt-image-1"}],
            "usage": RESPONSE_COUNTS,
        }
    ).encode()
    tap = ResponsesBodyTap(limit_bytes=50_000)
    pass_through(tap, [body])
    assert tap.usage is not None
    assert (tap.usage.model, tap.usage.is_at_least) == ("m", True)


def test_a_long_body_without_usage_at_its_ends_stays_unknown() -> None:
    tap = ChatBodyTap(limit_bytes=10)
    pass_through(tap, [b'{"usage":{"prompt_tok', b'", "usage": {}, "usage": 7}'])
    assert tap.usage_unknown
