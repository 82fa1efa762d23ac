"""A ledger shows its file, its archive and a store's undrained events as one (LED-2, LED-4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from corvus.base.errors import LedgerCorrupt, LedgerError
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import FixedClock
from corvus.governor.shadow.marks import MARK, Mark, ShadowOutcome
from corvus.ledger import ledger as module
from corvus.ledger.archive import archive
from corvus.ledger.counts import spend_in
from corvus.ledger.drain import drain
from corvus.ledger.ledger import Ledger, open_file, open_ledger
from corvus.ledger.views import archive_folder
from corvus.model.budget import Budget
from corvus.model.outbox import LedgerTable, Row
from corvus.reporting.catalog import load_catalog
from corvus.reporting.in_force import show_budgets
from corvus.reporting.run import run_report
from corvus.reporting.table import Table
from tests.ledger.outboxes import (
    NOON_US,
    STORE,
    FileOutbox,
    asked,
    call,
    contents,
    keys,
    mixed,
    opened,
    reserved,
    uuid_at,
)

DAY_US = 86_400_000_000
LATER = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))
REPORTS = load_catalog().reports
BUDGETS = (Budget("day", Period.DAY, NanoUSD(10), (80,), "cost.daily_limit_usd"),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.duckdb"


@pytest.fixture
def outbox(tmp_path: Path) -> FileOutbox:
    return FileOutbox(tmp_path / "outbox.sqlite")


def answers(path: Path, outbox: FileOutbox | None) -> dict[str, Table]:
    """Return what every shipped report says at the end of January 2026."""
    found: dict[str, Table] = {}
    with open_ledger(path, outbox=outbox) as ledger:
        show_budgets(ledger.connection, BUDGETS, LATER.now())
        for name, report in REPORTS.items():
            wanted = {parameter.name for parameter in report.header.parameters}
            given = {
                "as_of": "2026-01-31T00:00:00Z",
                "since": "2025-11-01",
                "until": "2026-02-01",
                "days": 90,
                "weeks": 13,
                "months": 4,
                "windows": 366,
            }
            chosen = {key: value for key, value in given.items() if key in wanted}
            if name == "spend/session-tree":
                chosen["session"] = "session-1"
            found[name] = run_report(ledger.connection, report, chosen, now=LATER.now())
    return found


def quarter() -> list[tuple[LedgerTable, Row]]:
    """Return two months of calls, with missions, a correction and an unknown cost."""
    rows = [
        call(
            number,
            admitted_at=NOON_US + number * DAY_US,
            mission_id="mission" if number % 4 else None,
            cost_nano_usd=None if number % 10 == 9 else number * 1000,
            requested_model=("gpt-5", "gpt-5-mini")[number % 2],
        )
        for number in range(60)
    ]
    wrong = rows[30][1]
    taken_back: Row = wrong | {
        "id": uuid_at(NOON_US, 500),
        "corrects_id": wrong["id"],
        "calls": -1,
        "input_tokens": -10,
        "cost_nano_usd": -30_000,
    }
    return [*rows, (LedgerTable.USAGE_RECORD, taken_back), *told()]


def told() -> list[tuple[LedgerTable, Row]]:
    """Return one of everything else that reports read."""
    day = {"governing_budget": "day", "governing_limit_nano_usd": 10, "projected_nano_usd": 20}
    override = uuid_at(NOON_US, 900)
    granted: Row = {
        "position": 1,
        "id": uuid_at(NOON_US, 901),
        "kind": "override_granted",
        "recorded_at": NOON_US,
        "actor": "ana",
        "override_id": override,
        "previous_hash": "0",
        "hash": "1",
    }
    price: Row = {
        "recorded_at": NOON_US,
        "entry": "user:gpt-5",
        "book": "user",
        "model": "gpt-5",
        "rates": {"input": 1},
    }
    return [
        call(61, cache_read_tokens=5),
        call(62, tags={MARK: Mark("0123456789abcdef", ShadowOutcome.REFUSED, "day").text}),
        reserved(70, state="warning", **day),
        reserved(71, kind="denied", state="exceeded", denial="budget_exceeded", **day),
        reserved(72, kind="committed", cost_nano_usd=100, override_id=override),
        reserved(73, kind="committed", cost_nano_usd=100, estimate_nano_usd=200, most_nano_usd=900),
        opened(1),
        (LedgerTable.AUDIT_EVENT, granted),
        (LedgerTable.PRICE_ENTRY, price),
    ]


def test_reports_say_the_same_before_and_after_the_drain_and_the_archive(
    path: Path, outbox: FileOutbox
) -> None:
    outbox.append(quarter())
    undrained = answers(path, outbox)
    assert not path.exists()
    drain(path, outbox)
    drained = answers(path, None)
    assert [Path(file).name for file in archive(path, 30, clock=LATER).files] == [
        *(f"usage_record-{month}-1.parquet" for month in ("2025-11", "2025-12", "2026-01")),
        "reservation_event-2025-11-1.parquet",
    ]
    with open_file(path) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(0,)]
    archived = answers(path, outbox)
    empty = [name for name, table in undrained.items() if not table.rows]
    assert {name.partition("/")[0] for name in empty} == {"reconcile"}  # there are no bills
    assert undrained == drained == archived


def test_file_archive_and_tail_are_one_table_in_every_mode(path: Path, outbox: FileOutbox) -> None:
    outbox.append([call(1), reserved(1)])
    drain(path, outbox)
    archive(path, 30, clock=LATER)
    outbox.append([call(2), reserved(2), opened(2)])
    drain(path, outbox)
    outbox.append([call(3), reserved(3), opened(3)])
    for write in (False, True):
        with open_ledger(path, write=write, outbox=outbox) as ledger:
            assert spend_in(ledger.connection).cost_nano_usd == 1 + 2 + 3
            for table in ("usage_call", "reservation_event"):
                assert asked(ledger, f"SELECT count(*) FROM {table}") == [(3,)]  # noqa: S608 - tables of ours
            assert asked(ledger, "SELECT session_id FROM session ORDER BY ALL") == [
                ("session-2",),
                ("session-3",),
            ]
            assert asked(ledger, "SELECT DISTINCT tags['team'] FROM usage_call") == [("core",)]
            assert asked(ledger, f"SELECT count(*) FROM {ledger.table('usage_record')}") == [(1,)]  # noqa: S608 - a table of ours


def test_a_view_has_the_columns_and_types_of_its_table(path: Path, outbox: FileOutbox) -> None:
    outbox.append([call(1), reserved(1)])
    drain(path, outbox)
    archive(path, 30, clock=LATER)
    outbox.append([call(2), reserved(2)])
    for table in ("usage_record", "usage_call", "reservation_event"):
        with open_ledger(path, outbox=outbox) as ledger:
            whole = asked(ledger, f"SELECT column_name, column_type FROM (DESCRIBE {table})")  # noqa: S608 - a table of ours
        with open_file(path) as ledger:
            bare = asked(ledger, f"SELECT column_name, column_type FROM (DESCRIBE {table})")  # noqa: S608 - a table of ours
        assert whole == bare


def test_without_rows_elsewhere_no_view_stands_before_a_table(
    path: Path, outbox: FileOutbox
) -> None:
    outbox.append(mixed(3))
    drain(path, outbox)
    with open_ledger(path, outbox=outbox) as ledger:
        views = asked(ledger, "SELECT view_name FROM duckdb_views() WHERE temporary")
        assert ("usage_record",) not in views


def test_a_correction_in_the_tail_takes_back_a_call_of_the_file(
    path: Path, outbox: FileOutbox
) -> None:
    _, row = call(1)
    outbox.append([(LedgerTable.USAGE_RECORD, row)])
    drain(path, outbox)
    back = row | {"id": uuid_at(NOON_US, 9), "corrects_id": row["id"], "calls": -1}
    outbox.append([(LedgerTable.USAGE_RECORD, back)])
    with open_ledger(path, outbox=outbox) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_call") == [(0,)]


def test_rows_are_appended_to_the_file_also_behind_a_view(path: Path, outbox: FileOutbox) -> None:
    outbox.append([call(1)])
    with open_ledger(path, write=True, outbox=outbox) as ledger:
        ledger.connection.execute(
            "CREATE TEMP TABLE usage_staged AS SELECT * REPLACE (uuidv7() AS id) FROM usage_record"
        )
        with ledger.transaction():
            assert ledger.append(LedgerTable.USAGE_RECORD, "temp.usage_staged") == 1
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(2,)]
    with open_file(path) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(1,)]


@pytest.mark.parametrize("name", ["my ledger.duckdb", "a\"b'c.db", "[x]*?.duckdb", "temp.duckdb"])
def test_a_ledger_may_have_any_name(tmp_path: Path, outbox: FileOutbox, name: str) -> None:
    path = tmp_path / name
    outbox.append(mixed(3))
    drain(path, outbox)
    archive(path, 30, clock=LATER)
    outbox.append(mixed(3, start=3))
    with open_ledger(path, outbox=outbox) as ledger:
        assert contents(ledger) == keys(mixed(6))


def test_a_store_without_a_ledger_can_be_read_and_nothing_is_made(
    path: Path, outbox: FileOutbox
) -> None:
    outbox.append(mixed(4))
    before = {file.name for file in path.parent.iterdir()}
    with open_ledger(path, outbox=outbox) as ledger:
        assert contents(ledger) == keys(mixed(4))
        with pytest.raises(duckdb.Error, match="disabled"):
            ledger.connection.execute("SELECT * FROM read_text('/etc/hostname')")
    assert {file.name for file in path.parent.iterdir()} == before


def test_without_ledger_and_events_the_message_says_what_to_type(
    path: Path, outbox: FileOutbox
) -> None:
    with pytest.raises(LedgerError, match="usage import"), open_ledger(path, outbox=outbox):
        pass


def test_a_lost_ledger_is_refused_not_shown_as_empty(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(4))
    drain(path, outbox)
    path.unlink()
    with (
        pytest.raises(LedgerCorrupt, match="has lost events 1 to 4"),
        open_ledger(path, outbox=outbox),
    ):
        pass


def test_the_first_drain_may_come_while_a_reader_looks(
    path: Path, outbox: FileOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.append(mixed(4))

    def overtaken(store: FileOutbox, after_seq: int) -> int:
        monkeypatch.undo()
        drain(path, outbox)
        return after_seq + 4

    monkeypatch.setattr(module, "last_seq", overtaken)
    with open_ledger(path, outbox=outbox) as ledger:
        assert contents(ledger) == keys(mixed(4))
        assert ledger.watermark(STORE) == 4


@pytest.mark.parametrize("write", [False, True])
def test_a_missing_archive_file_is_named_when_the_ledger_is_opened(
    path: Path, outbox: FileOutbox, write: bool
) -> None:
    outbox.append([call(1)])
    drain(path, outbox)
    (file,) = archive(path, 30, clock=LATER).files
    Path(file).unlink()
    with (
        pytest.raises(LedgerError, match=r"usage_record-2025-11-1\.parquet is missing"),
        open_ledger(path, write=write),
    ):
        pass


def test_a_reader_reaches_the_archive_and_no_other_file(path: Path, outbox: FileOutbox) -> None:
    outbox.append([call(1)])
    drain(path, outbox)
    archive(path, 30, clock=LATER)
    other = archive_folder(path) / "other.csv"
    other.write_text("a\n1\n")
    with open_ledger(path) as ledger:
        for statement in (
            f"SELECT * FROM read_csv('{other}')",  # noqa: S608 - a path of this test
            "SELECT * FROM glob('/etc/*')",
            f"COPY (SELECT 1) TO '{other}'",
            "SET enable_external_access = true",
            "SET allowed_paths = ['/etc/hostname']",
        ):
            with pytest.raises(duckdb.Error):
                ledger.connection.execute(statement)
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(1,)]
    assert other.read_text() == "a\n1\n"


def totals(ledger: Ledger) -> list[tuple[object, ...]]:
    return asked(ledger, "SELECT sum(calls), sum(cost_nano_usd) FROM usage_record")


def test_a_reader_sees_all_of_a_tail_of_several_batches(
    path: Path, outbox: FileOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corvus.ledger.outbox.BATCH_EVENTS", 3)
    outbox.append(call(number) for number in range(10))
    with open_ledger(path, outbox=outbox) as ledger:
        assert totals(ledger) == [(10, 45)]


Record = Callable[..., Path]


def test_imported_calls_and_governed_calls_stand_side_by_side(
    path: Path, outbox: FileOutbox, record_calls: Record
) -> None:
    record_calls(path, {"admitted_at": datetime(2026, 1, 2), "cost_nano_usd": 100})  # noqa: DTZ001 - the ledger is naive UTC
    outbox.append([call(5)])
    with open_ledger(path, outbox=outbox) as ledger:
        assert totals(ledger) == [(2, 105)]
