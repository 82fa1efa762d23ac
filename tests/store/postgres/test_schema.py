from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from corvus.base.errors import StoreCorrupt, StoreError, StoreTooNew, StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.store.kinds import KINDS, STATE
from corvus.store.postgres import schema
from corvus.store.postgres.connection import connect, run
from corvus.store.postgres.script import script
from tests.postgres import PostgresServer

_COLUMNS = """
SELECT table_name, column_name, data_type, collation_name FROM information_schema.columns
WHERE table_schema = %s ORDER BY table_name, ordinal_position
"""
RELEASED: dict[str, list[str]] = {
    "0.1.0": [],  # had no store in PostgreSQL
}
"""Checksums of the steps of each release: what somebody has taken never changes. Whoever adds the
heading of a release to the changelog adds its line here: ``[checksum(step) for step in
MIGRATIONS]`` of ``corvus.store.postgres.schema``. Until then the steps may change."""


@pytest.fixture
def address(postgres_url: str) -> PostgresAddress:
    return PostgresAddress.of(postgres_url)


@pytest.fixture
def connection(address: PostgresAddress) -> Iterator[psycopg.Connection[Any]]:
    with connect(address) as opened:
        run(opened, "SELECT set_config('search_path', %s, false)", (address.schema,))
        yield opened


def test_a_store_is_made_once(
    connection: psycopg.Connection[Any], address: PostgresAddress
) -> None:
    assert schema.known_version(connection, address) == 0
    assert schema.migrate(connection, address) == len(schema.MIGRATIONS)
    assert schema.migrate(connection, address) == 0
    assert schema.known_version(connection, address) == len(schema.MIGRATIONS)
    (state,) = run(connection, "SELECT * FROM store_state").fetchall()
    assert STATE.read(state).next_seq == 1
    assert run(connection, "SELECT version FROM store_lock").fetchall() == [
        (len(schema.MIGRATIONS),)
    ]


def test_every_table_of_a_kind_has_its_columns(
    connection: psycopg.Connection[Any], address: PostgresAddress
) -> None:
    schema.migrate(connection, address)
    tables: dict[str, list[tuple[str, str, str | None]]] = {}
    for table, *column in run(connection, _COLUMNS, (address.schema,)).fetchall():
        tables.setdefault(table, []).append((*column,))
    own = {"store_lock", "writer", "schema_version"}
    assert tables.keys() == {kind.table for kind in KINDS} | own
    for kind in KINDS:
        assert tuple(name for name, *_ in tables[kind.table]) == kind.columns
    for table, columns in tables.items():
        for name, type_, collation in columns:
            is_number = name in schema.numbers(table)
            assert (type_, collation) == (("bigint", None) if is_number else ("text", "C")), name


def test_nothing_is_used_that_compatible_servers_lack(
    connection: psycopg.Connection[Any], address: PostgresAddress
) -> None:
    schema.migrate(connection, address)
    (found,) = run(
        connection,
        """
SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid AND relkind = 'S')
    + (SELECT count(*) FROM pg_constraint WHERE connamespace = n.oid AND contype IN ('f', 't', 'x'))
    + (SELECT count(*) FROM pg_proc WHERE pronamespace = n.oid)
    + (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE c.relnamespace = n.oid)
FROM pg_namespace n WHERE nspname = %s
""",
        (address.schema,),
    ).fetchall()
    assert found == (0,)


