"""The sessions and missions of two projects are apart, also where they share a name (RES-8)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from corvus.ledger.ledger import open_ledger
from corvus.reporting.catalog import load_catalog
from corvus.reporting.run import run_report

DAY = "2026-04-01 10:00:00"
REPORTS = ("by-session", "by-mission", "sessions", "top-sessions")
HISTORIES = ("history-by-session", "history-by-mission")


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    calls = [
        {
            "admitted_at": DAY,
            "session_id": "s",
            "mission_id": "m",
            "project": project,
            "cost_nano_usd": cost,
        }
        for project, cost in (("pa", 1), ("pa", 2), ("pb", 40), (None, 500))
    ]
    return record_calls(tmp_path / "ledger.duckdb", *calls)


@pytest.mark.parametrize("name", [*REPORTS, *HISTORIES])
def test_each_project_has_a_row_of_its_own(ledger: Path, name: str) -> None:
    given = {"as_of": "2026-04-02T00:00:00Z"} if name in HISTORIES else {}
    with open_ledger(ledger) as opened:
        table = run_report(opened.connection, load_catalog().find(name), given)
    columns = [column.name for column in table.columns]
    rows = [dict(zip(columns, row, strict=True)) for row in table.rows]
    assert {(row["project"], row["cost_nano_usd"]) for row in rows} == {
        ("pa", 3),
        ("pb", 40),
        (None, 500),
    }


def test_a_project_has_its_own_outcome_and_refusals(ledger: Path) -> None:
    with open_ledger(ledger, write=True) as opened:
        for project, outcome in (("pa", "warned"), ("pb", "blocked")):
            opened.connection.execute(
                "INSERT INTO session (store_id, seq, session_id, event, project, outcome, "
                "recorded_at) VALUES (uuidv7(), 1, 's', 'closed', ?, ?, ?)",
                [project, outcome, DAY],
            )
        table = run_report(opened.connection, load_catalog().find("sessions"), {})
    columns = [column.name for column in table.columns]
    at = columns.index("project"), columns.index("outcome")
    assert {(row[at[0]], row[at[1]]) for row in table.rows} == {
        ("pa", "warned"),
        ("pb", "blocked"),
        (None, None),
    }
