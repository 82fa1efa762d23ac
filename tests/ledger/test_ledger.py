from __future__ import annotations

import multiprocessing
import os
import random
import struct
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from corvus.base.errors import LedgerCorrupt, LedgerError, LedgerLocked, LedgerTooNew
from corvus.base.time import FixedClock
from corvus.ledger.ledger import Ledger, open_ledger
from corvus.ledger.migrate import shipped_migrations
from corvus.model.outbox import LedgerTable

HOLD = """
import sys, time
from pathlib import Path
from corvus.ledger.ledger import open_ledger
with open_ledger(Path(sys.argv[1]), write=sys.argv[2] == "write"):
    print("held", flush=True)
    time.sleep(60)
"""


def make(path: Path) -> Path:
    with open_ledger(path, write=True):
        pass
    return path


def holder(path: Path, mode: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), mode], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_opening_for_writing_creates_folders_file_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "state" / "corvus" / "ledger.duckdb"
    instant = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with open_ledger(path, write=True, clock=FixedClock(instant)) as ledger:
        rows = ledger.connection.execute("SELECT count(*) FROM usage_record").fetchall()
        applied = ledger.connection.execute(
            "SELECT version, name, sha256, applied_at FROM ledger_migration"
        ).fetchall()
    assert rows == [(0,)]
    first = shipped_migrations()[0]
    assert applied[0] == (1, "initial", first.sha256, datetime(2026, 11, 23, 12))  # noqa: DTZ001 - the ledger is naive UTC


