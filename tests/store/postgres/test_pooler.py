"""A pooler in transaction mode between hosts and server: real pgbouncer, where it is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from corvus.base.postgres_address import PostgresAddress
from corvus.store.postgres.backend import PostgresBackend
from corvus.store.postgres.connection import examined, run
from corvus.store.store import Store
from tests.postgres import PostgresServer, free_port, open_the_way, wait_until

pytestmark = pytest.mark.nightly

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
POOL = 2
"""Connections to the server, fewer than there are clients."""


@contextmanager
def pooled(server: PostgresServer) -> Generator[int]:
    """Run pgbouncer before a server; gives its port."""
    if PROGRAM is None:
        pytest.skip("pgbouncer is not installed (apt install pgbouncer)")
    folder, port = Path(mkdtemp(prefix="pgbouncer-")), free_port()
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"""
[databases]
corvus = host=127.0.0.1 port={server.port} dbname=corvus user=corvus
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {POOL}
logfile = {folder}/log
pidfile = {folder}/pid
"""
    )
    command = [PROGRAM, str(config)]
    if os.geteuid() == 0:  # which it refuses to run as
        user = pwd.getpwnam("nobody")
        shutil.chown(folder, user.pw_uid, user.pw_gid)
        open_the_way(config)
        drop = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        command = ["setpriv", "--pdeathsig=KILL", *drop, *command]
    process = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port), "pgbouncer listens", 10)
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def address_of(postgres_server: PostgresServer) -> Iterator[Callable[[str], PostgresAddress]]:
    with pooled(postgres_server) as port:
        yield lambda schema: PostgresAddress.of(
            f"postgresql://corvus@127.0.0.1:{port}/corvus?schema={schema}"
        )
    for schema in ("pooled_a", "pooled_b"):
        postgres_server.query(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def test_a_pooler_is_seen(address_of: Callable[[str], PostgresAddress]) -> None:
    connection, facts = examined(address_of("pooled_a"))
    with connection:
        assert facts.is_pooled
        assert facts.danger is None


def test_hosts_of_two_tenants_share_few_connections(
    address_of: Callable[[str], PostgresAddress],
) -> None:
    """Each writes to its own schema, though the server's connections go from one to the other."""
    rounds, hosts = 25, 3

    def work(schema: str) -> None:
        store = Store(PostgresBackend(address_of(schema)))
        for _ in range(rounds):
            store.run(lambda unit: unit.add_action("ana", 10**12))
        store.close()

    threads = [
        threading.Thread(target=work, args=(schema,))
        for schema in ("pooled_a", "pooled_b")
        for _ in range(hosts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for schema in ("pooled_a", "pooled_b"):
        store = Store(PostgresBackend(address_of(schema)))
        assert len(store.run(lambda unit: unit.actions("ana", 10**12))) == rounds * hosts
        store.close()


def test_nothing_of_a_transaction_stays_with_a_connection(
    address_of: Callable[[str], PostgresAddress],
) -> None:
    store = Store(PostgresBackend(address_of("pooled_a")))
    store.run(lambda unit: unit.add_action("ana", 10**12))
    connection, _ = examined(address_of("pooled_b"))
    with connection:
        for _ in range(POOL * 3):
            (row,) = run(
                connection,
                "SELECT current_setting('search_path'), current_setting('enable_seqscan'), "
                "(SELECT count(*) FROM pg_prepared_statements)",
            ).fetchall()
            assert row == ('"$user", public', "on", 0)
    store.close()
