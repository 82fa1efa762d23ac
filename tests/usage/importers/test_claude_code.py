from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from corvus.model.price import Price
from corvus.model.usage import TokenKind

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

Line = Callable[..., dict[str, Any]]


def at(second: int) -> str:
    return f"2026-11-16T10:00:{second:02}.500Z"


def test_last_snapshot_of_a_message_counts_once(desk: Desk, line: Line) -> None:
    log = desk.write(
        "log.jsonl",
        [
            line(at=at(1), usage={"input_tokens": 10, "output_tokens": 1}),
            line(at=at(2), usage={"input_tokens": 10, "output_tokens": 8}),
            line(at=at(3), usage={"input_tokens": 10, "output_tokens": 300}),
        ],
    )
    summary = desk.take(log)
    assert (summary.read_lines, summary.usage_lines, summary.new) == (3, 3, 1)
    # 10 * 3 USD per million + 300 * 15 USD per million = 0.00003 + 0.0045 USD
    assert desk.totals() == (1, 10, 300, 0, 0, 0, 0, 4_530_000)


def test_last_is_by_timestamp_even_when_its_counts_are_lower(desk: Desk, line: Line) -> None:
    high = line(at=at(1), usage={"input_tokens": 1, "output_tokens": 90})
    low = line(at=at(2), usage={"input_tokens": 1, "output_tokens": 50})
    desk.take(desk.write("log.jsonl", [high, low]))
    assert desk.totals()[2] == 50


def test_a_record_keeps_the_facts_of_its_call(desk: Desk, line: Line) -> None:
    desk.take(
        desk.write(
            "log.jsonl",
            [line(at=at(1)), line(at=at(4), usage={"input_tokens": 10, "output_tokens": 21})],
        )
    )
    record = desk.ask(
        "SELECT requested_at, admitted_at, settled_at, session_id, surface, provider, "
        "requested_model, answering_model, project, agent, tags['client'], price_book, "
        "price_entry, source, outcome, provider_request_id, corrects_id, first_token_at "
        "FROM usage_record"
    )
    first = datetime.fromisoformat("2026-11-16T10:00:01.500")
    last = datetime.fromisoformat("2026-11-16T10:00:04.500")
    model = "claude-sonnet-4-5-20250929"
    assert record == [
        (
            *(first, first, last, "session-a", "import", "anthropic", model, model),
            *("/home/dev/app", "claude-code", "claude-code 2.1.37", "bundled"),
            *(f"bundled:anthropic/{model}@always", "imported", "completed", "req_1", None, None),
        )
    ]


def test_ids_begin_with_the_milliseconds_of_admission(desk: Desk, line: Line) -> None:
    desk.take(desk.write("log.jsonl", [line(7)]))
    ((identity, milliseconds),) = desk.ask("SELECT id, epoch_ms(admitted_at) FROM usage_record")
    assert identity.int >> 80 == milliseconds
    assert identity.version == 8


