from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.openai.taps import ChatStreamTap
from corvus.metering.sse import EventBlocks, data_of, events
from corvus.model.usage import Usage
from tests.metering.streams import chat_chunk, pass_through, read_every_way, said, sse

COUNTS = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
USAGE = chat_chunk(None, usage=COUNTS)
STREAM = sse(chat_chunk("Hé"), chat_chunk("llo"), USAGE, "[DONE]")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_lines_may_end_in_three_ways_and_a_byte_order_mark_may_come_first(
    end: str, start: bytes
) -> None:
    body = start + sse(USAGE, chat_chunk(), "[DONE]", end=end)
    tap = read_every_way(ChatStreamTap, body)
    assert tap.usage is not None
    assert tap.usage.total == Usage(7, 3)
    assert tap.is_settled


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_the_dropped_event_goes_with_its_blank_line_and_nothing_else(end: str) -> None:
    first, last = sse(chat_chunk("a"), end=end), sse(chat_chunk("b"), "[DONE]", end=end)
    tap = read_every_way(
        lambda: ChatStreamTap(drops_usage_chunk=True),
        first + sse(USAGE, end=end) + last,
        first + last,
    )
    assert tap.usage is not None


def test_data_in_several_lines_is_one_text_and_comments_are_none() -> None:
    pretty = "".join(f"data: {line}\n" for line in json.dumps(USAGE, indent=1).splitlines())
    body = f": ping\n\nid: 1\n: more\n{pretty}retry: 5\n\n".encode()
    tap = read_every_way(ChatStreamTap, body)
    assert tap.usage is not None
    assert tap.usage.total == Usage(7, 3)


def test_data_needs_no_space_after_its_colon_and_loses_only_one() -> None:
    assert data_of(b"data:a\ndata:  b\nevent: x\n\n") == b"a\n b"


def test_the_last_event_counts_without_its_blank_line() -> None:
    tap = read_every_way(ChatStreamTap, STREAM.removesuffix(sse("[DONE]")).rstrip(b"\n"))
    assert tap.usage is not None


def test_events_cover_a_block_without_gaps() -> None:
    block = b"a\n\nb\r\n\r\nc\r\rd"
    found = [block[event.start : event.end] for event in events(block)]
    assert found == [b"a\n\n", b"b\r\n\r\n", b"c\r\r", b"d"]


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\n\n", b"data: x"])), st.data())
def test_no_byte_is_lost_however_a_stream_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    body = b"".join(pieces)
    places = sorted(data.draw(st.sets(st.integers(0, len(body)))) | {0, len(body)})
    blocks = EventBlocks(limit_bytes=data.draw(st.integers(1, 40)))
    passed = b""
    for start, end in itertools.pairwise(places):
        unread, block = blocks.feed(body[start:end])
        passed += unread + block
    assert passed + blocks.finish() == body


@given(st.data())
def test_random_cuts_change_nothing(data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, len(STREAM)))) | {0, len(STREAM)})
    whole, cut = ChatStreamTap(), ChatStreamTap()
    pass_through(whole, [STREAM])
    chunks = [STREAM[start:end] for start, end in itertools.pairwise(places)]
    assert pass_through(cut, chunks) == STREAM
    assert said(cut) == said(whole)


@pytest.mark.parametrize("drops", [False, True], ids=["keeps", "drops"])
@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_an_event_beyond_the_limit_passes_unread_and_the_next_is_read(
    drops: bool, size: int
) -> None:
    long, after = sse(chat_chunk("x" * 5_000)), sse(USAGE)
    body = long + sse(chat_chunk("b")) + after
    tap = ChatStreamTap(drops_usage_chunk=drops, limit_bytes=1_000)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert pass_through(tap, chunks) == body.removesuffix(after if drops else b"")
    assert tap.has_overflowed is (size < 10_000)
    assert tap.usage is not None


@pytest.mark.parametrize("size", [100, 700])
def test_the_end_of_an_event_beyond_the_limit_is_not_taken_for_an_event(size: int) -> None:
    body = b"data: " + b"x" * 5_000 + b"\n" + sse(USAGE) + sse(chat_chunk())
    tap = ChatStreamTap(limit_bytes=1_000)
    pass_through(tap, [body[at : at + size] for at in range(0, len(body), size)])
    assert tap.has_overflowed
    assert tap.usage is None


def test_no_more_than_the_limit_is_kept_of_an_endless_event() -> None:
    tap = ChatStreamTap(drops_usage_chunk=True, limit_bytes=1_000)
    relayed = sum(len(tap.feed(b"x" * 100)) for _ in range(100))
    assert relayed >= 10_000 - 1_000
    assert tap.has_overflowed
    assert tap.usage_unknown
