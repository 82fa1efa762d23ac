"""The taps read recorded answers of real providers as the provider's own library does (PRX-3)."""

from __future__ import annotations

import json
import random
from collections import Counter
from importlib import import_module
from typing import Any, cast

import pytest

from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, EMBEDDINGS, RESPONSES
from corvus.metering.sse import data_of, events
from corvus.metering.tap import Tap
from corvus.model.usage import Usage
from tests.metering.recordings import NoIndex, Recording, downloaded, recordings
from tests.metering.streams import pass_through, said

_SDK_EVENTS = ("message_start", "message_delta", "message_stop", "content_block_start")
_SDK_MORE = ("content_block_delta", "content_block_stop")


@pytest.fixture(scope="module")
def tapes(request: pytest.FixtureRequest) -> list[Recording]:
    """All recordings; downloaded once, then kept in pytest's cache folder."""
    cache = request.config.cache
    assert cache is not None
    try:
        archives = downloaded(cache.mkdir("recordings"))
    except NoIndex as error:
        pytest.skip(f"no recorded answers: the package index cannot be reached: {error}")
    return [one for archive in archives for one in recordings(archive)]


def asked(tape: Recording) -> Plan:
    plan = read(tape.endpoint, tape.asked or b'{"model": "unknown"}')
    assert isinstance(plan, Plan), (tape.name, plan)
    return plan


def opened(tape: Recording) -> Tap:
    return tape.endpoint.open_tap(asked(tape), is_stream=tape.is_stream)


def played(tape: Recording) -> Tap:
    tap = opened(tape)
    pass_through(tap, [tape.body])
    return tap


def test_there_are_recordings_of_every_kind(tapes: list[Recording]) -> None:
    kinds = Counter((tape.endpoint, tape.is_stream) for tape in tapes)
    assert kinds[CHAT, True] >= 80
    assert kinds[CHAT, False] >= 200
    assert kinds[RESPONSES, True] >= 140
    assert kinds[RESPONSES, False] >= 60
    assert kinds[MESSAGES, True] >= 70
    assert kinds[MESSAGES, False] >= 80
    assert kinds[EMBEDDINGS, False] >= 40


def test_only_errors_and_chat_streams_that_were_not_asked_are_unknown(
    tapes: list[Recording],
) -> None:
    unknown = [tape for tape in tapes if played(tape).usage_unknown]
    unexplained = [
        tape.name
        for tape in unknown
        if not (tape.endpoint is CHAT and tape.is_stream and not asked(tape).asks_usage)
        and played(tape).error is None
        and not tape.body.startswith(b'{"detail":')
    ]
    assert unexplained == []
    assert len(unknown) < len(tapes) / 5


def test_every_stream_with_usage_is_settled_by_its_own_events(tapes: list[Recording]) -> None:
    """The last event of some recordings lacks its blank line: it is read when the body ends."""
    early = 0
    for tape in tapes:
        tap = opened(tape)
        tap.feed(tape.body)
        early += tape.is_stream and tap.is_settled
        assert tap.is_settled or not tape.body.endswith(b"\n\n") or tap.usage_unknown, tape.name
        tap.finish()
        assert tap.is_settled is not tap.usage_unknown, tape.name
    assert early >= 200


def test_chunk_boundaries_change_nothing(tapes: list[Recording]) -> None:
    chance = random.Random(20261126)
    for tape in tapes:
        whole = opened(tape)
        relayed = pass_through(whole, [tape.body])
        for mean in (7, 300):
            cut = opened(tape)
            assert pass_through(cut, pieces(tape.body, mean, chance)) == relayed, tape.name
            assert said(cut) == said(whole), tape.name


def pieces(body: bytes, mean: int, chance: random.Random) -> list[bytes]:
    cuts: list[bytes] = []
    at = 0
    while at < len(body):
        size = chance.randint(1, 2 * mean)
        cuts.append(body[at : at + size])
        at += size
    return cuts