@pytest.mark.parametrize(
    ("usage", "five_minutes", "one_hour"),
    [
        ({"cache_creation_input_tokens": 700}, 700, 0),
        (
            {
                "cache_creation_input_tokens": 700,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 200,
                    "ephemeral_1h_input_tokens": 500,
                },
            },
            200,
            500,
        ),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 500}}, 0, 500),
        (
            {
                "cache_creation_input_tokens": 700,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            },
            700,
            0,
        ),
        ({"cache_creation_input_tokens": 700, "cache_creation": None}, 700, 0),
    ],
)
def test_cache_writes_are_split_by_lifetime(
    desk: Desk, line: Line, usage: dict[str, Any], five_minutes: int, one_hour: int
) -> None:
    counts = {"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 40} | usage
    desk.take(desk.write("log.jsonl", [line(usage=counts)]))
    cost = 40 * 300 + five_minutes * 3_750 + one_hour * 6_000
    assert desk.totals() == (1, 0, 0, 40, five_minutes, one_hour, 0, cost)


def test_web_searches_are_priced_by_request(desk: Desk, line: Line) -> None:
    counts = {
        "input_tokens": 0,
        "output_tokens": 0,
        "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 9},
    }
    desk.take(desk.write("log.jsonl", [line(usage=counts)]))
    assert desk.totals() == (1, 0, 0, 0, 0, 0, 3, 30_000_000)


def test_a_used_kind_without_a_rate_makes_the_cost_unknown(desk: Desk, line: Line) -> None:
    counts = {
        "input_tokens": 5,
        "output_tokens": 5,
        "server_tool_use": {"web_search_requests": 1},
    }
    model = "claude-haiku-4-5-20251001"
    summary = desk.take(desk.write("log.jsonl", [line(model=model, usage=counts)]))
    assert summary.unpriced == 1
    assert desk.ask("SELECT cost_nano_usd, price_entry FROM usage_record") == [(None, None)]


def test_a_model_without_a_price_is_recorded_with_unknown_cost(desk: Desk, line: Line) -> None:
    summary = desk.take(desk.write("log.jsonl", [line(1), line(2, model="nimbus-1")]))
    assert (summary.new, summary.unpriced, summary.new_cost_nano_usd) == (2, 1, 330_000)
    assert desk.ask(
        "SELECT provider, cost_nano_usd FROM usage_record WHERE requested_model = 'nimbus-1'"
    ) == [("unknown", None)]


def test_fast_mode_is_not_priced_as_the_usual_mode(desk: Desk, line: Line) -> None:
    counts = {"input_tokens": 1, "output_tokens": 1, "speed": "fast"}
    summary = desk.take(desk.write("log.jsonl", [line(usage=counts)]))
    assert summary.unpriced == 1


@pytest.mark.parametrize(
    ("said", "tier", "nano_usd"),
    [
        ({"service_tier": "standard"}, None, 2_000),
        ({"service_tier": "batch"}, "batch", 1_000),
        ({"service_tier": "priority"}, "priority", None),
        ({"service_tier": "standard", "speed": "fast"}, "fast", None),
    ],
)
def test_a_call_of_another_service_tier_has_the_price_of_that_tier_or_none(
    desk: Desk, line: Line, said: dict[str, str], tier: str | None, nano_usd: int | None
) -> None:
    model = "claude-sonnet-4-5-20250929"
    half = {kind: 500_000_000 for kind in TokenKind}
    desk.books.prices = (
        Price("anthropic", model, "user", "e", {kind: 1_000_000_000 for kind in TokenKind}),
        Price("anthropic", f"{model}-batch", "user", "b", half),
    )
    counts = {"input_tokens": 1, "output_tokens": 1, **said}
    desk.take(desk.write("log.jsonl", [line(usage=counts)]))
    found = desk.ask("SELECT service_tier, cost_nano_usd FROM usage_record")
    assert found == [(tier, nano_usd)]


def test_an_advisor_inside_a_message_is_a_call_of_its_own_model(desk: Desk, line: Line) -> None:
    counts = {
        "input_tokens": 2,
        "output_tokens": 10,
        "iterations": [
            {"type": "message", "input_tokens": 2, "output_tokens": 10},
            {
                "type": "advisor_message",
                "model": "claude-haiku-4-5-20251001",
                "input_tokens": 900,
                "output_tokens": 50,
            },
        ],
    }
    log = desk.write("log.jsonl", [line(at=at(1), usage=counts), line(at=at(2), usage=counts)])
    summary = desk.take(log)
    assert summary.new == 2
    assert desk.ask(
        "SELECT requested_model, input_tokens, output_tokens, cost_nano_usd FROM usage_record "
        "ORDER BY input_tokens"
    ) == [
        ("claude-sonnet-4-5-20250929", 2, 10, 2 * 3_000 + 10 * 15_000),
        ("claude-haiku-4-5-20251001", 900, 50, 900 * 1_000 + 50 * 5_000),
    ]
    assert desk.take(log).new == 0


def test_lines_that_are_no_calls_are_passed_over_not_bad(desk: Desk, line: Line) -> None:
    others: list[Any] = [
        {"type": "summary", "summary": "x", "leafUuid": "l"},
        {"type": "user", "sessionId": "s", "message": {"role": "user", "content": "hello"}},
        {"type": "user", "sessionId": "s", "message": "just text"},
        {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}},
        {"type": "system", "subtype": "turn_duration", "durationMs": 3},
        {"type": "assistant", "sessionId": "s", "message": {"role": "assistant", "content": []}},
        {"type": "assistant", "sessionId": "s", "message": {"model": "m", "usage": None}},
        {"no": "type"},
    ]
    summary = desk.take(desk.write("log.jsonl", [*others, line()]))
    assert (summary.read_lines, summary.usage_lines, summary.new) == (9, 1, 1)
    assert summary.bad == ()