def test_file_format_can_be_read_by_duckdb_1_5(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    magic, storage_version = struct.unpack("<8x4sQ", path.read_bytes()[:20])
    assert magic == b"DUCK"
    assert storage_version <= 68  # what 1.5.5 says it can read: 64 to 68


def test_reading_a_missing_ledger_says_what_to_type_and_creates_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(LedgerError, match="corvus usage import"),
        open_ledger(tmp_path / "ledger.duckdb"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_reading_creates_no_file_even_without_a_lock_file(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    for ending in ("lock", "queue"):
        (tmp_path / f"ledger.duckdb.{ending}").unlink()
    with open_ledger(path) as ledger:
        assert ledger.connection.execute("SELECT count(*) FROM usage_record").fetchone() == (0,)
    assert [one.name for one in tmp_path.iterdir()] == ["ledger.duckdb"]


def test_a_ledger_opened_for_reading_cannot_be_written(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    with open_ledger(path) as ledger, pytest.raises(duckdb.Error, match="read-only"):
        ledger.connection.execute("DELETE FROM usage_record")


def test_opening_twice_applies_migrations_once(tmp_path: Path) -> None:
    path = make(make(tmp_path / "ledger.duckdb"))
    with open_ledger(path) as ledger:
        count = ledger.connection.execute("SELECT count(*) FROM ledger_migration").fetchone()
    assert count == (len(shipped_migrations()),)


@pytest.mark.parametrize("write", [False, True])
def test_connection_never_downloads_extensions_and_counts_in_utc(
    tmp_path: Path, write: bool
) -> None:
    with open_ledger(make(tmp_path / "ledger.duckdb"), write=write) as ledger:
        settings = ledger.connection.execute(
            "SELECT current_setting('autoinstall_known_extensions'), "
            "current_setting('autoload_known_extensions'), current_setting('TimeZone'), "
            "current_setting('memory_limit')"
        ).fetchone()
    assert settings == (False, False, "UTC", "953.6 MiB")


def test_a_newer_ledger_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    connection = duckdb.connect(path)
    connection.execute("INSERT INTO ledger_migration VALUES (99, 'later', 'x', now()::TIMESTAMP)")
    connection.close()
    before = path.read_bytes()
    for write in (False, True):
        with pytest.raises(LedgerTooNew, match="upgrade corvus"), open_ledger(path, write=write):
            pass
    assert path.read_bytes() == before


def test_a_migration_that_differs_from_the_shipped_one_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    connection = duckdb.connect(path)
    connection.execute("UPDATE ledger_migration SET sha256 = repeat('0', 64)")
    connection.close()
    with pytest.raises(LedgerCorrupt, match="differs"), open_ledger(path):
        pass


@pytest.mark.parametrize(
    "content",
    [b"hello, I am text", random.Random(1).randbytes(8192), b"", b"\x00" * 4096],
    ids=["text", "noise", "empty", "zeros"],
)
@pytest.mark.parametrize("write", [False, True])
def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_was(
    tmp_path: Path, content: bytes, write: bool
) -> None:
    path = tmp_path / "ledger.duckdb"
    path.write_bytes(content)
    with pytest.raises(LedgerError), open_ledger(path, write=write):
        pass
    assert path.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of the size of files there")
@pytest.mark.parametrize("size", [0, 4096, 8192])
def test_a_ledger_that_a_full_disk_kept_from_being_made_leaves_nothing(
    tmp_path: Path, size: int
) -> None:
    """DuckDB leaves an empty file or half a head, and takes neither for a database afterwards."""
    import resource

    path = tmp_path / "ledger.duckdb"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(LedgerError), open_ledger(path, write=True):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [name for name in os.listdir(tmp_path) if name.endswith((".duckdb", ".wal"))]
    with open_ledger(path, write=True):
        pass
    with open_ledger(path) as ledger:
        assert ledger.watermark("00000000-0000-7000-8000-000000000000") == 0


def test_an_empty_file_is_told_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    path.touch()
    with pytest.raises(LedgerError, match="empty file; remove it"), open_ledger(path):
        pass


def test_somebody_elses_duckdb_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    connection = duckdb.connect(path)
    connection.execute("CREATE TABLE their_table (a INTEGER)")
    connection.close()
    with pytest.raises(LedgerCorrupt, match="their_table"), open_ledger(path, write=True):
        pass


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="folder"), open_ledger(tmp_path, write=True):
        pass


def test_a_folder_that_cannot_be_created_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(LedgerError, match="cannot create the folder"),
        open_ledger(tmp_path / "file" / "ledger.duckdb", write=True),
    ):
        pass


@pytest.mark.usefixtures("unprivileged")
def test_a_read_only_folder_is_told_without_a_traceback(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(LedgerError, match="ledger"),
            open_ledger(tmp_path / "ledger.duckdb", write=True),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_writer_shuts_others_out_and_its_process_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    process = holder(path, "write")
    try:
        for write in (False, True):
            with (
                pytest.raises(LedgerLocked, match=f"process {process.pid}"),
                open_ledger(path, write=write, timeout_seconds=0.1),
            ):
                pass
    finally:
        stop(process)
    with open_ledger(path, write=True, timeout_seconds=5):
        pass  # a killed holder frees the lock


def test_readers_read_together_and_shut_a_writer_out(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    process = holder(path, "read")
    try:
        with open_ledger(path, timeout_seconds=0) as ledger:
            assert ledger.connection.execute("SELECT count(*) FROM usage_record").fetchone() == (0,)
        with (
            pytest.raises(LedgerLocked),
            open_ledger(path, write=True, timeout_seconds=0.1),
        ):
            pass
    finally:
        stop(process)


def test_a_foreign_duckdb_program_that_holds_the_file_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    code = "import duckdb,sys,time; c=duckdb.connect(sys.argv[1]); print('held',flush=True); "
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}time.sleep(60)", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        started = time.monotonic()
        with (
            pytest.raises(LedgerLocked, match="another program"),
            open_ledger(path, timeout_seconds=0.2),
        ):
            pass
        assert time.monotonic() - started >= 0.2
    finally:
        stop(process)


def fail_half_way(ledger: Ledger, statement: str | None) -> None:
    with ledger.transaction():
        ledger.connection.execute("CREATE TABLE half (a INTEGER)")
        if statement is None:
            raise TypeError
        ledger.connection.execute(statement)


def test_a_failed_transaction_keeps_nothing(tmp_path: Path) -> None:
    path = make(tmp_path / "ledger.duckdb")
    with open_ledger(path, write=True) as ledger:
        with pytest.raises(LedgerError):
            fail_half_way(ledger, "SELECT * FROM no_such_table")
        with pytest.raises(TypeError):
            fail_half_way(ledger, None)
        tables = ledger.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert ("half",) not in tables


def _use_in_child(ledger: object, answers: multiprocessing.SimpleQueue[str]) -> None:
    try:
        _ = ledger.connection  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType] - object only crosses the fork
    except LedgerError as refused:
        answers.put(str(refused))


def test_a_ledger_is_refused_after_a_fork(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    with open_ledger(tmp_path / "ledger.duckdb", write=True) as ledger:
        child = context.Process(target=_use_in_child, args=(ledger, answers))
        child.start()
        child.join(20)
        assert "fork" in answers.get()


def test_appended_records_lie_in_order_of_admission(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.duckdb", write=True) as ledger:
        ledger.connection.execute(
            "CREATE TEMP TABLE usage_staged AS SELECT uuid() AS id, 1 AS calls, "
            "instant AS requested_at, "
            "instant AS admitted_at, instant AS settled_at, 'api' AS surface, 'p' AS provider, "
            "'m' AS requested_model, 1 AS input_tokens, 1 AS output_tokens, "
            "0 AS cache_read_tokens, 0 AS cache_write_5m_tokens, 0 AS cache_write_1h_tokens, "
            "0 AS reasoning_tokens, 0 AS web_search_requests, 'imported' AS source, "
            "'completed' AS outcome FROM (SELECT TIMESTAMP '2026-11-16' + INTERVAL (n) MINUTE "
            "AS instant FROM (VALUES (3), (1), (2)) AS numbers (n))"
        )
        with ledger.transaction():
            assert ledger.append(LedgerTable.USAGE_RECORD, "temp.usage_staged") == 3
        minutes = ledger.connection.execute(
            "SELECT minute(admitted_at) FROM usage_record"
        ).fetchall()
    assert minutes == [(1,), (2,), (3,)]
