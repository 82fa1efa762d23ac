"""Retention moves whole months to Parquet, exactly once, and loses nothing (LED-4)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.errors import LedgerError
from corvus.base.time import FixedClock
from corvus.ledger.archive import ArchiveSummary, archive
from corvus.ledger.drain import drain
from corvus.ledger.ledger import open_file, open_ledger
from corvus.ledger.verify import check_archive
from corvus.ledger.views import archive_folder
from corvus.model.outbox import LedgerTable, Row
from tests.ledger.outboxes import (
    NOON_US,
    FileOutbox,
    asked,
    call,
    contents,
    keys,
    mixed,
    reserved,
)
from tests.properties import examples

ROOT = Path(__file__).parents[2]
DAY_US = 86_400_000_000
LATER = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.duckdb"


@pytest.fixture
def outbox(tmp_path: Path) -> FileOutbox:
    return FileOutbox(tmp_path / "outbox.sqlite")


def at(day: int) -> dict[str, int]:
    """Return the time of a call so many days after 2025-11-25."""
    return {"admitted_at": NOON_US + day * DAY_US}


def names(path: Path) -> list[str]:
    return sorted(file.name for file in archive_folder(path).glob("*"))


@pytest.mark.parametrize(
    ("now", "retention_days", "months"),
    [
        (datetime(2025, 12, 1, tzinfo=UTC), 1, []),
        (datetime(2025, 12, 31, tzinfo=UTC), 31, []),
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), 30, ["2025-11"]),
        (datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC), 30, ["2025-11"]),
        (datetime(2026, 1, 31, tzinfo=UTC), 30, ["2025-11", "2025-12"]),
        (datetime(2026, 11, 23, tzinfo=UTC), 0, []),
    ],
)
def test_a_month_is_moved_once_its_last_instant_is_old_enough(
    path: Path, outbox: FileOutbox, now: datetime, retention_days: int, months: list[str]
) -> None:
    outbox.append(call(number, **at(day)) for number, day in enumerate((0, 5, 6, 36, 37)))
    drain(path, outbox)
    summary = archive(path, retention_days, clock=FixedClock(now))
    assert [Path(file).name for file in summary.files] == [
        f"usage_record-{month}-1.parquet" for month in months
    ]
    with open_file(path) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(5 - summary.rows,)]


def test_a_negative_retention_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="retention_days must be >= 0, got -1"):
        archive(path, -1)


def test_what_was_moved_is_recorded_whole_and_in_order_of_time(
    path: Path, outbox: FileOutbox
) -> None:
    outbox.append([call(3), reserved(5), call(1), reserved(4), call(2)])
    drain(path, outbox)
    summary = archive(path, 30, clock=LATER)
    assert summary == ArchiveSummary(
        5,
        (
            archive_folder(path) / "usage_record-2025-11-1.parquet",
            archive_folder(path) / "reservation_event-2025-11-1.parquet",
        ),
    )
    with open_file(path) as ledger:
        recorded = asked(ledger, "SELECT table_name, month, file, rows FROM ledger_archive")
        assert check_archive(ledger) == []
    assert recorded == [
        ("usage_record", "2025-11", "usage_record-2025-11-1.parquet", 3),
        ("reservation_event", "2025-11", "reservation_event-2025-11-1.parquet", 2),
    ]
    with duckdb.connect() as anyone:
        costs = anyone.execute("SELECT cost_nano_usd FROM read_parquet(?)", [str(summary.files[0])])
        assert costs.fetchall() == [(1,), (2,), (3,)]


def test_late_rows_of_a_moved_month_get_a_further_file(path: Path, outbox: FileOutbox) -> None:
    for number in (1, 2, 3):
        outbox.append([call(number)])
        drain(path, outbox)
        archive(path, 30, clock=LATER)
    assert names(path) == [f"usage_record-2025-11-{number}.parquet" for number in (1, 2, 3)]
    with open_ledger(path) as ledger:
        assert asked(ledger, "SELECT cost_nano_usd FROM usage_record ORDER BY 1") == [
            (1,),
            (2,),
            (3,),
        ]
    assert archive(path, 30, clock=LATER) == ArchiveSummary(0, ())


def test_other_tables_and_foreign_files_are_left_alone(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(3))
    drain(path, outbox)
    archive_folder(path).mkdir()
    (archive_folder(path) / "notes.txt").write_text("mine")
    archive(path, 30, clock=LATER)
    assert "notes.txt" in names(path)
    with open_file(path) as ledger:
        assert asked(ledger, "SELECT count(*) FROM session") == [(1,)]


def test_a_file_of_a_dead_run_is_never_read_and_is_removed(path: Path, outbox: FileOutbox) -> None:
    outbox.append([call(1)])
    drain(path, outbox)
    copy = path.with_name("copy.duckdb")
    shutil.copy(path, copy)
    archive(path, 30, clock=LATER)
    shutil.copy(copy, path)  # the file is there, its record is not: as if the run had died between
    (archive_folder(path) / ".usage_record-2025-11-2.parquet.part").write_text("torn")
    with open_ledger(path) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(1,)]
    archive(path, 30, clock=LATER)
    assert names(path) == ["usage_record-2025-11-1.parquet"]
    with open_ledger(path) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(1,)]


def test_the_archive_of_a_lost_ledger_is_not_removed(path: Path, outbox: FileOutbox) -> None:
    outbox.append([call(1)])
    drain(path, outbox)
    (file,) = archive(path, 30, clock=LATER).files
    lost = Path(file)
    before = lost.read_bytes()
    path.unlink()
    (archive_folder(path) / "usage_record-2025-11-9.parquet").write_text("no Parquet")
    other = FileOutbox(path.with_name("other.sqlite"), "01900000-0000-7000-8000-000000000002")
    other.append([call(2)])
    drain(path, other)
    archive(path, 30, clock=LATER)
    assert lost.read_bytes() == before
    assert names(path) == [f"usage_record-2025-11-{number}.parquet" for number in (1, 2, 9)]
    with open_ledger(path) as ledger:
        assert asked(ledger, "SELECT cost_nano_usd FROM usage_record") == [(2,)]


@pytest.mark.usefixtures("unprivileged")
def test_an_archive_that_cannot_be_written_moves_nothing(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    archive_folder(path).mkdir(mode=0o500)
    with pytest.raises(LedgerError, match="ledger"):
        archive(path, 30, clock=LATER)
    archive_folder(path).chmod(0o700)
    assert names(path) == []
    with open_file(path) as ledger:
        assert contents(ledger) == keys(mixed(6))


def test_a_folder_in_the_way_is_told_without_a_traceback(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    archive_folder(path).write_text("in the way")
    with pytest.raises(LedgerError, match=r"cannot write the archive .*ledger\.duckdb\.archive"):
        archive(path, 30, clock=LATER)


@settings(max_examples=examples(15, by_day=6))
@given(
    st.lists(st.lists(st.integers(0, 300), max_size=6), min_size=1, max_size=4),
    st.lists(st.integers(1, 400), min_size=4, max_size=4),
)
def test_any_mix_of_drains_and_archivings_keeps_every_row_once(
    tmp_path_factory: pytest.TempPathFactory, days: list[list[int]], ages: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("mix")
    path, outbox = folder / "ledger.duckdb", FileOutbox(folder / "outbox.sqlite")
    rows: list[tuple[LedgerTable, Row]] = []
    for some, age in zip(days, ages, strict=False):
        more = [call(len(rows) + number, **at(day)) for number, day in enumerate(some)]
        rows += more
        outbox.append(more)
        drain(path, outbox)
        archive(path, age, clock=LATER)
        with open_ledger(path, outbox=outbox) as ledger:
            assert contents(ledger) == keys(rows)
    with open_file(path) as ledger:
        assert check_archive(ledger) == []


DIE_AT_EACH_STEP = """
import os, shutil, sys
from datetime import UTC, datetime
from pathlib import Path
from corvus.base.time import FixedClock
from corvus.ledger import archive as archive_module, ledger as ledger_module
from corvus.ledger.archive import archive

