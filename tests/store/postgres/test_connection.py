from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from corvus.base import extras
from corvus.base.errors import PostgresNotInstalled, StoreCorrupt, StoreError, StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.store import kinds
from corvus.store.api import Collided
from corvus.store.postgres import connection as connection_module
from corvus.store.postgres import schema
from corvus.store.postgres.connection import (
    BEGIN,
    connect,
    examined,
    explain,
    local_settings,
    run,
)
from corvus.store.postgres.queries import translated
from tests.postgres import PostgresServer, free_port, url_of

MakeServer = Callable[..., PostgresServer]
SECRET = "s3cret"


def _settings(connection: psycopg.Connection[Any], *names: str) -> list[str]:
    return [
        run(connection, "SELECT current_setting(%s)", (name,)).fetchall()[0][0] for name in names
    ]


def test_a_connection_knows_its_server(postgres_url: str) -> None:
    address = PostgresAddress.of(postgres_url)
    connection, facts = examined(address)
    with connection:
        assert facts.version >= 130_000
        assert (facts.is_in_recovery, facts.is_read_only, facts.is_pooled) == (False,) * 3
        assert (facts.fsync, facts.tls, facts.standbys, facts.encoding) == ("on", "", "", "UTF8")
        assert facts.danger is None
        assert connection.autocommit
        assert _settings(connection, "application_name") == [f"corvus {address.schema}"]


def test_what_a_transaction_needs_is_set_in_it_and_gone_after_it(postgres_url: str) -> None:
    address = PostgresAddress.of(postgres_url)
    names = [
        "search_path",
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "jit",
        "enable_seqscan",
        "enable_hashjoin",
        "enable_mergejoin",
        "synchronous_commit",
    ]
    with connect(address) as connection:
        before = _settings(connection, *names)
        run(connection, BEGIN)
        run(connection, *local_settings(address))
        assert _settings(connection, *names) == [
            f"{address.schema}, pg_temp",
            "10s",
            "15s",
            "5s",
            *["off"] * 4,
            "on",
        ]
        if connection.info.server_version >= 170_000:
            assert _settings(connection, "transaction_timeout") == ["25s"]
        assert _settings(connection, "transaction_isolation") == ["read committed"]
        connection.rollback()
        assert _settings(connection, *names) == before


def test_what_is_repeated_is_prepared_with_a_plan_of_the_transaction(postgres_url: str) -> None:
    """A plan that was made while a table was small, and kept, must not read it as a whole later."""
    address = PostgresAddress.of(postgres_url)
    with connect(address) as connection:
        schema.migrate(connection, address)
        for _ in range(20):
            run(connection, BEGIN)
            run(connection, *local_settings(address))
            run(connection, translated(kinds.OVERDUE), (1, 1))
            run(connection, "COMMIT")
        (found,) = run(
            connection,
            "SELECT generic_plans > 0 FROM pg_prepared_statements "
            "WHERE statement LIKE '%expires_at_us <=%'",
        ).fetchall()
        assert found == (True,)