def test_all_is_relayed_but_the_usage_chunk_that_was_not_asked_for(tapes: list[Recording]) -> None:
    for tape in tapes:
        relayed = pass_through(opened(tape), [tape.body])
        if tape.endpoint is CHAT and tape.is_stream and not asked(tape).asks_usage:
            surplus = [
                tape.body[one.start : one.end]
                for one in events(tape.body)
                if b'"choices":[],"usage":{' in tape.body[one.start : one.end]
            ]
            assert len(tape.body) - len(relayed) == sum(map(len, surplus)), tape.name
        else:
            assert relayed == tape.body, tape.name


def test_recorded_chat_requests_mean_the_same_but_for_the_option(tapes: list[Recording]) -> None:
    seen = 0
    for tape in tapes:
        if tape.endpoint is not CHAT or not asked(tape).is_stream:
            continue
        seen += 1
        before, after = json.loads(tape.asked), json.loads(asked(tape).forward())
        assert after.pop("stream_options")["include_usage"] is True
        before.pop("stream_options", None)
        assert after == before
    assert seen >= 80


def test_recorded_input_is_within_its_bound(
    tapes: list[Recording],
) -> None:
    judged = 0
    for tape in tapes:
        tap, plan = played(tape), asked(tape)
        if tap.usage is None or not tape.asked:
            continue
        judged += 1
        assert tap.usage.total.context_tokens <= plan.input_tokens, tape.name
    assert judged >= 500


def test_usage_equals_that_of_the_official_library(tapes: list[Recording]) -> None:
    """Every stream that it can read; those it cannot must not break the tap."""
    pytest.importorskip("anthropic", reason="the dev dependency anthropic is not installed")
    equal = refused = 0
    for tape in tapes:
        if tape.endpoint is not MESSAGES or not tape.is_stream:
            continue
        tap = played(tape)
        expected = accumulated(tape.body)
        if expected is None:
            refused += 1
            continue
        assert tap.usage is not None, tape.name
        found = tap.usage.total
        if tape.name.endswith("refusal_response.txt"):
            continue  # its output falls from 1 to 0: counters are cumulative, so 1 stands
        assert (
            found.input_tokens,
            found.output_tokens + found.reasoning_tokens,
            found.cache_read_tokens,
            found.cache_write_5m_tokens + found.cache_write_1h_tokens,
            found.web_search_requests,
        ) == expected, tape.name
        equal += 1
    assert equal >= 70
    assert refused <= 3


def accumulated(body: bytes) -> tuple[int, ...] | None:
    """Return what the official accumulator ends with; ``None`` when it refuses the stream.

    Its iterations, where it has some, stand for the whole: they are what is billed.
    """
    accumulate: Any = import_module("anthropic.lib.streaming._beta_messages").accumulate_event
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for one in events(body):
        data = data_of(body[one.start : one.end])
        message: Any = json.loads(data) if data else {}
        if message.get("type") not in (*_SDK_EVENTS, *_SDK_MORE):
            continue
        try:
            snapshot = accumulate(
                event=message, current_snapshot=snapshot, json_bufs=buffers, request_headers=None
            )
        except (RuntimeError, ValueError, IndexError):
            return None
    if snapshot is None:
        return None
    whole: Any = snapshot.usage
    searches = whole.server_tool_use.web_search_requests if whole.server_tool_use else 0
    billed = cast(list[Any], whole.iterations or [whole])
    return (
        sum(one.input_tokens or 0 for one in billed),
        sum(one.output_tokens or 0 for one in billed),
        sum(one.cache_read_input_tokens or 0 for one in billed),
        sum(one.cache_creation_input_tokens or 0 for one in billed),
        searches or 0,
    )


def test_a_second_model_or_request_is_a_part_of_its_own(tapes: list[Recording]) -> None:
    several = [tape for tape in tapes if tape.endpoint is MESSAGES]
    taps = [(tape, played(tape).usage) for tape in several]
    compacted = [usage for tape, usage in taps if "compaction_streaming" in tape.name]
    assert [len(usage.parts) for usage in compacted if usage is not None] == [1, 2, 1]
    main = compacted[1]
    assert main is not None
    assert [part.usage for part in main.parts] == [Usage(224, 22), Usage(83_555, 154)]
