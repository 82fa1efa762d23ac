"""PRX-6 with the real SDKs, over real sockets, against a store on disk."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeAlias

import anthropic
import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from corvus import Governor
from corvus.base.errors import StoreUnavailable
from corvus.clients.transport import GovernedTransport
from tests.clients.conftest import Governed
from tests.clients.upstream import (
    CHAT_USAGE,
    STREAM,
    Answer,
    Asked,
    Upstream,
    chat_body,
    chat_events,
    event,
    messages_events,
)
from tests.packers import PACKERS

CHAT = Decimal("0.0018")  # 600 input at $1, 400 cached at $0.5, 500 output at $2 per million
MESSAGES = Decimal("0.0021")  # 1000 input, 200 cached, 500 output
Chunks: TypeAlias = openai.Stream[ChatCompletionChunk]
HELLO: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture
def http(governed: Governed) -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=GovernedTransport(governed.governor, project="p")) as client:
        yield client


@pytest.fixture
def gpt(http: httpx2.Client, upstream: Upstream) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="k", http_client=http)


@pytest.fixture
def claude(http: httpx2.Client, upstream: Upstream) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=upstream.url, api_key="k", http_client=http)


def chat(gpt: openai.OpenAI, most: int = 600) -> ChatCompletion:
    return gpt.chat.completions.create(model="gpt-test", messages=HELLO, max_tokens=most)


def chat_stream(gpt: openai.OpenAI, model: str = "gpt-test") -> Chunks:
    return gpt.chat.completions.create(model=model, messages=HELLO, max_tokens=600, stream=True)


def test_each_endpoint_is_recorded_at_what_its_provider_reports(
    gpt: openai.OpenAI, claude: anthropic.Anthropic, governed: Governed
) -> None:
    chat(gpt)
    gpt.responses.create(model="gpt-test", input="x")
    gpt.embeddings.create(model="gpt-test", input="x")
    claude.messages.create(model="claude-test", max_tokens=600, messages=HELLO)
    assert governed.costs() == [CHAT, CHAT, Decimal("0.0007"), MESSAGES]
    assert {row["source"] for row in governed.records()} == {"priced"}
    assert {row["project"] for row in governed.records()} == {"p"}
    assert {row["provider_request_id"] for row in governed.records()} == {"req_7"}
    assert governed.open_holds() == 0


def test_each_stream_is_recorded_at_what_its_provider_reports(
    gpt: openai.OpenAI, claude: anthropic.Anthropic, governed: Governed
) -> None:
    assert len([*chat_stream(gpt)]) == 3
    assert [one.type for one in gpt.responses.create(model="gpt-test", input="x", stream=True)]
    with claude.messages.stream(model="claude-test", max_tokens=600, messages=HELLO) as stream:
        assert stream.get_final_text() == "Hello"
    assert governed.costs() == [CHAT, CHAT, MESSAGES]


def test_usage_is_asked_for_and_shown_only_to_who_asked(
    gpt: openai.OpenAI, upstream: Upstream
) -> None:
    assert all(one.usage is None for one in chat_stream(gpt))
    assert upstream.asked[-1]["stream_options"] == {"include_usage": True}
    shown = gpt.chat.completions.create(
        model="gpt-test",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    assert [one.usage.total_tokens for one in shown if one.usage] == [1500]


def test_openai_raises_its_own_error_for_a_refused_call_and_does_not_retry(
    gpt: openai.OpenAI, governed: Governed, upstream: Upstream
) -> None:
    with pytest.raises(openai.APIStatusError, match="budget 'day' would be exceeded") as refused:
        chat(gpt, most=1_000_000)
    assert refused.value.status_code == 402
    assert refused.value.code == "budget_exceeded"
    assert "retry-after" not in refused.value.response.headers
    told = refused.value.response.json()["error"]["corvus"]
    assert told["budget_exceeded"] is True
    assert told["governance_domain"] == "token_spend"
    assert told["scope"] == "day"
    assert told["config_key"] == "cost.daily_limit_usd"
    assert told["max_affordable_output_tokens"] > 400_000
    assert upstream.asked == []
    assert governed.open_holds() == 0
    denied = governed.governor.store.run(lambda unit: [*unit.events(0, 1000)])
    assert [one.row["kind"] for one in denied if one.row.get("kind") == "denied"] == ["denied"]


def test_anthropic_raises_its_own_error_for_a_refused_call(
    claude: anthropic.Anthropic, upstream: Upstream
) -> None:
    with (
        pytest.raises(anthropic.APIStatusError, match="would be exceeded") as refused,
        claude.messages.stream(model="claude-test", max_tokens=1_000_000, messages=HELLO),
    ):
        pass
    assert refused.value.status_code == 402
    assert refused.value.response.json()["error"]["type"] == "billing_error"
    assert upstream.asked == []


def test_a_model_without_a_price_is_refused_before_it_is_called(
    gpt: openai.OpenAI, upstream: Upstream
) -> None:
    with pytest.raises(openai.APIStatusError, match="has no price") as refused:
        chat_stream(gpt, model="no-such-model")
    assert (refused.value.status_code, refused.value.code) == (402, "unpriced_model")
    assert upstream.asked == []


def test_what_cannot_be_metered_never_leaves(gpt: openai.OpenAI, upstream: Upstream) -> None:
    with pytest.raises(openai.NotFoundError, match="no such route"):
        gpt.vector_stores.create()
    with pytest.raises(openai.NotFoundError, match="batches are not passed on"):
        gpt.batches.create(
            completion_window="24h", endpoint="/v1/chat/completions", input_file_id="f"
        )
    assert upstream.asked == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"background": True}, "background_refused"),
        ({"model": ""}, "model_missing"),
        ({"model": "m" * 2000}, "request_invalid"),
        ({"model": None}, "model_missing"),
    ],
)
def test_a_request_whose_cost_nobody_could_tell_never_leaves(
    more: Asked, code: str, gpt: openai.OpenAI, upstream: Upstream
) -> None:
    told: Any = {"model": "gpt-test", "input": "x", **more}
    with pytest.raises(openai.BadRequestError) as refused:
        gpt.responses.create(**told)
    assert refused.value.code == code
    assert upstream.asked == []


def test_free_requests_pass_without_a_reservation(
    gpt: openai.OpenAI, claude: anthropic.Anthropic, governed: Governed
) -> None:
    assert [*gpt.models.list()] == []
    counted = claude.messages.count_tokens(model="claude-test", messages=HELLO)
    assert counted.input_tokens == 9
    assert governed.governor.store.run(lambda unit: [*unit.events(0, 10)]) == []


def test_a_stream_is_settled_at_its_terminal_event_not_at_its_end(
    http: httpx2.Client, governed: Governed, upstream: Upstream
) -> None:
    def slow_end(path: str, asked: Asked) -> Answer:
        return Answer([*chat_events(asked), b": wait\n\n"], kind=STREAM, pause=0.1)

    upstream.script = slow_end
    body: Asked = {"model": "gpt-test", "messages": HELLO, "stream": True, "max_tokens": 600}
    body["stream_options"] = {"include_usage": True}
    with http.stream("POST", f"{upstream.url}/v1/chat/completions", json=body) as answer:
        for chunk in answer.iter_raw():
            if b"[DONE]" in chunk:
                assert governed.costs() == [CHAT]
                break
        else:
            pytest.fail("the end did not come")
    assert governed.costs() == [CHAT]


def test_a_stream_that_is_left_after_its_usage_is_completed_with_it(
    http: httpx2.Client, governed: Governed, upstream: Upstream
) -> None:
    def slow_end(path: str, asked: Asked) -> Answer:
        return Answer([*chat_events(asked)[:-1], b": wait\n\n"], kind=STREAM, pause=0.1)

    upstream.script = slow_end
    body: Asked = {"model": "gpt-test", "messages": HELLO, "stream": True, "max_tokens": 600}
    body["stream_options"] = {"include_usage": True}
    with http.stream("POST", f"{upstream.url}/v1/chat/completions", json=body) as answer:
        assert any(b"prompt_tokens" in chunk for chunk in answer.iter_raw())
    assert governed.costs() == [CHAT]


Leave = Callable[[Chunks], None]


def closed(stream: Chunks) -> None:
    stream.close()


def raised_in(stream: Chunks) -> None:
    def work() -> None:
        with stream:
            next(stream)
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        work()


def forgotten(stream: Chunks) -> None:
    next(stream)


@pytest.mark.parametrize("leave", [closed, raised_in, forgotten])
def test_a_stream_that_is_left_is_settled_once_as_an_estimate(
    leave: Leave, gpt: openai.OpenAI, governed: Governed, upstream: Upstream
) -> None:
    def endless(path: str, asked: Asked) -> Answer:
        return Answer([chat_events(asked)[0]] * 100, kind=STREAM, pause=0.05)

    upstream.script = endless
    leave(chat_stream(gpt))
    gc.collect()
    assert governed.settled_soon()
    (record,) = governed.records()
    assert record["source"] == "estimated"
    assert record["outcome"] == "cancelled"
    (cost,) = governed.costs()
    assert cost is not None
    assert Decimal("0.00003") < cost < Decimal("0.0003")  # the request's bound, and few words
    assert upstream.hung_up.wait(5)


def test_a_stream_that_was_never_read_is_settled_when_it_is_collected(
    gpt: openai.OpenAI, governed: Governed
) -> None:
    for _ in range(5):
        chat_stream(gpt)
    gc.collect()
    assert governed.settled_soon()
    assert len(governed.records()) == 5


def test_closing_the_transport_settles_what_was_handed_over(
    governed: Governed, upstream: Upstream
) -> None:
    with httpx2.Client(transport=GovernedTransport(governed.governor)) as http:
        chat_stream(openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="k", http_client=http))
        gc.collect()
    assert governed.open_holds() == 0
    assert len(governed.records()) == 1


def test_a_provider_that_breaks_off_is_paid_for_what_came(
    claude: anthropic.Anthropic, governed: Governed, upstream: Upstream
) -> None:
    def broken(path: str, asked: Asked) -> Answer:
        return Answer(messages_events(asked)[:3], kind=STREAM, breaks=True)

    upstream.script = broken
    with (
        pytest.raises(httpx2.RemoteProtocolError),
        claude.messages.stream(model="claude-test", max_tokens=600, messages=HELLO) as stream,
    ):
        stream.get_final_text()
    (record,) = governed.records()
    assert record["source"] == "estimated"
    assert (record["input_tokens"], record["cache_read_tokens"]) == (1000, 200)
    (cost,) = governed.costs()
    assert cost is not None
    assert Decimal("0.0011") < cost < Decimal("0.0012")


def test_a_body_that_breaks_off_costs_what_was_held(
    governed: Governed, upstream: Upstream, http: httpx2.Client
) -> None:
    def broken(path: str, asked: Asked) -> Answer:
        return Answer([chat_body(asked).pieces[0][:60]], breaks=True)

    upstream.script = broken
    body = {"model": "gpt-test", "messages": HELLO, "max_tokens": 600}
    with pytest.raises(httpx2.RemoteProtocolError):
        http.post(f"{upstream.url}/v1/chat/completions", json=body)
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "failed")
    (cost,) = governed.costs()
    assert cost is not None
    assert cost > Decimal("0.0012")  # 600 output at $2 per million, and the input


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_provider_that_refuses_is_not_paid(
    status: int, gpt: openai.OpenAI, governed: Governed, upstream: Upstream
) -> None:
    body = json.dumps({"error": {"message": "no", "type": "e"}}).encode()
    upstream.script = lambda path, asked: Answer([body], status=status)
    with pytest.raises(openai.APIStatusError):
        chat(gpt.with_options(max_retries=0))
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_an_error_event_before_any_output_is_not_paid(
    gpt: openai.OpenAI, governed: Governed, upstream: Upstream
) -> None:
    upstream.script = lambda path, asked: Answer(
        [event({"error": {"message": "overloaded", "type": "server_error"}})], kind=STREAM
    )
    with pytest.raises(openai.APIError, match="overloaded"):
        next(chat_stream(gpt))
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_a_call_that_never_left_is_released(governed: Governed, upstream: Upstream) -> None:
    transport = GovernedTransport(governed.governor)
    with httpx2.Client(transport=transport) as http:
        nowhere = openai.OpenAI(
            base_url="http://127.0.0.1:1/v1", api_key="k", http_client=http, max_retries=0
        )
        with pytest.raises(openai.APIConnectionError):
            chat(nowhere)
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_a_timeout_costs_what_was_held_for_the_provider_may_have_worked(
    gpt: openai.OpenAI, governed: Governed, upstream: Upstream
) -> None:
    over = threading.Event()

    def stalled(path: str, asked: Asked) -> Answer:
        over.wait(5)
        return chat_body(asked)

    upstream.script = stalled
    with pytest.raises(openai.APITimeoutError):
        chat(gpt.with_options(max_retries=0, timeout=0.2))
    over.set()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "failed")


def test_parts_of_other_models_are_priced_as_such(
    claude: anthropic.Anthropic, governed: Governed, upstream: Upstream
) -> None:
    iterations = [
        {"type": "message", "input_tokens": 1000, "output_tokens": 500},
        {
            "type": "advisor_message",
            "model": "claude-other",
            "input_tokens": 100,
            "output_tokens": 10,
        },
    ]
    usage = {"input_tokens": 1000, "output_tokens": 500, "iterations": iterations}
    body: Asked = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    upstream.script = lambda path, asked: Answer([json.dumps(body).encode()])
    claude.messages.create(model="claude-test", max_tokens=600, messages=HELLO)
    assert governed.costs() == [Decimal("0.002") + Decimal("0.0012")]
    (record,) = governed.records()
    assert (record["input_tokens"], record["output_tokens"]) == (1100, 510)


def test_a_cache_write_is_held_at_its_own_price(
    claude: anthropic.Anthropic, governed: Governed, upstream: Upstream
) -> None:
    held: list[int] = []

    def look(path: str, asked: Asked) -> Answer:
        (one,) = governed.governor.store.run(lambda unit: [*unit.held()])
        held.append(one.hold_nano_usd)
        return Answer([b"{}"])

    upstream.script = look
    text = {"type": "text", "text": "x" * 3000}
    for control in ({}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}):
        system: Any = [{**text, **control}]
        claude.messages.create(
            model="claude-test",
            max_tokens=1,
            messages=HELLO,
            system=system,
        )
    plain, written = held
    assert plain > 1_000_000  # a thousand tokens at $1 per million
    assert 1.9 * plain < written < 2.2 * plain


@pytest.mark.parametrize("limit_usd", ["0.05"])
def test_fifty_threads_never_overspend(governed: Governed, upstream: Upstream) -> None:
    """EVA-1: what ran cost at most the limit, and what would not have fit did not run."""
    usage = {**CHAT_USAGE, "prompt_tokens": 20, "completion_tokens": 600, "total_tokens": 620}
    usage.pop("prompt_tokens_details")

    def dear(path: str, asked: Asked) -> Answer:
        body = json.loads(chat_body(asked).pieces[0])
        return Answer([json.dumps({**body, "usage": usage}).encode()])

    upstream.script = dear
    outcomes: list[str] = []

    def work(_: int) -> None:
        for _ in range(4):
            try:
                chat(gpt)
                outcomes.append("ran")
            except openai.APIStatusError as refused:
                outcomes.append(str(refused.status_code))

    with httpx2.Client(
        transport=GovernedTransport(
            governed.governor,
            httpx2.HTTPTransport(limits=httpx2.Limits(max_connections=100)),
        ),
        timeout=60,
    ) as http:
        gpt = openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="k", http_client=http)
        with ThreadPoolExecutor(50) as pool:
            for _ in pool.map(work, range(50)):
                pass
    ran = outcomes.count("ran")
    assert outcomes.count("402") == 200 - ran > 0
    assert len(upstream.asked) == len(governed.records()) == ran
    assert governed.spent_usd == ran * Decimal("0.00122")
    assert Decimal("0.045") < governed.spent_usd <= Decimal("0.05")
    assert governed.open_holds() == 0


def test_a_store_that_cannot_answer_lets_nothing_through(
    gpt: openai.OpenAI, governed: Governed, upstream: Upstream
) -> None:
    governed.governor.store.close()
    with pytest.raises(openai.InternalServerError, match="cannot be verified") as refused:
        chat(gpt.with_options(max_retries=0))
    assert refused.value.status_code == 503
    assert "l.duckdb" not in refused.value.response.text
    assert upstream.asked == []


def test_a_settlement_that_fails_does_not_spoil_the_answer_and_is_repeated(
    gpt: openai.OpenAI,
    governed: Governed,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    correct = governed.governor.correct
    faults = [StoreUnavailable("busy")]

    def once(*args: Any, **more: Any) -> object:
        if faults:
            raise faults.pop()
        return correct(*args, **more)

    monkeypatch.setattr(governed.governor, "correct", once)
    with caplog.at_level(logging.ERROR, "corvus.clients"):
        assert chat(gpt).choices[0].message.content == "Hello"
    assert governed.settled_soon()
    assert governed.costs() == [CHAT]
    assert "was not settled (store-unavailable); it is tried again" in caplog.text


def test_a_store_that_is_gone_spoils_no_answer_and_holds_up_no_end(
    governed: Governed, upstream: Upstream
) -> None:
    """RES-6: what cannot be settled stays held, and is presumed spent at its deadline."""
    with httpx2.Client(transport=GovernedTransport(governed.governor)) as http:
        gpt = openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="k", http_client=http)
        stream = chat_stream(gpt)
        governed.governor.store.close()
        assert len([*stream]) == 3
        begin = time.monotonic()
    assert time.monotonic() - begin < 5


def test_while_governance_is_disabled_all_goes_through_untouched(
    governed: Governed, upstream: Upstream
) -> None:
    """EVA-11."""
    off = Governor(replace(governed.governor.policy, enabled=False), governed.governor.store)
    with httpx2.Client(transport=GovernedTransport(off)) as http:
        gpt = openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="k", http_client=http)
        assert len([*chat_stream(gpt, model="no-such-model")]) == 3
    assert "stream_options" not in upstream.asked[0]
    assert governed.records() == []


def test_an_answer_that_comes_packed_is_read_on_the_side(
    gpt: openai.OpenAI, governed: Governed, upstream: Upstream
) -> None:
    """The transport asks for plain bytes; a provider that compresses all the same is not free."""

    def compressed(path: str, asked: Asked) -> Answer:
        body = gzip.compress(chat_body(asked).pieces[0])
        return Answer([body], headers={"content-encoding": "gzip"})

    upstream.script = compressed
    assert chat(gpt).choices[0].message.content == "Hello"
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("priced", "completed")
    assert governed.costs() == [CHAT]


def test_a_misspelt_option_is_refused(governed: Governed) -> None:
    with pytest.raises(TypeError, match="did you mean session_id"):
        GovernedTransport(governed.governor, sesion_id="s")  # pyright: ignore[reportCallIssue]


def send_packed(
    http: httpx2.Client, url: str, name: str, body: dict[str, Any]
) -> tuple[httpx2.Response, bytes]:
    packed = PACKERS[name](json.dumps(body).encode())
    headers = {"content-encoding": name, "content-type": "application/json", "content-md5": "x"}
    return http.post(f"{url}/v1/chat/completions", content=packed, headers=headers), packed


@pytest.mark.parametrize("name", PACKERS)
def test_a_request_that_is_compressed_is_metered_and_leaves_as_it_is(
    http: httpx2.Client, governed: Governed, upstream: Upstream, name: str
) -> None:
    """PRX-1, PRX-2."""
    body = {"model": "gpt-test", "messages": HELLO, "max_tokens": 600}
    answer, packed = send_packed(http, upstream.url, name, body)
    assert answer.status_code == 200
    assert upstream.raw[-1] == packed
    assert upstream.headers[-1]["content-encoding"] == name
    assert governed.costs() == [CHAT]


def test_one_that_is_changed_leaves_decoded(
    http: httpx2.Client, governed: Governed, upstream: Upstream
) -> None:
    body = {"model": "gpt-test", "messages": HELLO, "max_tokens": 600, "stream": True}
    answer, _ = send_packed(http, upstream.url, "zstd", body)
    assert answer.status_code == 200
    assert json.loads(upstream.raw[-1])["stream_options"] == {"include_usage": True}
    assert not {"content-encoding", "content-md5"} & set(upstream.headers[-1])
    assert governed.costs() == [CHAT]


@pytest.mark.parametrize(
    ("name", "sent", "status", "code"),
    [
        ("lzma", b"{}", 415, "encoding_refused"),
        ("gzip", b"{}", 400, "encoding_broken"),
        ("zstd", b"", 400, "json_invalid"),
    ],
)
def test_a_request_in_no_encoding_that_is_read_never_leaves(
    http: httpx2.Client, upstream: Upstream, name: str, sent: bytes, status: int, code: str
) -> None:
    url = f"{upstream.url}/v1/chat/completions"
    answer = http.post(url, content=sent, headers={"content-encoding": name})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-should-retry"] == "false"
    assert upstream.asked == []