def test_error_messages_of_the_client_are_counted_but_no_calls(desk: Desk, line: Line) -> None:
    summary = desk.take(desk.write("log.jsonl", [line(1, model="<synthetic>"), line(2)]))
    assert (summary.synthetic, summary.new, summary.bad_lines) == (1, 1, 0)


def test_sub_agents_in_their_own_files_are_found_and_named(desk: Desk, line: Line) -> None:
    desk.write("logs/session-a.jsonl", [line(1)])
    desk.write(
        "logs/session-a/subagents/agent-a1.jsonl",
        [line(2, isSidechain=True, agentId="a1"), line(3, isSidechain=True)],
    )
    summary = desk.take(desk.folder / "logs")
    assert summary.new == 3
    assert desk.ask("SELECT agent, subagent FROM usage_record ORDER BY subagent") == [
        ("claude-code", "a1"),
        ("claude-code", "sidechain"),
        ("claude-code", None),
    ]


@pytest.mark.parametrize(
    ("stated", "kept"), [("fix/login", "fix/login"), ("HEAD", None), ("", None), (None, None)]
)
def test_the_branch_is_that_of_the_log(
    desk: Desk, line: Line, stated: str | None, kept: str | None
) -> None:
    desk.take(desk.write("log.jsonl", [line(1) | {"gitBranch": stated}]))
    assert desk.ask("SELECT branch FROM usage_record") == [(kept,)]


def test_a_copied_line_in_another_session_counts_once_for_the_first(desk: Desk, line: Line) -> None:
    original = desk.write("logs/a.jsonl", [line(1, session="session-a")])
    desk.write("logs/b.jsonl", [line(1, session="session-b"), line(2, session="session-b")])
    desk.take(original)
    summary = desk.take(desk.folder / "logs")
    assert (summary.new, summary.duplicate) == (1, 1)
    assert desk.ask("SELECT session_id FROM usage_record ORDER BY session_id") == [
        ("session-a",),
        ("session-b",),
    ]


def test_a_sidechain_that_repeats_its_parent_under_a_new_request_counts_once(
    desk: Desk, line: Line
) -> None:
    replay = line(1, isSidechain=True, agentId="btw", requestId="req_other")
    summary = desk.take(desk.write("log.jsonl", [line(1), replay]))
    assert summary.new == 1
    assert desk.ask("SELECT subagent FROM usage_record") == [(None,)]


def gateway(line: Line, identity: str, **rest: Any) -> dict[str, Any]:
    entry = line(**rest)
    entry["message"]["id"] = identity
    return entry


def test_invented_message_ids_count_apart_by_request_or_session(desk: Desk, line: Line) -> None:
    lines = [
        gateway(line, "ocgo", requestId="r1"),
        gateway(line, "ocgo", requestId="r2"),
        gateway(line, "ocgo", requestId=None, session="s1"),
        gateway(line, "ocgo", requestId=None, session="s1"),
        gateway(line, "ocgo", requestId=None, session="s2"),
    ]
    assert desk.take(desk.write("log.jsonl", lines)).new == 4