def run(folder, fatal):
    steps = [0]
    def guarded(name, function):
        def call(*arguments, **named):
            answer = function(*arguments, **named)
            words = name(*arguments)
            if not words.startswith(("SELECT", "SET")):
                steps[0] += 1
                if steps[0] == fatal:
                    (folder / "died").write_text(words)
                    os._exit(9)
            return answer
        return call
    class Connection:
        def __init__(self, real):
            self.real = real
            self.execute = guarded(lambda sql, *_: " ".join(sql.split()[:2]), real.execute)
        def __getattr__(self, name):
            return getattr(self.real, name)
    connect = ledger_module.connect_to_file
    ledger_module.connect_to_file = lambda *a, **k: Connection(connect(*a, **k))
    archive_module.sync = guarded(lambda _: "sync", archive_module.sync)
    os.replace = guarded(lambda *_: "rename", os.replace)
    archive(folder / "ledger.duckdb", 30, clock=FixedClock(datetime(2026, 11, 23, tzinfo=UTC)))

for number in range(1, 1000):
    folder = Path(sys.argv[1]) / str(number)
    folder.mkdir()
    shutil.copy(sys.argv[2], folder / "ledger.duckdb")
    child = os.fork()
    if child == 0:
        run(folder, number)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 9:
        sys.exit(status)
