"""Miscounts known in the field, or found in this importer: each once, named after what it is."""

from __future__ import annotations

import gzip
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from corvus.base.errors import ImportRefused
from corvus.ledger.counts import spend_in
from corvus.ledger.ledger import open_ledger
from corvus.model.price import Tier
from corvus.model.usage import TokenKind
from corvus.reporting.catalog import load_catalog
from corvus.reporting.run import run_report
from tests.usage.importers.conftest import HAIKU, SONNET, Books, price

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

Line = Callable[..., dict[str, Any]]
OPUS = "claude-opus-5"
FAST = {kind: 2 * rate for kind, rate in SONNET.items()}


def seconds(number: int) -> str:
    return f"2026-11-16T10:00:{number:02}Z"


def named(entry: dict[str, Any], message_id: str, *, request: str | None = None) -> dict[str, Any]:
    """Give a line the message id of a gateway, without a request id unless one is named."""
    entry["message"]["id"] = message_id
    entry["requestId"] = request
    return entry


def by_model(desk: Desk) -> list[tuple[Any, ...]]:
    with open_ledger(desk.path) as ledger:
        report = load_catalog().find("by-model")
        return [
            (row[1], row[2], row[3], row[11])
            for row in run_report(ledger.connection, report, {}).rows
        ]


# A speed that only one snapshot states


@pytest.mark.parametrize("stating", [0, 1])
def test_a_speed_that_one_snapshot_states_holds_for_the_call(
    desk: Desk, line: Line, stating: int
) -> None:
    desk.books = Books(price(OPUS, SONNET), price(f"{OPUS}-fast", FAST))
    usages: list[dict[str, Any]] = [{"input_tokens": 1000, "output_tokens": 1} for _ in range(2)]
    usages[1]["output_tokens"] = 10
    usages[stating]["speed"] = "fast"
    lines = [line(at=seconds(n), model=OPUS, usage=usage) for n, usage in enumerate(usages)]
    desk.take(desk.write("log.jsonl", lines))
    assert desk.totals()[-1] == 1000 * 6_000 + 10 * 30_000
    assert desk.ask("SELECT service_tier FROM usage_call") == [("fast",)]


# Ids that gateways invent (ccusage#1635, weave-os/router#360)


def test_calls_that_share_a_constant_id_count_each(desk: Desk, line: Line) -> None:
    calls = [
        named(line(n, at=seconds(n), usage={"input_tokens": n, "output_tokens": 7}), "ocgo")
        for n in range(1, 11)
    ]
    desk.take(desk.write("log.jsonl", calls))
    assert desk.totals()[:3] == (10, sum(range(1, 11)), 70)


def test_snapshots_of_a_gateway_count_once_and_so_do_their_copies_in_a_fork(
    desk: Desk, line: Line
) -> None:
    def snapshots(session: str) -> list[dict[str, Any]]:
        usages = [{"input_tokens": 1000, "output_tokens": count} for count in (1, 50, 400)]
        return [
            named(line(at=seconds(n), usage=usage, session=session), "chatcmpl-8f14e45fceea167a")
            for n, usage in enumerate(usages)
        ]

    desk.write("logs/a.jsonl", snapshots("session-a"))
    desk.write("logs/b.jsonl", snapshots("session-b"))
    desk.take(desk.folder / "logs")
    assert desk.totals()[:3] == (1, 1000, 400)