def test_lines_without_message_id_are_known_by_their_uuid(desk: Desk, line: Line) -> None:
    first, again, other = (gateway(line, "", uuid=name) for name in ("u1", "u1", "u2"))
    del first["message"]["id"], other["message"]["id"]
    again["message"]["id"] = None
    assert desk.take(desk.write("log.jsonl", [first, again, other])).new == 2


def test_the_project_option_overrides_the_directory(desk: Desk, line: Line) -> None:
    desk.take(desk.write("log.jsonl", [line()]), project="harbour")
    assert desk.ask("SELECT project FROM usage_record") == [("harbour",)]


def test_records_of_an_import_lie_in_order_of_admission(desk: Desk, line: Line) -> None:
    desk.take(desk.write("log.jsonl", [line(n, at=at(60 - n)) for n in range(1, 50)]))
    instants = [row[0] for row in desk.ask("SELECT admitted_at FROM usage_record")]
    assert instants == sorted(instants)
    assert len(instants) == 49


def test_timestamps_with_an_offset_become_utc(desk: Desk, line: Line) -> None:
    desk.take(desk.write("log.jsonl", [line(at="2026-11-17T00:30:00+02:00")]))
    assert desk.ask("SELECT admitted_at::VARCHAR FROM usage_record") == [("2026-11-16 22:30:00",)]


def test_directories_globs_and_links_reach_each_file_once(
    desk: Desk, line: Line, tmp_path: Path
) -> None:
    log = desk.write("logs/deep/er/a[1]*.jsonl", [line()])
    (tmp_path / "logs" / "link.jsonl").symlink_to(log)
    (tmp_path / "logs" / "notes.txt").write_text("not a log")
    summary = desk.take(tmp_path / "logs", str(tmp_path / "logs" / "**" / "*.jsonl"), log)
    assert (sum(summary.files.values()), summary.read_lines, summary.new) == (1, 1, 1)


@pytest.mark.parametrize(
    ("message", "model", "seller"),
    [
        ("msg_01AAAAAAAAAAAAAAAAAAAAAA", "claude-haiku-4-5-20251001", "anthropic"),
        ("msg_bdrk_01AAAAAAAAAAAAAAAAAA", "claude-haiku-4-5-20251001", "aws"),
        ("msg_vrtx_01AAAAAAAAAAAAAAAAAA", "claude-haiku-4-5-20251001", "google"),
        ("msg_vrtx_01AAAAAAAAAAAAAAAAAA", "us.anthropic.claude-haiku-4-5-v1:0", "google"),
        ("msg_01AAAAAAAAAAAAAAAAAAAAAA", "us.anthropic.claude-haiku-4-5-v1:0", "aws"),
        ("msg_01AAAAAAAAAAAAAAAAAAAAAA", "claude-haiku-4-5@20251001", "google"),
    ],
)
def test_the_host_of_a_message_bills(
    desk: Desk, line: Line, message: str, model: str, seller: str
) -> None:
    entry = line(model=model)
    entry["message"]["id"] = message
    desk.take(desk.write("log.jsonl", [entry]))
    assert desk.ask("SELECT provider FROM usage_call") == [(seller,)]
    desk.take(desk.write("log.jsonl", [entry]), provider="acme")
    assert desk.ask("SELECT provider FROM usage_call") == [(seller,)]


def test_what_a_host_charges_is_no_price_of_the_maker(desk: Desk, line: Line) -> None:
    entry = line()
    entry["message"]["id"] = "msg_bdrk_01AAAAAAAAAAAAAAAAAA"
    desk.take(desk.write("log.jsonl", [entry]))
    assert desk.ask("SELECT cost_nano_usd FROM usage_call") == [(None,)]


