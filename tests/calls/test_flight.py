"""One life of a governed call, whatever happens to it and however its bytes are cut (RES-10)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.money import NanoUSD
from corvus.calls.flight import Command, Ending, Extend, Flight, Relay, Settle
from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.metering.provider import Endpoint
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, RESPONSES
from corvus.model.request import Request
from corvus.model.reservation import Outcome, Reservation, ReservationState

NOW = datetime(2026, 11, 28, tzinfo=UTC)
STREAM = {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "req-1"}
BODY = {"content-type": "application/json"}
HOLD = NanoUSD(5_000_000)


def event(data: object, name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()


def text(words: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": words}, "finish_reason": finish}
    return event({"model": "m-1", "choices": [choice], "usage": None})


USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
CHAT_STREAM = (
    text("Hel") + text("lo", "stop") + event({"model": "m-1", "choices": [], "usage": USAGE})
)
CHAT_ERROR = event({"error": {"message": "no", "type": "server_error"}})
RESPONSE = {"model": "m-1", "usage": {"input_tokens": 10, "output_tokens": 4}}
DELTA = event({"type": "response.output_text.delta", "delta": "Hello"})
FAILED = event(
    {"type": "response.failed", "response": {**RESPONSE, "error": {"code": "e", "message": "no"}}}
)
STARTED = event(
    {"type": "message_start", "message": {"model": "m-1", "usage": {"input_tokens": 10}}}
)
SAID = event({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello"}})
COUNTED = event({"type": "message_delta", "usage": {"output_tokens": 4}})
STOPPED = event({"type": "message_stop"})
OVERLOADED = event({"type": "error", "error": {"type": "overloaded_error", "message": "no"}})
SENSE = {
    CHAT: [
        CHAT_STREAM + event("[DONE]"),
        CHAT_STREAM,
        text("Hel"),
        CHAT_ERROR,
        text("Hel") + CHAT_ERROR,
    ],
    RESPONSES: [DELTA + FAILED, DELTA],
    MESSAGES: [
        STARTED + SAID + COUNTED + STOPPED,
        STARTED + SAID,
        STARTED + OVERLOADED,
        OVERLOADED,
        STARTED + SAID + COUNTED + OVERLOADED,
    ],
}


def plan_of(endpoint: Endpoint, *, asks: bool = True) -> Plan:
    body: dict[str, object] = {"model": "m", "stream": True, "max_tokens": 50, "messages": []}
    if asks and endpoint is CHAT:
        body["stream_options"] = {"include_usage": True}
    if endpoint is RESPONSES:
        body = {"model": "m", "stream": True, "max_output_tokens": 50, "input": "x"}
    plan = read(endpoint, json.dumps(body).encode())
    assert isinstance(plan, Plan)
    return plan


def flight_of(endpoint: Endpoint = CHAT, *, asks: bool = True) -> Flight:
    request = Request("m", HOLD, "s", input_nano_usd=1000, output_rate=1_000_000_000)
    held = Reservation("r", request, ReservationState.HELD, HOLD, NOW, NOW, "")
    return Flight(held, plan_of(endpoint, asks=asks))


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    at = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(at)]


End = Callable[[Flight], list[Command]]
ENDS: dict[str, End] = {
    "end": lambda one: one.end(NOW),
    "broken": lambda one: one.broken(NOW),
    "abandoned": lambda one: one.abandoned(NOW),
}


@dataclass
class Seen:
    """What a flight said.

    Attributes:
        relayed: All bytes for the client.
        settled_before: Bytes that had been relayed when it was settled.
    """

    endings: list[Ending]
    relayed: bytes = b""
    settled_before: int = -1

    def take(self, commands: list[Command]) -> None:
        for one in commands:
            if isinstance(one, Settle):
                self.endings.append(one.ending)
                self.settled_before = len(self.relayed)
            elif isinstance(one, Relay):
                self.relayed += one.data


def fly(
    endpoint: Endpoint,
    pieces: Sequence[bytes],
    how: str,
    *,
    status: int = 200,
    headers: dict[str, str] = STREAM,
    asks: bool = True,
) -> Seen:
    """Let a whole call happen, and then all that may still come after its end."""
    flight, seen = flight_of(endpoint, asks=asks), Seen([])
    flight.sent(NOW)
    flight.head(status, headers, NOW)
    for piece in pieces:
        seen.take(flight.data(piece, NOW))
    for last in (how, "broken", "abandoned"):
        seen.take(ENDS[last](flight))
    return seen


scripts = st.sampled_from([(place, one) for place, all_of in SENSE.items() for one in all_of])


@given(
    script=scripts,
    places=st.lists(st.integers(0, 2000), max_size=12),
    shorter=st.integers(0, 2000),
    how=st.sampled_from([*ENDS]),
    asks=st.booleans(),
)
def test_the_same_bytes_end_a_call_in_the_same_way_however_they_are_cut(
    script: tuple[Endpoint, bytes], places: list[int], shorter: int, how: str, *, asks: bool
) -> None:
    endpoint, data = script
    data = data[: max(1, len(data) - shorter)] if shorter < len(data) else data
    whole = fly(endpoint, [data], how, asks=asks)
    pieces = fly(endpoint, cut(data, places), how, asks=asks)
    assert pieces.endings == whole.endings
    assert len(whole.endings) == 1
    if how == "end":
        assert pieces.relayed == whole.relayed
        if asks:
            assert whole.relayed == data


events = st.lists(
    st.one_of(
        st.just(("sent", b"")),
        st.just(("head", b"")),
        st.tuples(st.just("data"), st.one_of(st.binary(max_size=40), scripts.map(lambda x: x[1]))),
        st.sampled_from([("end", b""), ("broken", b""), ("abandoned", b"")]),
    ),
    max_size=12,
)


@given(events, st.sampled_from([*SENSE]), st.sampled_from([200, 302, 400, 500]), st.booleans())
def test_any_life_ends_in_exactly_one_settlement(
    happening: list[tuple[str, bytes]], endpoint: Endpoint, status: int, is_stream: bool
) -> None:
    flight, seen, has_head = flight_of(endpoint), Seen([]), False
    for what, data in happening:
        if what == "sent":
            flight.sent(NOW)
        elif what == "head" and not has_head:
            flight.head(status, STREAM if is_stream else BODY, NOW)
            has_head = True
        elif what == "data" and has_head:
            seen.take(flight.data(data, NOW))
        elif what in ("broken", "abandoned") or (what == "end" and has_head):
            seen.take(ENDS[what](flight))
    seen.take(flight.abandoned(NOW))
    assert len(seen.endings) == 1
    assert flight.is_settled


@pytest.mark.parametrize(("how", "outcome"), [("broken", "failed"), ("abandoned", "cancelled")])
def test_what_was_never_written_is_free_and_what_was_written_costs_the_hold(
    how: str, outcome: str
) -> None:
    for is_sent in (False, True):
        flight, seen = flight_of(), Seen([])
        if is_sent:
            flight.sent(NOW)
        seen.take(ENDS[how](flight))
        (ending,) = seen.endings
        assert ending.is_release is not is_sent
        assert ending.usage is None
        assert ending.report.get("outcome") == outcome


@pytest.mark.parametrize("status", [302, 400, 429, 503])
def test_an_error_by_status_is_free_unless_it_tells_usage(status: int) -> None:
    (plain,) = fly(CHAT, [b'{"error":{}}'], "end", status=status, headers=BODY).endings
    assert plain.is_release
    body = json.dumps({"error": {}, "usage": USAGE}).encode()
    (told,) = fly(CHAT, [body], "end", status=status, headers=BODY).endings
    assert not told.is_release
    assert told.usage is not None
    assert told.usage.output_tokens == 4
    assert told.report.get("outcome") is Outcome.FAILED


@pytest.mark.parametrize("how", ["broken", "abandoned"])
def test_a_body_that_broke_off_costs_the_hold(how: str) -> None:
    (ending,) = fly(CHAT, [b'{"choices":[{"mess'], how, headers=BODY).endings
    assert (ending.is_release, ending.usage) == (False, None)


@pytest.mark.parametrize(
    ("endpoint", "data", "is_free"),
    [
        (CHAT, CHAT_ERROR, True),
        (MESSAGES, OVERLOADED, True),
        (CHAT, text("Hel") + CHAT_ERROR, False),
        (MESSAGES, STARTED + OVERLOADED, False),
    ],
)
def test_an_error_event_is_free_only_before_any_usage_and_output(
    endpoint: Endpoint, data: bytes, is_free: bool
) -> None:
    (ending,) = fly(endpoint, [data], "end").endings
    assert ending.is_release is is_free
    assert ending.report.get("outcome") is Outcome.FAILED
    if not is_free:
        assert ending.report.get("is_estimated") is True


@pytest.mark.parametrize(
    ("endpoint", "data"),
    [
        (RESPONSES, DELTA + FAILED),
        (MESSAGES, STARTED + SAID + COUNTED + OVERLOADED),
    ],
)
def test_a_stream_that_fails_with_its_usage_costs_that_and_has_failed(
    endpoint: Endpoint, data: bytes
) -> None:
    (ending,) = fly(endpoint, [data], "end").endings
    assert ending.usage is not None
    assert (ending.usage.input_tokens, ending.usage.output_tokens) == (10, 4)
    assert ending.report.get("outcome") is Outcome.FAILED
    assert ending.report.get("is_estimated") is False


@given(st.integers(0, 5), st.sampled_from(["broken", "abandoned"]))
def test_a_stream_cut_after_any_event_costs_at_least_what_it_had_cost_by_then(
    said: int, how: str
) -> None:
    """The provider bills a token for each byte of text, at most; and all of the input."""
    (ending,) = fly(CHAT, [text("word ")] * said, how).endings
    assert not ending.is_release
    assert ending.usage is not None
    assert ending.usage.input_tokens >= 10
    assert ending.usage.output_tokens >= said
    assert ending.report.get("is_estimated") is True


def test_a_call_is_settled_before_the_bytes_that_end_its_answer_are_relayed() -> None:
    """Not before its usage: a later chunk may state more."""
    seen = fly(CHAT, [text("Hel"), CHAT_STREAM.removeprefix(text("Hel")), event("[DONE]")], "end")
    assert seen.settled_before == len(CHAT_STREAM)


def test_usage_that_was_not_asked_for_is_left_out_and_the_rest_of_the_bytes_is_not() -> None:
    last = b"data: [DONE]"  # without the blank line that ends it
    seen = fly(CHAT, [CHAT_STREAM, last], "end", asks=False)
    assert seen.relayed == text("Hel") + text("lo", "stop") + last


@pytest.mark.parametrize("how", [*ENDS])
def test_a_packed_answer_is_read_on_the_side_or_costs_the_hold(how: str) -> None:
    packed = gzip.compress(CHAT_STREAM + event("[DONE]"))
    headers = {**STREAM, "content-encoding": "gzip"}
    seen = fly(CHAT, [packed[:20], packed[20:]], how, headers=headers)
    assert seen.relayed == packed
    assert seen.endings[0].usage is not None
    for data, encoding in ((packed[:30], "gzip"), (b"\x00" * 50, "gzip"), (packed, "br")):
        (ending,) = fly(CHAT, [data], how, headers={**STREAM, "content-encoding": encoding}).endings
        assert (ending.is_release, ending.usage) == (False, None)


@pytest.mark.parametrize(
    ("named", "kept"),
    [("r" * 200, "r" * 200), ("r" * 201, "r" * 200), ("\u00e9", None), ("", None)],
)
def test_the_providers_name_of_a_call_is_kept_up_to_200_characters(
    named: str, kept: str | None
) -> None:
    headers = {**STREAM, "x-request-id": named}
    (ending,) = fly(CHAT, [CHAT_STREAM], "end", headers=headers).endings
    assert ending.report.get("provider_request_id") == kept


def test_the_first_byte_says_when_the_answer_began() -> None:
    flight = flight_of()
    flight.head(200, STREAM, NOW)
    later = NOW + timedelta(seconds=2)
    flight.data(b"", NOW)
    flight.data(text("Hel"), later)
    seen = Seen([])
    seen.take(flight.data(CHAT_STREAM + event("[DONE]"), later + timedelta(seconds=2)))
    assert seen.endings[0].report.get("first_token_at") == later


def test_a_stream_that_outgrows_its_hold_has_more_held() -> None:
    flight = flight_of()
    flight.head(200, STREAM, NOW)
    found: list[Command] = []
    for second in range(5):
        found += flight.data(text("word " * 2000), NOW + timedelta(seconds=2 * second))
    raised = [one.hold_nano_usd for one in found if isinstance(one, Extend)]
    assert raised
    assert raised == sorted(raised)
    assert raised[0] > HOLD


def test_a_stream_whose_kind_is_not_told_is_read_as_it_was_asked_for() -> None:
    flight = flight_of()
    flight.head(200, {}, NOW)
    commands = [*flight.data(CHAT_STREAM, NOW), *flight.end(NOW)]
    (ending,) = [one.ending for one in commands if isinstance(one, Settle)]
    assert ending.usage is not None
    assert (ending.usage.input_tokens, ending.usage.output_tokens) == (10, 4)


def test_an_error_that_says_that_nothing_was_used_is_free() -> None:
    flight = flight_of()
    flight.head(400, BODY, NOW)
    usage = {"prompt_tokens": 0, "completion_tokens": 0}
    body = json.dumps({"error": {"message": "no"}, "usage": usage}).encode()
    commands = [*flight.data(body, NOW), *flight.end(NOW)]
    (ending,) = [one.ending for one in commands if isinstance(one, Settle)]
    assert ending.is_release
