"""Claims about the servers and the network that tests of the shared store stand on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial

import psycopg
import pytest

from tests.delay_proxy import DelayProxy, Message, Way
from tests.postgres import PostgresServer, url_of

MakeServer = Callable[..., PostgresServer]


def plain(url: str) -> str:
    """Return an address without the schema, which only a store understands."""
    return url.partition("?")[0]


def test_a_server_writes_durably_and_its_user_is_no_superuser(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    assert "?schema=t" in postgres_url
    with psycopg.connect(plain(postgres_url)) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert connection.execute(f"SHOW {name}".encode()).fetchone() == ("on",)
        assert connection.execute("SHOW is_superuser").fetchone() == ("off",)
        connection.execute("CREATE SCHEMA mine")
        connection.rollback()
    if os.geteuid() == 0:
        assert os.stat(f"/proc/{postgres_server.pid}").st_uid != 0


def test_what_was_committed_outlives_the_death_of_the_machine(
    make_postgres_server: MakeServer,
) -> None:
    server = make_postgres_server()
    server.query("CREATE TABLE kept (n int)")
    server.query("INSERT INTO kept VALUES (7)")
    with psycopg.connect(server.superuser_url()) as connection:
        connection.execute("INSERT INTO kept VALUES (8)")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    with pytest.raises(psycopg.OperationalError):
        server.query("SELECT 1")
    server.start()
    assert server.query("SELECT n FROM kept") == [(7,)]


def test_a_synchronous_standby_takes_over_with_all_that_was_committed(
    make_postgres_server: MakeServer,
) -> None:
    server = make_postgres_server()
    server.query("CREATE TABLE kept (n int)")
    standby = server.standby(is_synchronous=True)
    try:
        server.query("INSERT INTO kept VALUES (7)")
        server.kill()
        assert standby.query("SELECT pg_is_in_recovery()") == [(True,)]
        standby.promote()
        address = url_of(server.port, standby.port, target_session_attrs="read-write")
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        assert standby.query("SELECT n FROM kept") == [(7,)]
    finally:
        standby.stop()


def test_options_are_in_force_after_a_start(make_postgres_server: MakeServer) -> None:
    server = make_postgres_server({"fsync": "off"})
    assert server.query("SHOW fsync") == [("off",)]
    server.set(synchronous_commit="off")
    assert server.query("SHOW synchronous_commit") == [("off",)]
    server.stop()
    server.options["fsync"] = "on"
    assert server.start().query("SHOW fsync") == [("on",)]


def test_a_proxy_delays_each_way_and_counts_round_trips(postgres_server: PostgresServer) -> None:
    with (
        DelayProxy(postgres_server.port, 0.02) as proxy,
        psycopg.connect(url_of(proxy.port), autocommit=True) as connection,
    ):
        before, started = proxy.round_trips, time.monotonic()
        connection.execute("SELECT 1")
        with connection.pipeline():
            connection.execute("SELECT %s::int", (1,))
            connection.execute("SELECT %s::int", (2,))
        assert proxy.round_trips - before == 2
        assert time.monotonic() - started >= 0.08


def test_what_was_sent_while_a_way_is_cut_arrives_late(postgres_server: PostgresServer) -> None:
    found: list[object] = []

    def ask(connection: psycopg.Connection[tuple[object, ...]]) -> None:
        found.extend(connection.execute("SELECT 7").fetchall())

    for way in Way:
        with (
            DelayProxy(postgres_server.port) as proxy,
            psycopg.connect(url_of(proxy.port), autocommit=True) as connection,
        ):
            proxy.cut(way)
            asked = threading.Thread(target=partial(ask, connection))
            asked.start()
            time.sleep(0.1)
            assert asked.is_alive()
            proxy.heal()
            asked.join(10)
            assert found.pop() == (7,)


def test_a_hook_sees_each_message_and_may_end_a_connection_before_it(
    postgres_server: PostgresServer,
) -> None:
    seen: list[str] = []

    def hook(message: Message) -> bool:
        seen.append(f"{message.way.value[3:]} {message.kind}")
        if message.way is Way.TO_SERVER and b"COMMIT" in message.body:
            proxy.drop()
            return False
        return True

    with DelayProxy(postgres_server.port) as proxy:
        proxy.hook = hook
        with psycopg.connect(url_of(proxy.port)) as connection:
            connection.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError):
                connection.commit()
    assert "server Q" in seen
    assert "client Z" in seen


def test_ended_connections_leave_the_proxy_as_it_was(postgres_server: PostgresServer) -> None:
    with DelayProxy(postgres_server.port) as proxy:
        for _ in range(3):
            with psycopg.connect(url_of(proxy.port)) as connection:
                connection.execute("SELECT 1")
            proxy.drop()