def test_the_calls_of_an_advisor_are_billed_by_the_same_host(desk: Desk, line: Line) -> None:
    advice = {"type": "advisor_message", "model": "claude-opus-5", "output_tokens": 7}
    entry = line(usage={"input_tokens": 1, "output_tokens": 2, "iterations": [advice]})
    entry["message"]["id"] = "msg_bdrk_01AAAAAAAAAAAAAAAAAA"
    desk.take(desk.write("log.jsonl", [entry]))
    assert desk.ask(
        "SELECT DISTINCT provider, sum(calls)::BIGINT FROM usage_call GROUP BY ALL"
    ) == [("aws", 2)]


@pytest.mark.parametrize(("stated", "kept"), [("feature/login", "feature/login"), ("HEAD", None)])
def test_the_branch_of_a_call_is_kept(
    desk: Desk, line: Line, stated: str, kept: str | None
) -> None:
    desk.take(desk.write("log.jsonl", [line(gitBranch=stated)]))
    assert desk.ask("SELECT branch, tags['git.branch'] FROM usage_call") == [(kept, kept)]


def test_a_tier_that_nobody_knows_has_no_price(desk: Desk, line: Line) -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, "service_tier": "flex_discount"}
    desk.take(desk.write("log.jsonl", [line(usage=usage)]))
    assert desk.ask("SELECT service_tier, cost_nano_usd FROM usage_call") == [
        ("flex_discount", None)
    ]


def session(line: Line, name: str, *calls: int) -> list[dict[str, Any]]:
    return [line(call, at=at(call), session=name) for call in calls]


PLACES = "SELECT session_id, sum(calls)::BIGINT FROM usage_call GROUP BY ALL ORDER BY ALL"


@pytest.mark.parametrize("goes_on", [(), (4,)])
def test_a_copied_history_stays_with_its_session(
    desk: Desk, line: Line, goes_on: tuple[int, ...]
) -> None:
    """The original ended, or went on, before its copy did; its id sorts behind those of copies."""
    desk.write("z.jsonl", session(line, "z-original", 1, 2, 3, *goes_on))
    desk.write("a.jsonl", session(line, "a-copy", 1, 2, 3, 7, 8))
    desk.write("b.jsonl", session(line, "b-copy-of-copy", 1, 2, 3, 7, 8, 9))
    desk.take(desk.folder)
    assert desk.ask(PLACES) == [
        ("a-copy", 2),
        ("b-copy-of-copy", 1),
        ("z-original", 3 + len(goes_on)),
    ]


def test_sessions_that_share_nothing_at_their_beginning_are_no_copies(
    desk: Desk, line: Line
) -> None:
    desk.write("a.jsonl", session(line, "a", 1, 2))
    desk.write("b.jsonl", session(line, "b", 3, 4))
    desk.take(desk.folder)
    assert desk.ask("SELECT count(*) FROM usage_call WHERE tags['fork'] IS NOT NULL") == [(0,)]


def test_the_result_of_a_run_is_refused_as_it_has_no_time(desk: Desk) -> None:
    used = {"inputTokens": 3, "outputTokens": 8, "costUSD": 0.18}
    result = {
        "type": "result",
        "subtype": "success",
        "session_id": "session-a",
        "total_cost_usd": 0.18,
        "usage": {"input_tokens": 3, "output_tokens": 8},
        "modelUsage": {"claude-opus-4-6": used},
    }
    summary = desk.take(desk.write("result.json", [result]))
    assert (summary.files, summary.new) == ({"claude-code": 1}, 0)
    assert [(bad.line, "states no time" in bad.reason) for bad in summary.bad] == [(1, True)]


@pytest.mark.parametrize("goes_on", [(), (4,)])
@pytest.mark.parametrize("order", [*permutations("zab")], ids="".join)
def test_a_copied_history_stays_with_its_session_in_imports_of_any_order(
    desk: Desk, line: Line, order: tuple[str, ...], goes_on: tuple[int, ...]
) -> None:
    logs = {
        "z": session(line, "z-original", 1, 2, 3, *goes_on),
        "a": session(line, "a-copy", 1, 2, 3, 7, 8),
        "b": session(line, "b-copy-of-copy", 1, 2, 3, 7, 8, 9),
    }
    for name in order:
        desk.take(desk.write(f"{name}.jsonl", logs[name]))
    assert desk.ask(PLACES) == [
        ("a-copy", 2),
        ("b-copy-of-copy", 1),
        ("z-original", 3 + len(goes_on)),
    ]


