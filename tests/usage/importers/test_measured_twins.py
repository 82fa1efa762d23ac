"""What corvus has measured counts once, also where the agent's own log has it (IMP-1, CLI-7)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus import Usage
from corvus.base.money import NanoUSD
from corvus.model.request import Request
from corvus.usage.importers.model import ImportOptions, ImportSummary
from corvus.usage.importers.run import import_usage
from tests.cli.places import Place
from tests.fakes import FrozenClock
from tests.usage.importers.conftest import assistant

MODEL = "claude-sonnet-4-5-20250929"
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
COUNTS = {"input_tokens": 10, "output_tokens": 20}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def place(tmp_path: Path, clock: FrozenClock) -> Place:
    return Place(tmp_path, clock)


def measure(place: Place, clock: FrozenClock, request_id: str | None) -> None:
    """Make a governed call that takes three seconds."""
    with place.governor() as governor:
        decision = governor.reserve(Request(MODEL, NanoUSD(10**9), "run", rungs=()))
        assert decision.reservation is not None, decision
        clock.move(timedelta(seconds=3))
        governor.commit(
            decision.reservation,
            Usage(10, 20),
            cost_nano_usd=NanoUSD(330_000),
            provider_request_id=request_id,
        )


def take(place: Place, *lines: dict[str, Any]) -> ImportSummary:
    log = place.config.with_name("log.jsonl")
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    runtime = place.runtime
    books = runtime.bookkeeping
    options = ImportOptions(clock=runtime.clock, own_store=books.store_id())
    summary = import_usage(books.importing, [log], runtime.books, options=options)
    books.settle_import()
    return summary


def calls(place: Place) -> list[tuple[str, int]]:
    with place.runtime.ledger() as ledger:
        found = ledger.connection.execute(
            "SELECT surface, sum(calls)::BIGINT FROM usage_record GROUP BY ALL "
            "HAVING sum(calls) <> 0 ORDER BY ALL"
        )
        return found.fetchall()


def said(number: int, request_id: str | None = "req_1", seconds: int = 2) -> dict[str, Any]:
    at = (NOON + timedelta(seconds=seconds)).isoformat()
    line = assistant(number, at=at, model=MODEL, usage=COUNTS)
    return line | {"requestId": request_id}


@pytest.mark.parametrize("measured", ["req_1", None])
@pytest.mark.parametrize("logged", ["req_1", None])
def test_a_call_that_was_measured_is_left_out(
    place: Place, clock: FrozenClock, measured: str | None, logged: str | None
) -> None:
    measure(place, clock, measured)
    summary = take(place, said(1, logged))
    assert (summary.new, summary.duplicate) == (0, 1)
    assert calls(place) == [("python", 1)]
    assert place.spent("day", "run") == 0, "0.00033 USD are no cent, and stay what was measured"


def test_another_call_counts(place: Place, clock: FrozenClock) -> None:
    measure(place, clock, "req_1")
    summary = take(place, said(1), said(2, "req_2"), said(3, None, seconds=400))
    assert (summary.new, summary.duplicate) == (2, 1)
    assert calls(place) == [("import", 2), ("python", 1)]


def test_what_was_imported_while_the_call_was_under_way_is_taken_back(
    place: Place, clock: FrozenClock
) -> None:
    assert take(place, said(1)).new == 1
    assert calls(place) == [("import", 1)]
    measure(place, clock, "req_1")
    take(place, said(1), said(2, "req_2"))
    assert calls(place) == [("import", 1), ("python", 1)]
    again = take(place, said(1), said(2, "req_2"))
    assert (again.new, again.duplicate) == (0, 2)
    assert calls(place) == [("import", 1), ("python", 1)]
    with place.governor() as governor:
        spends = governor.status("run").spends
    assert spends["day"] is not None
    assert spends["day"].calls == 2, "the balance was counted again"
