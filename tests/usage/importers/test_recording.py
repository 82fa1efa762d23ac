"""A log imported in pieces, in any order, with copies, gives the same sums as in one go (IMP-1)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties import examples

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Books, Desk

Line = Callable[..., dict[str, Any]]
Snapshot = tuple[int, str, int, int, bool, str, str]

# Few calls, so that many lines are of the same one; at midnight, so that they differ in their day.
# An import costs more than its lines do, so one example holds the lines of many calls.
SNAPSHOTS = st.lists(
    st.tuples(
        st.integers(1, 9),  # call
        st.sampled_from(["16T23:59:58", "16T23:59:59", "17T00:00:00", "17T00:00:01"]),
        st.integers(0, 40),  # output
        st.integers(0, 3),  # cache write
        st.booleans(),  # web search
        st.sampled_from(["a", "b", "fork", "sidechain"]),  # where it was said
        st.sampled_from(["", "fast", "standard"]),  # speed
    ),
    min_size=1,
    max_size=27,
)


def as_line(line: Line, snapshot: Snapshot) -> dict[str, Any]:
    call, at, output, write, searched, place, speed = snapshot
    models = ("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001", "nimbus-1")
    usage: dict[str, Any] = {
        "input_tokens": 5,
        "output_tokens": output,
        "cache_creation_input_tokens": write,
        # haiku has no rate for it in these books: its cost becomes unknown
        "server_tool_use": {"web_search_requests": int(searched)},
        **({"speed": speed} if speed else {}),
    }
    said = line(call, at=f"2026-11-{at}Z", model=models[call % 3], usage=usage, session=place)
    if place == "fork":
        said["forkedFrom"] = {"sessionId": "a"}
    if place == "sidechain":
        said |= {"isSidechain": True, "agentId": "a1b2c3"}
    return said


def records(desk: Desk) -> list[tuple[Any, ...]]:
    """Every fact of every call but its id, which tells how often it was amended."""
    calls = desk.ask("SELECT * EXCLUDE (id) FROM usage_call ORDER BY import_key")
    sums = desk.ask(
        "SELECT sum(calls), sum(output_tokens), coalesce(sum(cost_nano_usd), 0), "
        "coalesce(sum(calls) FILTER (WHERE cost_nano_usd IS NULL), 0), "
        "count(DISTINCT id) = count(*) FROM usage_record"
    )
    return [*calls, *sums]


@settings(
    max_examples=examples(6, by_day=3), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(snapshots=SNAPSHOTS, data=st.data())
def test_any_split_order_and_repetition_gives_the_same_records(
    desk: Desk, line: Line, books: Books, snapshots: list[Snapshot], data: st.DataObject
) -> None:
    lines = [as_line(line, one) for one in snapshots]
    indexes = st.lists(st.integers(0, len(lines) - 1), max_size=18)
    # Pieces may overlap and repeat; together with a last full copy they hold every line.
    pieces = [*data.draw(st.lists(indexes.filter(bool), max_size=3)), list(range(len(lines)))]
    order = data.draw(st.permutations(pieces))
    with tempfile.TemporaryDirectory() as folder:
        whole = type(desk)(Path(folder) / "whole", books)
        whole.take(whole.write("log.jsonl", lines))
        parts = type(desk)(Path(folder) / "parts", books)
        for number, piece in enumerate(order):
            parts.take(parts.write(f"piece-{number}.jsonl", [lines[n] for n in piece]))
        assert records(parts) == records(whole)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(snapshots=SNAPSHOTS, cuts=st.lists(st.integers(0, 27), max_size=3))
def test_a_growing_log_gives_the_same_totals_as_the_finished_one(
    desk: Desk, line: Line, books: Books, snapshots: list[Snapshot], cuts: list[int]
) -> None:
    lines = [as_line(line, one) for one in snapshots]
    with tempfile.TemporaryDirectory() as folder:
        whole = type(desk)(Path(folder) / "whole", books)
        whole.take(whole.write("log.jsonl", lines))
        growing = type(desk)(Path(folder) / "growing", books)
        for cut in [*sorted(cuts), len(lines)]:
            if lines[:cut]:
                growing.take(growing.write("log.jsonl", lines[:cut]))
        assert records(growing) == records(whole)
        known = "SELECT count(*) FROM usage_record WHERE corrects_id IS NOT NULL"
        assert whole.ask(known) == [(0,)]


def test_a_later_snapshot_takes_the_record_back_and_appends_a_new_one(
    desk: Desk, line: Line
) -> None:
    first = line(at="2026-11-16T23:59:59Z", usage={"input_tokens": 9, "output_tokens": 1})
    last = line(at="2026-11-17T00:00:03Z", usage={"input_tokens": 4, "output_tokens": 100})
    desk.take(desk.write("log.jsonl", [first]))
    summary = desk.take(desk.write("log.jsonl", [first, last]))
    assert (summary.new, summary.updated, summary.duplicate) == (0, 1, 0)
    assert summary.new_cost_nano_usd == -5 * 3_000 + 99 * 15_000
    rows = desk.ask(
        "SELECT corrects_id IS NULL, input_tokens, output_tokens, cost_nano_usd, "
        "admitted_at::DATE::VARCHAR, session_id FROM usage_record ORDER BY settled_at, calls DESC"
    )
    assert rows == [
        (True, 9, 1, 42_000, "2026-11-16", "session-a"),
        (False, -9, -1, -42_000, "2026-11-16", "session-a"),
        (False, 4, 100, 1_512_000, "2026-11-16", "session-a"),
    ]
    assert desk.ask("SELECT input_tokens, cost_nano_usd FROM usage_call") == [(4, 1_512_000)]
    assert desk.ask(
        "SELECT count(*) FROM usage_record AS later JOIN usage_record AS call "
        "ON later.corrects_id = call.id AND later.import_key = call.import_key"
    ) == [(2,)]


def test_an_older_snapshot_that_comes_later_moves_only_the_beginning(
    desk: Desk, line: Line
) -> None:
    older = line(at="2026-11-16T10:00:01Z", usage={"input_tokens": 1, "output_tokens": 1})
    newer = line(at="2026-11-16T10:00:02Z", usage={"input_tokens": 1, "output_tokens": 9})
    desk.take(desk.write("b.jsonl", [newer]))
    summary = desk.take(desk.write("a.jsonl", [older]))
    assert (summary.new, summary.updated, summary.new_cost_nano_usd) == (0, 1, 0)
    times = desk.ask("SELECT second(admitted_at), second(settled_at) FROM usage_call")
    assert times == [(1, 2)]
    assert desk.totals()[:3] == (1, 1, 9)
