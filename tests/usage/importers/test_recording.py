"""A log imported in pieces, in any order, with copies, gives the same sums as in one go (IMP-1)."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from corvus.model.columns import STATED
from corvus.model.usage import COUNTS
from corvus.usage.importers.columns import FIELDS
from tests.properties import examples

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Books, Desk

Line = Callable[..., dict[str, Any]]
Snapshot = tuple[int, str, int, int, bool, str, str, str]

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
        st.sampled_from(["", "fast", "standard", "batch", "flex"]),  # speed or tier
        st.sampled_from(["", "main", "fix"]),  # branch, request and costs
    ),
    min_size=1,
    max_size=27,
)


# Pieces may overlap and repeat; one of them is a full copy, so that they hold every line together.
WHOLE: list[int] = []
SPLITS = st.lists(st.lists(st.integers(0, 26), min_size=1, max_size=18), max_size=3).flatmap(
    lambda pieces: st.permutations([*pieces, WHOLE])
)

# Two sessions name the same call at the same instant.
TIED_A: Snapshot = (1, "16T23:59:58", 3, 0, False, "a", "", "")
TIED_B: Snapshot = (1, "16T23:59:58", 3, 0, False, "b", "", "")


def as_line(line: Line, snapshot: Snapshot) -> dict[str, Any]:
    call, at, output, write, searched, place, speed, said_else = snapshot
    models = ("claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001", "nimbus-1")
    usage: dict[str, Any] = {
        "input_tokens": 5,
        "output_tokens": output,
        "cache_creation_input_tokens": write,
        # haiku has no rate for it in these books: its cost becomes unknown
        "server_tool_use": {"web_search_requests": int(searched)},
        **({"speed": speed} if speed in ("fast", "standard") else {}),
        **({"service_tier": speed} if speed in ("batch", "flex") else {}),
    }
    # Of each call its own sessions: one that begins like another one would be a copy of it.
    said = line(
        call, at=f"2026-11-{at}Z", model=models[call % 3], usage=usage, session=f"{place}-{call}"
    )
    if said_else:
        said |= {"gitBranch": said_else, "requestId": said_else, "costUSD": len(said_else)}
    if place == "fork":
        said["forkedFrom"] = {"sessionId": f"a-{call}"}
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
@given(snapshots=SNAPSHOTS, splits=SPLITS)
@example(snapshots=[TIED_A, TIED_B], splits=[[1], WHOLE])
@example(snapshots=[TIED_B, TIED_A], splits=[[1], WHOLE])
def test_any_split_order_and_repetition_gives_the_same_records(
    desk: Desk, line: Line, books: Books, snapshots: list[Snapshot], splits: list[list[int]]
) -> None:
    lines = [as_line(line, one) for one in snapshots]
    with tempfile.TemporaryDirectory() as folder:
        whole = type(desk)(Path(folder) / "whole", books)
        whole.take(whole.write("log.jsonl", lines))
        parts = type(desk)(Path(folder) / "parts", books)
        for number, piece in enumerate(splits):
            chosen = [lines[n % len(lines)] for n in piece] or lines
            parts.take(parts.write(f"piece-{number}.jsonl", chosen))
        assert records(parts) == records(whole)


@pytest.mark.parametrize("seed", range(examples(8, by_day=1)))
def test_thousands_of_calls_whose_lines_are_tied_are_the_same_in_any_split(
    tmp_path: Path, desk: Desk, line: Line, books: Books, seed: int
) -> None:
    """Each call is an example of its own; few instants, so that most of its lines are tied."""
    draw = random.Random(seed)
    lines = [
        as_line(
            line,
            (
                call,
                draw.choice(("16T23:59:59", "17T00:00:00")),
                draw.randrange(2),
                draw.randrange(2),
                draw.random() < 0.2,
                draw.choice(("a", "b", "fork", "sidechain")),
                draw.choice(("", "fast", "batch", "flex")),
                draw.choice(("", "main", "fix")),
            ),
        )
        for call in range(3_000)
        for _ in range(draw.randrange(1, 5))
    ]
    whole = type(desk)(tmp_path / "whole", books)
    whole.take(whole.write("log.jsonl", lines))
    parts = type(desk)(tmp_path / "parts", books)
    for piece in range(4):
        chosen = [one for one in lines if draw.random() < 0.4] if piece < 3 else [*lines]
        draw.shuffle(chosen)
        parts.take(parts.write(f"{piece}.jsonl", chosen))
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


ROW = {
    "id": "one",
    "timestamp": "2026-11-16T10:00:00Z",
    "model": "claude-sonnet-4-5-20250929",
    "input_tokens": 5,
    "output_tokens": 7,
}
"""What a row of an export must say."""
INSTANTS = ("2026-11-16T10:00:01Z", "2026-11-16T10:00:02Z", "2026-11-16T10:00:03Z")
OF_THE_KEY = {"import_key", "admitted_at", "requested_model", "tags"}
"""What is no field of a row, or tells calls apart."""
TIED: dict[str, tuple[object, ...]] = {
    **{
        column.name: INSTANTS if column.type == "TIMESTAMP" else ("x", "y", "z")
        for column in STATED
        if column.name not in {*OF_THE_KEY, *COUNTS, "calls"}
    },
    **{name: (8, 9, 10) for name in (*COUNTS, "calls")},
    "outcome": ("completed", "failed", "cancelled"),
    "tags.team": ("x", "y", "z"),
    "is_fork": (True, False, True),
    "is_free": (True, False, True),
    "at_least": (True, False, True),
    # 1 USD is believed, 0 and a million are not: 0.000012 is what the books make of the call
    "cost_usd": (1, 0.5, 0, 900_000),
    "estimated_cost_usd": (1, 0.5, 0),
}
"""Of every field what rows of the same call, at the same instant, may say."""


def test_all_that_can_be_tied_is_tried() -> None:
    assert {*TIED} >= {*FIELDS} - {*ROW}


def test_what_is_tied_is_decided_by_what_is_said_and_not_by_which_came_first(
    tmp_path: Path, desk: Desk, books: Books
) -> None:
    """Any order, in one go or row by row: the same records, and a repetition adds nothing."""
    first: list[dict[str, object]] = []
    second: list[dict[str, object]] = []
    for model in ("claude-sonnet-4-5-20250929", "nimbus-1"):  # with a price, and without one
        for name, values in TIED.items():
            for one, other in combinations((*values, None), 2):
                row = ROW | {"id": f"{name}: {one} or {other}", "model": model}
                first.append(row | {name: one})
                second.append(row | {name: other})
    columns = {"tags.team": "tags.team"} | {name: name for name in TIED if name in FIELDS}
    books_kept: list[list[tuple[Any, ...]]] = []
    for number, pieces in enumerate(
        ([first + second], [second + first], [first, second], [second, first])
    ):
        ledger = type(desk)(tmp_path / str(number), books)
        for place, rows in enumerate(pieces):
            ledger.take(ledger.write(f"{place}.jsonl", rows), columns=columns)
        books_kept.append(records(ledger))
        again = ledger.take(ledger.write("again.jsonl", first + second), columns=columns)
        assert (again.new, again.updated) == (0, 0)
    for other in books_kept[1:]:
        assert other == books_kept[0]