@pytest.mark.parametrize(
    ("usual", "within"),
    [("on", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply")],
)
def test_a_commit_waits_for_disk_and_standby_whatever_is_usual(
    postgres_url: str, usual: str, within: str
) -> None:
    address = PostgresAddress.of(postgres_url)
    with connect(address) as connection:
        run(connection, f"SET synchronous_commit = {usual}")
        run(connection, BEGIN)
        run(connection, *local_settings(address))
        assert _settings(connection, "synchronous_commit") == [within]
        connection.rollback()


def test_no_temporary_table_stands_in_for_ours(postgres_url: str) -> None:
    address = PostgresAddress.of(postgres_url)
    with connect(address) as connection:
        run(connection, f"CREATE SCHEMA {address.schema}")
        run(connection, f"CREATE TABLE {address.schema}.balance AS SELECT 'ours' AS it")
        run(connection, "CREATE TEMP TABLE balance AS SELECT 'theirs' AS it")
        run(connection, BEGIN)
        run(connection, *local_settings(address))
        assert run(connection, "SELECT it FROM balance").fetchall() == [("ours",)]
        connection.rollback()


@pytest.mark.parametrize("option", ["fsync", "full_page_writes"])
def test_a_server_that_loses_data_is_refused(make_postgres_server: MakeServer, option: str) -> None:
    """STO-3."""
    server = make_postgres_server({option: "off"})
    address = PostgresAddress.of(server.url())
    with pytest.raises(StoreUnavailable, match=f"runs with {option} = off") as refused:
        connect(address)
    assert f"127.0.0.1:{server.port}" in str(refused.value)
    server.set(**{option: "on"})
    connect(address).close()


def test_a_role_whose_commits_are_lost_is_refused(postgres_server: PostgresServer) -> None:
    """STO-3."""
    postgres_server.query("CREATE ROLE hasty LOGIN")
    postgres_server.query("ALTER ROLE hasty SET synchronous_commit = off")
    url = url_of(postgres_server.port, role="hasty")
    address = PostgresAddress.of(url)
    with pytest.raises(StoreUnavailable, match="synchronous_commit = off for this role"):
        connect(address)
    postgres_server.query("ALTER ROLE hasty SET synchronous_commit = local")
    connect(address).close()
    postgres_server.query("ALTER ROLE hasty SET default_transaction_read_only = on")
    with pytest.raises(StoreUnavailable, match="read"):
        connect(address)
    with pytest.raises(StoreUnavailable, match="is read-only"):
        connect(
            PostgresAddress.of(
                url_of(postgres_server.port, role="hasty", target_session_attrs="any")
            )
        )


def test_a_database_that_cannot_keep_all_text_is_refused(postgres_server: PostgresServer) -> None:
    postgres_server.query(
        "CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
        if postgres_server.query("SHOW server_version_num")[0][0] >= "150000"  # pyright: ignore[reportOperatorIssue]
        else "CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    )
    with pytest.raises(StoreUnavailable, match="a database in LATIN1"):
        connect(PostgresAddress.of(url_of(postgres_server.port, database="old")))


def test_a_standby_is_refused_and_the_primary_found_next_to_it(
    make_postgres_server: MakeServer,
) -> None:
    primary = make_postgres_server()
    standby = primary.standby()
    try:
        with pytest.raises(StoreUnavailable, match="can only be read"):
            connect(PostgresAddress.of(standby.url()))
        with pytest.raises(StoreUnavailable, match="is a standby"):
            connect(PostgresAddress.of(url_of(standby.port, target_session_attrs="any")))
        with connect(PostgresAddress.of(url_of(standby.port, primary.port))) as connection:
            assert connection.info.port == primary.port
    finally:
        standby.stop()


def test_a_server_that_is_away_is_named_without_the_password() -> None:
    port = free_port()
    address = PostgresAddress.of(f"postgresql://ana:{SECRET}@127.0.0.1:{port}/d")
    with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}/d does not answer") as refused:
        connect(address)
    assert SECRET not in str(refused.value)


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        address = PostgresAddress.of(f"postgresql://127.0.0.1:{port}/d?connect_timeout=1")
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            connect(address)
        assert time.monotonic() - begun < 60  # not as long as a network would take to say so


def test_a_name_server_that_is_away_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def never(*_name: object, **_more: object) -> list[object]:
        asked.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    address = PostgresAddress.of("postgresql://db.example/d?connect_timeout=1")
    with pytest.raises(StoreUnavailable, match=r"db\.example:5432/d did not answer in time"):
        connect(address)
    asked.set()


def test_a_pooler_whose_server_is_away_holds_nobody(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets a client in by itself, and answers no statement."""
    monkeypatch.setattr(connection_module, "_FACTS", "SELECT pg_sleep(60)")
    address = PostgresAddress.of(f"{postgres_server.url()}?connect_timeout=1")
    with pytest.raises(StoreUnavailable, match="did not answer in time"):
        connect(address)


def test_a_name_stands_for_all_its_addresses_and_for_its_certificate(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked_up(name: str, port: int, **_more: object) -> list[tuple[object, ...]]:
        if name != "db.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (one, port)) for one in ("127.0.0.77", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    url = f"postgresql://corvus@none.example,db.example:{postgres_server.port}/corvus"
    with connect(PostgresAddress.of(url)) as connection:
        assert connection.info.host == "db.example"
        assert connection.info.hostaddr == "127.0.0.1"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://corvus@no-such-host.invalid/d", "name that is not known"),
        ("postgresql://corvus@127.0.0.1:{port}/none", "has no such database"),
        ("postgresql://nobody_here@127.0.0.1:{port}/corvus", "refuses the user"),
        ("postgresql://corvus@127.0.0.1:{port}/corvus?sslmode=require", "over TLS"),
        ("postgresql:///corvus?host=/no/such/folder", "nothing listens there"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    postgres_server: PostgresServer, url: str, words: str
) -> None:
    with pytest.raises(StoreUnavailable, match=words):
        connect(PostgresAddress.of(url.format(port=postgres_server.port)))


def test_a_wrong_password_is_said_and_never_shown(
    make_postgres_server: MakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = make_postgres_server()
    server.query(f"ALTER ROLE corvus PASSWORD '{SECRET}'")
    rules = server.data / "pg_hba.conf"
    rules.write_text("host all postgres all trust\nhost all all all scram-sha-256\n")
    server.query("SELECT pg_reload_conf()")
    url = f"postgresql://corvus:%s@127.0.0.1:{server.port}/corvus"
    wrong = PostgresAddress.of(url % "wr0ng-w0rd")
    with pytest.raises(StoreUnavailable, match="refuses the user or the password") as refused:
        connect(wrong)
    connect(PostgresAddress.of(url % SECRET)).close()
    assert "wr0ng-w0rd" not in str(refused.value) + caplog.text
    assert SECRET not in caplog.text


def test_too_many_connections_are_said(make_postgres_server: MakeServer) -> None:
    server = make_postgres_server({"max_connections": 4, "superuser_reserved_connections": 3})
    address = PostgresAddress.of(server.url())
    opened: list[psycopg.Connection[Any]] = []
    try:
        with pytest.raises(StoreUnavailable, match="has no connection left"):
            opened.extend(connect(address) for _ in range(8))
    finally:
        for connection in opened:
            connection.close()


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("40001", Collided, "another transaction first"),
        ("40P01", Collided, "another transaction first"),
        ("55P03", StoreUnavailable, "in use by others"),
        ("57014", StoreUnavailable, "took too long"),
        ("57P01", StoreUnavailable, "being stopped or started"),
        ("25006", StoreUnavailable, "can only be read"),
        ("25P03", StoreUnavailable, "fell silent"),
        ("53100", StoreUnavailable, "full disk"),
        ("42501", StoreUnavailable, "grant it what `corvus store init --sql` prints"),
        ("42P01", StoreCorrupt, "lost tables"),
        ("XX001", StoreCorrupt, "damaged table"),
        ("99999", StoreUnavailable, "failed"),
    ],
)
def test_a_state_of_sql_has_its_words(state: str, kind: type[StoreError], words: str) -> None:
    address = PostgresAddress.of(f"postgresql://ana:{SECRET}@h/d")
    fault = psycopg.Error(f"x {SECRET}\n\ty")
    fault.sqlstate = state
    found = explain(fault, address)
    assert type(found) is kind
    assert words in str(found)
    assert "h:5432/d" in str(found)
    assert SECRET not in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('FATAL: role "corvus" is not permitted to log in', "refuses the user or the password"),
        ('FATAL: too many connections for database "corvus"', "has no connection left"),
        ('FATAL: too many connections for role "corvus"', "or the limit of the database or the"),
        ("session is read-only", "default_transaction_read_only"),
    ],
)
def test_what_a_server_says_while_it_refuses_a_connection_has_its_words(
    said: str, words: str
) -> None:
    found = explain(psycopg.OperationalError(said), PostgresAddress.of("postgresql://h/d"))
    assert words in str(found)


def test_a_connection_whose_server_died_is_lost(make_postgres_server: MakeServer) -> None:
    server = make_postgres_server()
    address = PostgresAddress.of(server.url())
    connection = connect(address)
    server.kill()
    with pytest.raises(psycopg.Error) as lost:
        run(connection, "SELECT 1")
    assert re.search("lost the connection|being stopped", str(explain(lost.value, address)))
    server.start()
    connect(address).close()


def test_a_client_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "has_postgres", lambda: False)
    with pytest.raises(PostgresNotInstalled, match=r"pip install 'corvus-policy\[postgres\]'"):
        connect(PostgresAddress.of("postgresql://h/d"))