# A sidechain that repeats its parent (ccusage#913, pull request 1155)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_counts_of_the_main_conversation_win_over_their_repetition(
    desk: Desk, line: Line, order: tuple[int, int]
) -> None:
    main = line(usage={"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 20})
    side = line(usage={"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 50_000})
    side |= {"isSidechain": True, "agentId": "a1", "requestId": "req_other"}
    files = [desk.write("main.jsonl", [main]), desk.write("side.jsonl", [side])]
    for place in order:
        desk.take(files[place])
    assert desk.totals()[:4] == (1, 5, 2, 20)
    assert desk.ask("SELECT subagent FROM usage_call") == [(None,)]


# Turns of several requests (claude-code#81620)


def test_a_turn_of_two_requests_pays_the_tier_of_each(desk: Desk, line: Line) -> None:
    dear = Tier(100_000, {kind: 10 * rate for kind, rate in HAIKU.items()})
    desk.books = Books(price(OPUS, HAIKU, tiers=(dear,)))
    request = {"type": "message", "input_tokens": 60_000, "output_tokens": 100}
    usage = {
        "input_tokens": 120_000,
        "output_tokens": 200,
        "iterations": [request, {"type": "advisor_message", "model": "m"}, request],
    }
    desk.take(desk.write("log.jsonl", [line(model=OPUS, usage=usage)]))
    costs = desk.ask("SELECT cost_nano_usd FROM usage_call WHERE requested_model = 'claude-opus-5'")
    assert costs == [(120_000 * 1_000 + 200 * 5_000,)]


def test_requests_that_do_not_add_up_are_not_believed(desk: Desk, line: Line) -> None:
    dear = Tier(100_000, {kind: 10 * rate for kind, rate in HAIKU.items()})
    desk.books = Books(price(OPUS, HAIKU, tiers=(dear,)))
    request = {"type": "message", "input_tokens": 60_000, "output_tokens": 1}
    usage = {"input_tokens": 130_000, "output_tokens": 0, "iterations": [request, request]}
    desk.take(desk.write("log.jsonl", [line(model=OPUS, usage=usage)]))
    assert desk.totals()[-1] == 130_000 * 10_000


# Cost that becomes known or unknown (PRC-5)


SEARCHED = {"input_tokens": 5, "output_tokens": 9, "server_tool_use": {"web_search_requests": 1}}


def test_a_priced_call_that_can_no_longer_be_priced_is_unknown_everywhere(
    desk: Desk, line: Line
) -> None:
    haiku = "claude-haiku-4-5-20251001"  # these books have no rate for its web searches
    desk.take(desk.write("log.jsonl", [line(at=seconds(1), model=haiku)]))
    desk.take(desk.write("log.jsonl", [line(at=seconds(2), model=haiku, usage=SEARCHED)]))
    assert by_model(desk) == [(haiku, 1, 1, None)]
    with open_ledger(desk.path) as ledger:
        spend = spend_in(ledger.connection)
        unpriced = run_report(ledger.connection, load_catalog().find("unpriced"), {})
    assert (spend.cost_nano_usd, spend.calls, spend.unpriced_calls) == (0, 1, 1)
    assert [row[1:3] for row in unpriced.rows] == [(haiku, 1)]


def test_an_unpriced_call_is_priced_once_the_books_have_a_price(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(model="nimbus-1", usage={"input_tokens": 1000})])
    assert desk.take(log).unpriced == 1
    assert desk.take(log).duplicate == 1
    desk.books = Books(price("nimbus-1", SONNET))
    summary = desk.take(log)
    assert (summary.new, summary.updated, summary.unpriced) == (0, 1, 0)
    assert summary.new_cost_nano_usd == 3_000_000
    assert by_model(desk) == [("nimbus-1", 1, 0, 3_000_000)]
    desk.books = Books(price("nimbus-1", HAIKU))  # a known price is never replaced
    assert desk.take(log).duplicate == 1
    assert by_model(desk) == [("nimbus-1", 1, 0, 3_000_000)]


def test_the_import_names_the_models_without_a_price(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(1, model="nimbus-1"), line(2, model="nimbus-1")])
    assert desk.take(log).unpriced_models == (("unknown", "nimbus-1", 2),)


# Lines of other versions


def test_messages_of_sub_agents_inside_progress_lines_count_once(desk: Desk, line: Line) -> None:
    said = line(2, usage={"input_tokens": 40, "output_tokens": 4})
    kept = {key: said[key] for key in ("type", "timestamp", "requestId", "uuid", "message")}
    progress = line(9) | {
        "type": "progress",
        "message": None,
        "data": {"type": "agent_progress", "agentId": "a7", "message": kept},
    }
    other = line(9) | {"type": "progress", "message": None, "data": {"type": "hook_progress"}}
    desk.take(desk.write("log.jsonl", [line(1), progress, progress, other]))
    assert desk.totals()[:3] == (2, 50, 24)
    desk.take(desk.write("agent-a7.jsonl", [said | {"isSidechain": True, "agentId": "a7"}]))
    assert desk.totals()[:3] == (2, 50, 24)
    agents = desk.ask("SELECT subagent FROM usage_call ORDER BY input_tokens")
    assert agents == [(None,), ("a7",)]


def test_a_message_with_usage_needs_no_type(desk: Desk, line: Line) -> None:
    entry = line(1)
    del entry["type"]
    desk.take(desk.write("log.jsonl", [entry]))
    assert desk.totals()[:3] == (1, 10, 20)


def test_other_numbers_beside_the_counts_are_no_mistake(desk: Desk, line: Line) -> None:
    usage = {"input_tokens": 1, "output_tokens": 2, "max_tokens": "auto", "budget_tokens": -1}
    assert desk.take(desk.write("log.jsonl", [line(usage=usage)])).bad == ()
    assert desk.totals()[:3] == (1, 1, 2)


def test_inference_kept_in_the_united_states_costs_a_tenth_more(desk: Desk, line: Line) -> None:
    usage = {"input_tokens": 1001, "output_tokens": 1, "inference_geo": "us"}
    usage |= {"server_tool_use": {"web_search_requests": 1}}
    desk.take(desk.write("log.jsonl", [line(usage=usage)]))
    # (1001 * 3000 + 15000) * 1.1, and the search as ever
    assert desk.totals()[-1] == 3_319_800 + 10_000_000


@pytest.mark.parametrize("count", [1_000_000_000, 999_999_999_999_999])
def test_a_count_that_no_call_can_have_is_a_bad_line(desk: Desk, line: Line, count: int) -> None:
    usage = {"input_tokens": count, "output_tokens": 1}
    summary = desk.take(desk.write("log.jsonl", [line(1, usage=usage), line(2)]))
    assert (summary.new, summary.bad_lines) == (1, 1)


# A fork begins with a copy of its parent


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_fork_that_says_so_leaves_the_calls_to_its_parent(
    desk: Desk, line: Line, names: tuple[str, str]
) -> None:
    parent, fork = names
    said = [line(n, session=parent) for n in range(4)]
    copies = [one | {"sessionId": fork, "forkedFrom": {"sessionId": parent}} for one in said]
    desk.write("logs/parent.jsonl", said)
    desk.write("logs/fork.jsonl", [*copies, line(9, session=fork)])
    desk.take(desk.folder / "logs")
    counted = desk.ask("SELECT session_id, count(*) FROM usage_call GROUP BY ALL ORDER BY 2 DESC")
    assert counted == [(parent, 4), (fork, 1)]


# Exports of other tools


def row(**fields: object) -> dict[str, object]:
    usual = {"timestamp": seconds(0), "model": "claude-haiku-4-5-20251001"}
    return usual | {"input_tokens": 1, "output_tokens": 1} | fields


def test_inclusive_counts_are_made_disjoint(desk: Desk) -> None:
    rates = {**HAIKU, TokenKind.REASONING: 5_000_000_000}
    desk.books = Books(price("gpt-5", rates))
    details = {"prompt": 10_000, "completion": 1_000, "cached": 8_000, "thought": 900}
    columns = {
        "input_tokens": "prompt",
        "output_tokens": "completion",
        "cache_read_tokens": "cached",
        "reasoning_tokens": "thought",
    }
    usage = {"timestamp": seconds(0), "model": "gpt-5", "provider": "Anthropic"} | details
    log = desk.write("usage.jsonl", [usage, usage | {"cached": 10_001}])
    summary = desk.take(log, columns=columns, inclusive=True)
    assert [one.reason for one in summary.bad] == [
        "its parts are more than the count of tokens that includes them"
    ]
    assert desk.totals() == (1, 2_000, 100, 8_000, 0, 0, 0, 2_000_000 + 5_000_000 + 800_000)


def test_rows_that_are_merely_numbered_are_not_taken_for_the_same_call(desk: Desk) -> None:
    first = [row(id=n, timestamp=seconds(n)) for n in range(3)]
    second = [row(id=n, timestamp=f"2026-11-18T10:00:0{n}Z", input_tokens=9) for n in range(3)]
    desk.take(desk.write("a.jsonl", first))
    assert desk.take(desk.write("b.jsonl", second)).new == 3
    assert desk.totals()[:2] == (6, 30)


def test_a_map_says_that_the_file_is_no_session_log(desk: Desk) -> None:
    log = desk.write("usage.jsonl", [row(sessionId="s1", type="call")])
    summary = desk.take(log, columns={"session_id": "sessionId"})
    assert (summary.new, summary.bad) == (1, ())


def test_a_csv_header_that_looks_like_a_session_log_is_a_csv(desk: Desk) -> None:
    text = '"timestamp","model","input_tokens","output_tokens","sessionId"\n'
    (desk.folder / "usage.csv").write_text(text + f"{seconds(0)},m,1,2,s\n")
    assert desk.take(desk.folder / "usage.csv").new == 1


@pytest.mark.parametrize("name", ["usage.json", "usage.jsonl"])
def test_one_json_array_is_read_item_by_item(desk: Desk, name: str) -> None:
    log = desk.write(name, [json.dumps([row(), row(), 3, row(output_tokens="x")])])
    summary = desk.take(log)
    assert (summary.new, [one.line for one in summary.bad]) == (2, [3, 4])


def test_a_rare_column_may_begin_late_but_must_be_somewhere(desk: Desk) -> None:
    rows = [row(id=n) for n in range(150)]
    columns = {"cache_read_tokens": "details.cached"}
    rows[-1]["details"] = {"cached": 7}
    assert desk.take(desk.write("a.jsonl", rows), columns=columns).new == 150
    with pytest.raises(ImportRefused, match=r"no column 'details\.cahced'"):
        desk.take(desk.folder / "a.jsonl", columns={"cache_read_tokens": "details.cahced"})
    with pytest.raises(ImportRefused, match="tags"):
        desk.take(desk.folder / "a.jsonl", columns={"tags.team": "taem"})


def test_a_csv_that_names_a_column_twice_or_leaves_a_quote_open_is_told(desk: Desk) -> None:
    path = desk.folder / "usage.csv"
    header = "timestamp,model,input_tokens,output_tokens"
    path.write_text(f"{header},input_tokens\n{seconds(0)},m,1,2,3\n")
    with pytest.raises(ImportRefused, match="names the column 'input_tokens' twice"):
        desk.take(path)
    path.write_text(
        f'{header},note\n{seconds(0)},m,1,2,\n{seconds(1)},m,1,2,"open\n{seconds(2)},m\n'
    )
    summary = desk.take(path)
    assert summary.new == 1
    assert [one.reason for one in summary.bad] == ["not CSV: unexpected end of data"]


@pytest.mark.parametrize("stated", ["epoch", "2026-11-16T10:00:00+25:00", "now", "2026-11"])
def test_what_is_no_instant_is_not_taken_for_one(desk: Desk, stated: str) -> None:
    summary = desk.take(desk.write("usage.jsonl", [row(), row(timestamp=stated)]))
    assert (summary.new, summary.bad_lines) == (1, 1)


def test_a_stated_cost_does_not_hide_who_bills(desk: Desk) -> None:
    desk.books = Books(price("gpt-5", HAIKU))
    desk.take(desk.write("usage.jsonl", [row(model="gpt-5", cost_usd=1)]))
    assert desk.ask("SELECT provider, source FROM usage_call") == [("anthropic", "provider")]


# Pipes, and files that cannot be read


def test_what_comes_through_a_pipe_is_read_whole(desk: Desk, line: Line) -> None:
    fifo = desk.folder / "pipe"
    os.mkfifo(fifo)
    text = desk.write("log.jsonl", [line(n) for n in range(50)]).read_bytes()
    writer = threading.Thread(target=fifo.write_bytes, args=(text,))
    writer.start()
    summary = desk.take(fifo)
    writer.join()
    assert (summary.new, summary.read_lines) == (50, 50)


def test_a_pipe_that_lies_in_a_folder_is_not_waited_for(desk: Desk, line: Line) -> None:
    """Nobody named it, and nobody may ever write to it: ``corvus today`` stood still forever."""
    desk.write("log.jsonl", [line(1)])
    os.mkfifo(desk.folder / "pipe.jsonl")
    summary = desk.take(desk.folder)
    assert (summary.new, [bad.reason for bad in summary.bad]) == (
        1,
        ["cannot be read: is no regular file"],
    )


def test_standard_input_is_a_dash(desk: Desk, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    log = desk.write("log.jsonl", [line(1), "{", line(2)])
    with log.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": file}))
        summary = desk.take("-")
    assert (summary.new, [str(one.file) for one in summary.bad]) == (2, ["-"])


def test_a_cut_or_damaged_packed_file_costs_only_itself(desk: Desk, line: Line) -> None:
    packed = gzip.compress(desk.write("good.jsonl", [line(n) for n in range(300)]).read_bytes())
    (desk.folder / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0xFF
    (desk.folder / "damaged.csv.gz").write_bytes(damaged)
    (desk.folder / "plain.jsonl.gz").write_bytes((desk.folder / "good.jsonl").read_bytes())
    names = ["good.jsonl", "cut.jsonl.gz", "damaged.csv.gz", "plain.jsonl.gz"]
    summary = desk.take(*(desk.folder / name for name in names))
    assert summary.new == 300
    assert {one.file.name for one in summary.bad} == {"cut.jsonl.gz", "damaged.csv.gz"}


def test_a_name_that_is_not_utf_8_is_read_like_any_other(desk: Desk, line: Line) -> None:
    name = os.fsencode(desk.folder) + b"/caf\xe9.jsonl"
    with open(name, "wb") as file:
        file.write(json.dumps(line()).encode())
    assert desk.take(desk.folder).new == 1


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_may_not_be_searched_is_told(desk: Desk, line: Line) -> None:
    desk.write("logs/a.jsonl", [line(1)])
    desk.write("logs/secret/b.jsonl", [line(2)])
    (desk.folder / "logs" / "secret").chmod(0)
    summary = desk.take(desk.folder / "logs")
    (desk.folder / "logs" / "secret").chmod(0o700)
    assert (summary.new, summary.bad_lines) == (1, 1)
    assert summary.bad[0].reason == "cannot be searched: Permission denied"


def test_an_empty_path_is_not_the_whole_directory(desk: Desk, line: Line) -> None:
    desk.write("a.jsonl", [line()])
    with pytest.raises(ImportRefused, match="an empty path names no file"):
        desk.take("")


# Counters of a Codex log that are taken for one (farion1231/cc-switch#5854)


def codex_total(number: int, total: int | None, last: int | None) -> dict[str, Any]:
    info = {
        name: {"input_tokens": size, "output_tokens": 0, "total_tokens": size}
        for name, size in (("total_token_usage", total), ("last_token_usage", last))
        if size is not None
    }
    payload = {"type": "token_count", "info": info}
    return {"timestamp": seconds(number), "type": "event_msg", "payload": payload}


@pytest.mark.parametrize(
    ("stated", "used"),
    [
        ([(100_000, None), (5_000, None), (101_000, None), (6_000, None)], 107_000),
        ([(None, 100), (150, None)], 150),
        ([(140, None), (180, None), (140, None)], 180),
        ([(100, 100), (130, 100)], 130),
    ],
    ids=["by turns", "last, then total", "back", "stale last"],
)
def test_a_counter_of_a_thread_never_falls(
    desk: Desk, stated: list[tuple[int | None, int | None]], used: int
) -> None:
    meta = {"timestamp": seconds(0), "type": "session_meta", "payload": {"id": "thread"}}
    counts = [codex_total(number, *one) for number, one in enumerate(stated, start=1)]
    desk.take(desk.write("log.jsonl", [meta, *counts]))
    assert desk.ask("SELECT sum(input_tokens)::BIGINT FROM usage_record") == [(used,)]


# A host whose answers are taken for the maker's


def test_a_message_of_a_host_is_not_billed_by_the_maker(desk: Desk, line: Line) -> None:
    entries = [
        named(line(at=seconds(n)), f"msg_{host}_01AAAAAAAAAAAAAAAAAA", request="req")
        for n, host in enumerate(("bdrk", "vrtx"))
    ]
    desk.take(desk.write("log.jsonl", entries))
    assert desk.ask("SELECT provider, cost_nano_usd FROM usage_call ORDER BY ALL") == [
        ("aws", None),
        ("google", None),
    ]


# A zero that stands for a price that was not known (BerriAI/litellm#40100)


def test_a_breakdown_states_what_a_lost_spend_does_not(desk: Desk) -> None:
    log = {
        "request_id": "r1",
        "spend": 0.0,
        "startTime": "2026-11-04T10:00:00Z",
        "model": "acme-model",
        "custom_llm_provider": "azure_ai",
        "prompt_tokens": 10_000,
        "completion_tokens": 500,
        "metadata": {"cost_breakdown": {"input_cost": 0.03, "total_cost": 0.04}},
    }
    unstated = {**log, "request_id": "r2", "metadata": {"cost_breakdown": {"total_cost": 0}}}
    desk.take(desk.write("spend.jsonl", [log, unstated]))
    assert desk.ask("SELECT cost_nano_usd, source FROM usage_call ORDER BY 1 NULLS LAST") == [
        (40_000_000, "provider"),
        (None, "imported"),
    ]


# Cached tokens under a name that a reader does not know (langfuse/langfuse#12306, #13571, #14725)

SPAN = {
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-haiku-4-5-20251001",
    "gen_ai.usage.input_tokens": 12_000,
    "gen_ai.usage.output_tokens": 200,
}


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_read_tokens",
        "gen_ai.usage.input_cached_tokens",
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.cached_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.prompt_tokens_details.cached_tokens",
        "gen_ai.usage.input_token_details.cache_read",
        "gen_ai.usage.cached_content_token_count",
        "llm.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ],
)
def test_cached_tokens_are_cached_under_every_name(desk: Desk, name: str) -> None:
    attributes = SPAN | {name: 10_000}
    span = {"traceId": "t", "spanId": "s", "startTime": [1794823200, 0], "attributes": attributes}
    desk.take(desk.write("spans.jsonl", [span]))
    assert desk.ask("SELECT input_tokens, cache_read_tokens, cost_nano_usd FROM usage_call") == [
        (2_000, 10_000, 2_000 * 1_000 + 10_000 * 100 + 200 * 5_000)
    ]


# Sums of a resumed session that repeat those before (session.shutdown of Copilot CLI)


def test_sums_that_go_on_count_by_what_they_have_grown(desk: Desk) -> None:
    def shutdown(number: int, tokens: int) -> dict[str, Any]:
        usage = {"inputTokens": tokens, "outputTokens": tokens}
        metrics = {"gpt-5": {"requests": {"count": number}, "usage": usage}}
        event = {"type": "session.shutdown", "id": f"e{number}", "parentId": None}
        return event | {"timestamp": seconds(number), "data": {"modelMetrics": metrics}}

    start = {"type": "session.start", "id": "e0", "parentId": None, "timestamp": seconds(0)}
    lines = [
        start | {"data": {"sessionId": "s"}},
        shutdown(1, 70),
        shutdown(2, 107),
        shutdown(3, 9),
    ]
    desk.take(desk.write("events.jsonl", lines))
    assert desk.ask("SELECT sum(input_tokens)::BIGINT FROM usage_record") == [(107 + 9,)]