"""


def test_a_process_that_dies_at_any_step_loses_nothing_and_doubles_nothing(
    tmp_path: Path, path: Path, outbox: FileOutbox
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    runs = tmp_path / "runs"
    runs.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", DIE_AT_EACH_STEP, str(runs), str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "policy")},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0
    steps: list[str] = []
    for folder in sorted(runs.iterdir(), key=lambda one: int(one.name)):
        if not (folder / "died").exists():
            continue  # the last one ran to its end
        steps.append((folder / "died").read_text())
        copy = folder / "ledger.duckdb"
        with open_ledger(copy, write=True) as ledger:
            assert contents(ledger) == keys(mixed(6)), steps[-1]
        archive(copy, 30, clock=LATER)
        with open_ledger(copy) as ledger:
            assert contents(ledger) == keys(mixed(6)), steps[-1]
            files = asked(ledger, "SELECT file FROM ledger_archive ORDER BY file")
        assert [name for (name,) in files] == names(copy), steps[-1]
        with open_file(copy) as ledger:
            assert check_archive(ledger) == [], steps[-1]
            left = asked(
                ledger,
                "SELECT (FROM usage_record SELECT count(*)), count(*) FROM reservation_event",
            )
        assert left == [(0, 0)], steps[-1]
    one_file = [
        *("COPY (SELECT", "sync", "rename", "sync", "sync"),
        *("BEGIN TRANSACTION", "DELETE FROM", "INSERT INTO", "COMMIT"),
    ]
    assert steps == [*one_file * 2, "CHECKPOINT"]


def test_files_of_before_and_after_a_new_column_are_read_together(
    path: Path, outbox: FileOutbox
) -> None:
    outbox.append([call(1)])
    drain(path, outbox)
    archive(path, 30, clock=LATER)
    with open_file(path, write=True) as ledger:
        ledger.connection.execute("ALTER TABLE usage_record ADD COLUMN colour VARCHAR")
    outbox.append([call(2, colour="red")])
    drain(path, outbox)
    archive(path, 30, clock=LATER)
    with open_ledger(path) as ledger:
        colours = asked(ledger, "SELECT cost_nano_usd, colour FROM usage_record ORDER BY ALL")
    assert colours == [(1, None), (2, "red")]