def test_hosts_that_start_at_once_make_one_store(address: PostgresAddress) -> None:
    taken: list[int] = []
    faults: list[StoreError] = []
    start = threading.Barrier(6)

    def open_store() -> None:
        with connect(address) as connection:
            start.wait()
            try:
                taken.append(schema.migrate(connection, address))
            except StoreError as fault:
                faults.append(fault)

    threads = [threading.Thread(target=open_store) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert sorted(taken) == [0, 0, 0, 0, 0, len(schema.MIGRATIONS)]


def test_a_later_step_is_taken_under_the_lock_of_batches(
    connection: psycopg.Connection[Any],
    address: PostgresAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema.migrate(connection, address)
    (before,) = run(connection, "SELECT * FROM store_lock").fetchall()
    step = "ALTER TABLE writer ADD COLUMN zone text COLLATE \"C\" NOT NULL DEFAULT '';"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    done = threading.Event()

    def migrate() -> None:
        with connect(address) as other:
            schema.migrate(other, address)
        done.set()

    with connection.transaction():
        run(connection, "SELECT * FROM store_lock FOR UPDATE")
        thread = threading.Thread(target=migrate)
        thread.start()
        assert not done.wait(0.3)
    thread.join()
    assert schema.known_version(connection, address) == 2
    (after,) = run(connection, "SELECT * FROM store_lock").fetchall()
    assert after == (before[0] + 1, before[1] + 1, 2), "whoever remembers rows reads them again"


def test_a_newer_store_is_refused_by_all_that_know_less(
    connection: psycopg.Connection[Any],
    address: PostgresAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema.migrate(connection, address)
    known = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, "SELECT 1;"))
    schema.migrate(connection, address)
    schema.refuse_other(len(known) + 1, address)
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    for refused in (schema.known_version, schema.migrate):
        with pytest.raises(StoreTooNew, match="has version 2, this corvus knows up to 1"):
            refused(connection, address)
    with pytest.raises(StoreTooNew):
        schema.refuse_other(len(known) + 1, address)
    with pytest.raises(StoreUnavailable, match="corvus store migrate"):
        schema.refuse_other(len(known) - 1, address)
    schema.refuse_other(len(known), address)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE {}.schema_version SET checksum = 'x'", "step 1 of the store"),
        ("UPDATE {}.schema_version SET version = 3", "seen step 3 and not 1"),
        ("DROP TABLE {}.store_lock", "no store of corvus"),
        ("ALTER TABLE {}.schema_version RENAME version TO installed_rank", "no store of corvus"),
        ("DROP TABLE {}.schema_version", "no store of corvus"),
    ],
)
def test_what_is_not_ours_is_refused(
    connection: psycopg.Connection[Any], address: PostgresAddress, damage: str, words: str
) -> None:
    schema.migrate(connection, address)
    run(connection, damage.format(address.schema))
    for refused in (schema.known_version, schema.migrate):
        with pytest.raises(StoreCorrupt, match=words):
            refused(connection, address)


def test_a_schema_of_somebody_else_is_left_as_it_is(
    connection: psycopg.Connection[Any], address: PostgresAddress
) -> None:
    run(connection, f"CREATE SCHEMA {address.schema}")
    run(connection, f"CREATE TABLE {address.schema}.account (id int)")
    with pytest.raises(StoreCorrupt, match="name another schema"):
        schema.migrate(connection, address)
    tables = run(connection, _COLUMNS, (address.schema,)).fetchall()
    assert [table for table, *_ in tables] == ["account"]


def test_a_step_that_fails_leaves_nothing(
    connection: psycopg.Connection[Any],
    address: PostgresAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, "CREATE TABLE x (id wrong);"))
    with pytest.raises(StoreError, match="wrong"):
        schema.migrate(connection, address)
    assert schema.known_version(connection, address) == 0
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    assert schema.migrate(connection, address) == 1


def test_a_role_without_rights_uses_a_schema_that_was_made_for_it(
    postgres_server: PostgresServer, address: PostgresAddress
) -> None:
    name = address.schema
    postgres_server.query(f"CREATE ROLE {name}_poor LOGIN")
    poor = PostgresAddress.of(postgres_server.url(name).replace("//corvus@", f"//{name}_poor@"))
    with connect(poor) as connection:
        with pytest.raises(StoreUnavailable, match=f"CREATE SCHEMA {name} AUTHORIZATION"):
            schema.migrate(connection, poor)
        postgres_server.query(f"CREATE SCHEMA {name} AUTHORIZATION {name}_poor")
        assert schema.migrate(connection, poor) == 1
    postgres_server.query(f"DROP SCHEMA {name} CASCADE")
    postgres_server.query(f"DROP ROLE {name}_poor")


@pytest.mark.parametrize("word", ["a$$b", 'a"b', "a'b", "$$; DROP ROLE postgres; --", "$q$$$"])
def test_no_name_of_a_role_ends_its_quotes(
    postgres_server: PostgresServer, address: PostgresAddress, word: str
) -> None:
    """The script is run by a superuser: a name that is not quoted would be a command."""
    name = f"{address.schema}{word}"
    with psycopg.connect(postgres_server.superuser_url(), autocommit=True) as connection:
        connection.execute(script(address, name).encode())
        found = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [name])
        assert found.fetchone() == (1,)
        quoted = name.replace('"', '""')
        connection.execute(f'DROP SCHEMA {address.schema} CASCADE; DROP ROLE "{quoted}"'.encode())


def test_every_release_has_written_down_its_steps() -> None:
    changelog = Path(__file__).parents[3] / "CHANGELOG.md"
    releases = re.findall(r"^## (\d+\.\d+\.\d+) ", changelog.read_text("utf-8"), re.MULTILINE)
    assert releases == [*RELEASED]


def test_a_step_that_was_released_never_changes() -> None:
    taken = [schema.checksum(step) for step in schema.MIGRATIONS]
    for release, steps in RELEASED.items():
        assert taken[: len(steps)] == steps, release
