"""Equal refusals are counted, and reports add them up (REP-2)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus import open_runtime
from corvus.base.money import NanoUSD
from corvus.governor import upkeep
from corvus.governor.records import append_counted_refusals, append_refusal
from corvus.model.request import Request
from corvus.reporting.catalog import load_catalog
from corvus.reporting.run import run_report
from corvus.runtime import Runtime
from corvus.store.sqlite import MemoryBackend
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.fakes import FrozenClock
from tests.governor.conftest import Bench, MakeBench

DAY = "[cost]\nenabled = true\ndaily_limit_usd = 1\n"


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(DAY)


def denied(one: Bench) -> list[dict[str, object]]:
    return [row for row in one.rows("reservation_event") if row["kind"] == "denied"]


def test_an_agent_in_a_loop_leaves_a_handful_of_rows(one: Bench) -> None:
    for _ in range(100):
        assert not one.ask("5").allowed
    assert len(denied(one)) == 3
    one.clock.move(timedelta(minutes=1))
    one.spent("day")
    assert [row.get("times") for row in denied(one)] == [None, None, None, 97]
    one.spent("day")
    assert len(denied(one)) == 4


def test_refusals_of_other_sessions_and_models_are_told_apart(one: Bench) -> None:
    for session in ("a", "b"):
        for _ in range(5):
            one.ask("5", session)
    upkeep.keep_up(one.governor.store)
    assert [(row["session_id"], row.get("times")) for row in denied(one)[-2:]] == [
        ("a", 2),
        ("b", 2),
    ]


ROWS = st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9), st.integers(0, 90))


@given(st.lists(ROWS, max_size=120))
def test_whatever_is_refused_adds_up(rows: list[tuple[str, int | None, int]]) -> None:
    clock = FrozenClock()
    store = Store(MemoryBackend(), clock)
    for session, estimate, seconds in rows:
        clock.move(timedelta(seconds=seconds / 10))
        row: dict[str, Any] = {"session_id": session, "estimate_nano_usd": estimate}
        store.run(lambda unit, row=row: append_refusal(unit, row))
    store.run(append_counted_refusals)

    def told(unit: Unit) -> list[dict[str, Any]]:
        return [dict(event.row) for event in unit.events(0, 10_000)]

    found = store.run(told, alone=True)
    store.close()
    for session in "abc":
        mine = [one for one in found if one["session_id"] == session]
        asked = [estimate for name, estimate, _ in rows if name == session]
        assert sum(one.get("times") or 1 for one in mine) == len(asked)
        total = sum(
            one.get("estimates_nano_usd") or one.get("estimate_nano_usd") or 0 for one in mine
        )
        assert total == sum(estimate or 0 for estimate in asked)
        largest = max((one.get("estimate_nano_usd") or 0 for one in mine), default=0)
        assert largest == max((estimate or 0 for estimate in asked), default=0)


def test_very_many_kinds_of_refusals_do_not_grow_the_store(one: Bench) -> None:
    for number in range(100):
        one.ask("5", f"s{number}")
    assert len(denied(one)) == 100
    text = one.governor.store.run(lambda unit: unit.state.refusals)
    assert len(text) < 50_000


def report(runtime: Runtime, name: str) -> list[Any]:
    with runtime.ledger() as ledger:
        table = run_report(
            ledger.connection, load_catalog().find(name), {}, now=runtime.clock.now()
        )
    return [
        dict(zip([column.name for column in table.columns], row, strict=True)) for row in table.rows
    ]


def test_a_report_counts_every_refusal_at_once(tmp_path: Path) -> None:
    config = tmp_path / "corvus.toml"
    config.write_text(DAY)
    clock = FrozenClock()
    runtime = open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock)
    with runtime.governor() as governor:
        for dollars in (5, 7, *[6] * 8):
            governor.reserve(Request("m", NanoUSD(dollars * 10**9), "s"))
    (row,) = report(runtime, "budgets/denied")
    assert (row["denied_calls"], row["unpriced_calls"]) == (10, 0)
    assert (row["avoided_nano_usd"], row["largest_nano_usd"]) == (60 * 10**9, 7 * 10**9)
    (session,) = report(runtime, "spend/sessions")
    assert session["denied_calls"] == 10