@pytest.mark.parametrize(
    ("model", "stated", "cost", "source"),
    [
        ("nimbus-1", 0.0123, 12_300_000, "estimated"),
        ("nimbus-1", 0, None, "imported"),
        ("nimbus-1", -1, None, "imported"),
        ("nimbus-1", "much", None, "imported"),
        ("claude-sonnet-4-5-20250929", 0.5, 10 * 3000 + 20 * 15_000, "imported"),
    ],
)
def test_what_the_client_reckoned_counts_where_no_book_has_a_price(
    desk: Desk, line: Line, model: str, stated: object, cost: int | None, source: str
) -> None:
    desk.take(desk.write("log.jsonl", [line(model=model, costUSD=stated)]))
    assert desk.ask("SELECT cost_nano_usd, source FROM usage_call") == [(cost, source)]


def test_a_count_that_may_be_of_cached_tokens_is_named_and_makes_the_cost_unknown(
    desk: Desk, line: Line
) -> None:
    """IMP-1: better unknown than plain input; a count of 0 says nothing, nor does a quotation."""
    usage = {"input_tokens": 10, "output_tokens": 1}
    log = desk.write(
        "log.jsonl",
        [
            line(1, at=at(1), usage=usage | {"cache_archive_input_tokens": 5_000}),
            line(2, at=at(2), usage=usage | {"cache_archive_input_tokens": 0}),
            line(3, at=at(3), usage=usage | {"service_tier": '"cached_tokens": 9'}),
        ],
    )
    summary = desk.take(log)
    assert [note.text for note in summary.notes if "cache_archive_input_tokens" in note.text] == [
        "cache_archive_input_tokens may count cached tokens or a modality and is not known, so the "
        "cost is unknown"
    ]
    costs = desk.ask("SELECT cost_nano_usd IS NULL FROM usage_record ORDER BY admitted_at")
    assert costs[:2] == [(True,), (False,)]


_PLAIN: dict[str, Any] = {
    "input_tokens": 12,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 7},
    "output_tokens": 999_999_999,
    "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 2},
    "service_tier": "standard",
    "inference_geo": None,
    "iterations": [{"type": "message", "model": "claude-haiku-4-5", "input_tokens": 3}],
}


@pytest.mark.parametrize("plain", [_PLAIN, {"input_tokens": 1}], ids=["full", "short"])
@pytest.mark.parametrize("odd", ["12", True, False, -1, 1.5, 1e30, 10**9, [], {}])
@pytest.mark.parametrize("name", ["output_tokens", "web_search_requests"])
def test_one_odd_count_among_plain_ones_is_refused(
    desk: Desk, line: Line, *, plain: dict[str, Any], odd: object, name: str
) -> None:
    summary = desk.take(desk.write("log.jsonl", [line(usage=plain | {name: odd}), line()]))
    assert (summary.bad_lines, summary.new) == (1, 1)


@pytest.mark.parametrize("plain", [_PLAIN, {"input_tokens": 1}], ids=["full", "short"])
@pytest.mark.parametrize("name", ["cache_deep_tokens", "audioTokens", "cached"])
def test_one_unknown_count_among_plain_ones_makes_the_cost_unknown(
    desk: Desk, line: Line, *, plain: dict[str, Any], name: str
) -> None:
    usages = [plain | {name: 4}, plain | {"cache_creation": {name: 4}}]
    lines = [line(call, usage=usage) for call, usage in enumerate(usages)]
    summary = desk.take(desk.write("log.jsonl", lines))
    assert (summary.new, summary.unpriced) == (2, 2)
