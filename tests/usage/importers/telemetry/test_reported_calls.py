"""Which log records report a call of Claude Code or Codex, and which are not believed (PRX-9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.model.reported import ReportedCall
from corvus.model.usage import Usage
from corvus.usage.importers.importer import BadRecord
from corvus.usage.importers.telemetry.reported_calls import reported_call
from corvus.usage.importers.telemetry.shapes import signal_of

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CLAUDE = {
    "event.name": "api_request",
    "event.timestamp": "2026-11-28T06:48:01.575Z",
    "session.id": "cc-1",
    "model": "claude-sonnet-4-5",
    "input_tokens": 1200,
    "output_tokens": 50,
    "cache_read_tokens": 4000,
    "cache_creation_tokens": 0,
    "cost_usd": "0.006675",
    "cost_usd_micros": 6675,
    "request_id": "req_a",
}
CODEX = {
    "event.name": "codex.sse_event",
    "event.kind": "response.completed",
    "event.timestamp": "2026-11-28T06:49:01.573Z",
    "conversation.id": "cx-1",
    "slug": "gpt-5",
    "input_token_count": "1200",
    "output_token_count": "50",
    "cached_token_count": 1000,
    "cache_write_token_count": 0,
    "reasoning_token_count": 20,
    "tool_token_count": "1250",
}


def read(attributes: dict[str, Any], **record: Any) -> ReportedCall | None:
    pairs = [{"key": name, "value": {"x": value}} for name, value in attributes.items()]
    return reported_call(
        signal_of({"attributes": pairs, **record}, {"service.name": "claude-code"}), NOW
    )


def call(attributes: dict[str, Any], **record: Any) -> ReportedCall:
    found = read(attributes, **record)
    assert found is not None
    return found


def test_prx_9_a_request_of_claude_code_is_a_call() -> None:
    assert call(CLAUDE) == ReportedCall(
        client="claude-code",
        identity="request:req_a",
        session_id="cc-1",
        at=datetime(2026, 11, 28, 6, 48, 1, 575000, tzinfo=UTC),
        model="claude-sonnet-4-5",
        usage=Usage(1200, 50, 4000),
        provider="anthropic",
        request_id="req_a",
        client_cost_usd=Decimal("0.006675"),
    )


def test_an_event_of_codex_is_a_call_whose_total_is_not_counted() -> None:
    found = call(CODEX)
    assert found.usage == Usage(200, 30, 1000, reasoning_tokens=20)
    assert (found.model, found.provider, found.request_id) == ("gpt-5", "openai", None)
    assert found.client_cost_usd is None


@pytest.mark.parametrize(
    "attributes",
    [
        {**CLAUDE, "event.name": "user_prompt"},
        {**CLAUDE, "event.name": "api_error"},
        {**CODEX, "event.kind": "response.created"},
        {**CODEX, "event.name": "codex.user_prompt"},
        {**CODEX, "event.name": "gemini_cli.api_response"},
        {},
    ],
)
def test_other_records_are_none(attributes: dict[str, Any]) -> None:
    assert read(attributes) is None


@pytest.mark.parametrize(
    "other",
    [
        {"input_tokens": None},
        {"output_tokens": ""},
        {"input_tokens": -1},
        {"input_tokens": True},
        {"input_tokens": "1.5"},
        {"input_tokens": 10**400},
        {"cache_read_tokens": 200_000_000},
        {"session.id": " "},
        {"session.id": "a\nb"},
        {"model": "m" * 201},
        {"request_id": "r" * 201},
        {"event.timestamp": "1970-01-01T00:00:00Z"},
        {"event.timestamp": "2100-01-01T00:00:00Z"},
        {"event.timestamp": "yesterday"},
        {"event.timestamp": "9" * 19},
        {"event.timestamp": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_a_report_that_cannot_be_believed_is_bad(other: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        read({**CLAUDE, **other})


def test_counts_that_contradict_each_other_are_bad() -> None:
    with pytest.raises(BadRecord):
        read({**CODEX, "cached_token_count": 1201})


def test_the_time_of_the_record_serves_where_the_event_has_none() -> None:
    bare = {name: value for name, value in CLAUDE.items() if name != "event.timestamp"}
    found = call(bare, timeUnixNano="1795848539575000000")
    assert found.at == datetime(2026, 11, 28, 6, 48, 59, 575000, tzinfo=UTC)
    with pytest.raises(BadRecord):
        read(bare)


def test_a_clock_that_is_ahead_is_taken_for_now() -> None:
    ahead = (NOW + timedelta(hours=3)).isoformat()
    assert call({**CLAUDE, "event.timestamp": ahead}).at == NOW


def test_cache_writes_and_counts_in_no_table_make_a_lower_bound() -> None:
    assert call({**CLAUDE, "cache_creation_tokens": 300}).is_at_least
    assert call({**CLAUDE, "cache_audio_tokens": 7}).is_at_least
    assert not call(CLAUDE).is_at_least


def test_calls_without_a_request_id_differ_by_time_and_counts() -> None:
    later = {**CODEX, "event.timestamp": "2026-11-28T06:49:02Z"}
    more = {**CODEX, "output_token_count": "51"}
    assert len({call(one).identity for one in (CODEX, later, more)}) == 3
    assert call(CODEX).identity == call({**CODEX}).identity


@pytest.mark.parametrize(
    ("micros", "cost", "expected"),
    [
        (6675, "1", "0.006675"),
        (0, "0.1234567891", "0.123456789"),
        (None, "NaN", None),
        (None, "-1", None),
        (None, "1e30", None),
        (-5, "0", None),
    ],
)
def test_what_the_client_reckons_is_exact_or_nothing(
    micros: int | None, cost: str, expected: str | None
) -> None:
    found = call({**CLAUDE, "cost_usd_micros": micros, "cost_usd": cost})
    assert found.client_cost_usd == (None if expected is None else Decimal(expected))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from([*CLAUDE, *CODEX]), VALUES), st.booleans())
def test_whatever_is_sent_is_a_call_nothing_or_bad(other: dict[str, Any], is_claude: bool) -> None:
    base = CLAUDE if is_claude else CODEX
    try:
        found = read({**base, **other})
    except BadRecord:
        return
    if found is not None:
        assert found.usage.total_tokens >= 0
        assert found.at <= NOW
