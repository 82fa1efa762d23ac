"""A ledger is brought to the shape this version knows, or refused and left as it is (LED-1)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from corvus.base.errors import LedgerCorrupt, LedgerError, LedgerTooNew, ResourceMissing
from corvus.base.time import FixedClock
from corvus.ledger import migrate as module
from corvus.ledger.ledger import open_ledger
from corvus.ledger.migrate import Migration, migrate, shipped_migrations, verify
from corvus.model.outbox import NUMBERED, LedgerTable

CLOCK = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))
FIRST = Migration(1, "initial", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);")
SECOND = Migration(2, "more", "ALTER TABLE a ADD COLUMN y INTEGER DEFAULT 7;")
WRONG = Migration(3, "wrong", "CREATE TABLE b (x INTEGER); SELECT no_such_column FROM a;")


@pytest.fixture
def ledger() -> Iterator[duckdb.DuckDBPyConnection]:
    """A ledger of version 1, with one record."""
    with duckdb.connect() as connection:
        migrate(connection, (FIRST,), CLOCK)
        yield connection


def applied(ledger: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    return ledger.execute("SELECT version, name FROM ledger_migration ORDER BY version").fetchall()


def test_an_older_ledger_gets_what_it_lacks_and_keeps_what_it_has(
    ledger: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(LedgerError, match="has version 1, this corvus needs 2"):
        verify(ledger, (FIRST, SECOND))
    migrate(ledger, (FIRST, SECOND), CLOCK)
    verify(ledger, (FIRST, SECOND))
    assert applied(ledger) == [(1, "initial"), (2, "more")]
    assert ledger.execute("SELECT x, y FROM a").fetchall() == [(1, 7)]


def test_a_newer_ledger_is_refused_by_both_ways_of_opening(
    ledger: duckdb.DuckDBPyConnection,
) -> None:
    migrate(ledger, (FIRST, SECOND), CLOCK)
    with pytest.raises(LedgerTooNew, match="has version 2, this corvus knows up to 1; upgrade"):
        verify(ledger, (FIRST,))
    with pytest.raises(LedgerTooNew):
        migrate(ledger, (FIRST,), CLOCK)
    assert applied(ledger) == [(1, "initial"), (2, "more")]


def test_a_migration_that_fails_leaves_nothing_of_itself_or_of_those_before_it(
    ledger: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(duckdb.Error, match="no_such_column"):
        migrate(ledger, (FIRST, SECOND, WRONG), CLOCK)
    assert applied(ledger) == [(1, "initial")]
    verify(ledger, (FIRST,))
    assert ledger.execute("SELECT * FROM a").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "other", [Migration(1, "initial", FIRST.sql + " "), Migration(2, "initial", FIRST.sql)]
)
def test_another_history_is_refused(ledger: duckdb.DuckDBPyConnection, other: Migration) -> None:
    with pytest.raises(LedgerCorrupt, match=r"migration 1 .* differs"):
        migrate(ledger, (other, SECOND), CLOCK)


def test_an_empty_database_is_no_ledger_to_read() -> None:
    with duckdb.connect() as empty, pytest.raises(LedgerError, match="usage import"):
        verify(empty, (FIRST,))


def packaged(folder: Path, monkeypatch: pytest.MonkeyPatch, **named: bytes) -> None:
    (folder / "migrations").mkdir()
    for stem, content in named.items():
        (folder / "migrations" / f"{stem.lstrip('_')}.sql").write_bytes(content)
    monkeypatch.setattr(module, "files", lambda _: folder)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


def test_a_checksum_does_not_depend_on_the_line_ends_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged(tmp_path, monkeypatch, _0001_initial=b"SELECT 1;\r\nSELECT 2;\r\n")
    (read,) = shipped_migrations()
    assert (read.version, read.name, read.sql) == (1, "initial", "SELECT 1;\nSELECT 2;\n")
    assert read.sha256 == hashlib.sha256(b"SELECT 1;\nSELECT 2;\n").hexdigest()


def test_migrations_come_in_the_order_of_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {f"_{number:04}_step": b"SELECT 1;" for number in range(12, 0, -1)}
    packaged(tmp_path, monkeypatch, **texts)
    assert [one.version for one in shipped_migrations()] == list(range(1, 13))


@pytest.mark.parametrize("stems", [[], ["_0001_a", "_0003_c"], ["_0002_b"]])
def test_a_missing_migration_is_a_broken_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stems: list[str]
) -> None:
    packaged(tmp_path, monkeypatch, **dict.fromkeys(stems, b"SELECT 1;"))
    with pytest.raises(ResourceMissing, match="migrations"):
        shipped_migrations()


def test_later_versions_keep_every_row_of_the_first_and_add_empty_tables(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    path = record_calls(tmp_path / "later.duckdb", {"admitted_at": datetime(2026, 1, 2)})  # noqa: DTZ001 - the ledger is naive UTC
    first, *_ = shipped_migrations()
    with duckdb.connect(tmp_path / "ledger.duckdb") as connection:
        migrate(connection, (first,), CLOCK)
        connection.execute(f"ATTACH '{path}' AS later")
        names = ", ".join(row[0] for row in connection.execute("DESCRIBE usage_record").fetchall())
        connection.execute(f"INSERT INTO usage_record SELECT {names} FROM later.usage_record")  # noqa: S608 - columns of ours
        before = connection.execute("FROM usage_record").fetchall()
    with open_ledger(tmp_path / "ledger.duckdb", write=True) as ledger:
        assert ledger.connection.execute(f"SELECT {names} FROM usage_record").fetchall() == before  # noqa: S608 - columns of ours
        assert ledger.connection.execute("FROM usage_call").fetchall() != []
        tables = {
            str(name): ledger.connection.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - tables of ours
            for (name,) in ledger.connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE NOT temporary"
            ).fetchall()
        }
    assert len(before) == 1
    sums = dict.fromkeys(("model_usage", "caller_usage", "session_usage"), (1,))
    fed = {table.value: (0,) for table in LedgerTable} | {"usage_record": (1,)} | sums
    del fed["removal"]
    archive = ("ledger_archive", "archive_place", "archive_leftover")
    names = ("ledger_watermark", "ledger_replica", *archive)
    own = dict.fromkeys(names, (0,)) | {"ledger_migration": (17,), "roll_up_merge": (3,)}
    assert tables == fed | own


def test_no_table_has_a_key_or_an_index_and_every_governed_row_names_its_store() -> None:
    with duckdb.connect() as connection:
        migrate(connection, shipped_migrations(), CLOCK)
        kinds = connection.execute("SELECT DISTINCT constraint_type FROM duckdb_constraints()")
        assert kinds.fetchall() == [("NOT NULL",)]
        assert connection.execute("SELECT count(*) FROM duckdb_indexes()").fetchone() == (0,)
        leading = connection.execute(
            "SELECT table_name FROM duckdb_columns() WHERE column_name = 'seq' "
            "AND column_index = 2 AND data_type = 'BIGINT' AND NOT is_nullable"
        ).fetchall()
    governed = {table.value for table in NUMBERED}
    assert {name for (name,) in leading} == governed | {"ledger_watermark"}
