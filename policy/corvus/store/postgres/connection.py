"""Connections to PostgreSQL: made within seconds, to no server that loses what it has promised.

Nothing here keeps state in a session, so that a pooler in transaction mode may stand between: what
a transaction needs is set within it (``local_settings``). The client is imported when a connection
is made, never before.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from corvus.base.errors import StoreUnavailable
from corvus.base.extras import require_postgres
from corvus.base.postgres_address import PostgresAddress
from corvus.store.postgres.deadlines import Attempt, attempts
from corvus.store.postgres.faults import explain

if TYPE_CHECKING:
    import psycopg

    from corvus.store.postgres.answers import TimedConnection

    Connection: TypeAlias = psycopg.Connection[Any]
    Cursor: TypeAlias = psycopg.Cursor[Any]

__all__ = ["BEGIN", "LOCAL_SETTINGS", "ServerFacts", "connect", "explain", "local_settings", "run"]

# What the client says of a lost connection is said again by us, with the server and what to do;
# programs that set logging up still get it.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

OLDEST: Final = 130_000
"""The oldest server that is taken, as ``server_version_num``; PostgreSQL 12 ended in 2024."""
CONNECT_SECONDS: Final = 5
"""How long one server may take to let a client in, unless the URL says otherwise."""
CUT_SECONDS: Final = 2
"""How long what was sent may stay unacknowledged: the network is cut, or the machine is away.

Only the kernel of the other side counts, which acknowledges at once however busy the server is.
"""
LOCK_SECONDS: Final = 10
"""How long a transaction waits for the others."""
STATEMENT_SECONDS: Final = 15
ANSWER_SECONDS: Final = 20.0
"""How long one round trip may take: longer than the server lets the statements of it wait and run.
No time-out of the server ends a commit that waits for a synchronous standby."""
TRANSACTION_SECONDS: Final = 25
IDLE_SECONDS: Final = 5
"""After so long without a word in a transaction its host was stopped or cut off: it is ended."""
LOOK_SECONDS: Final = 120
LOOK_ANSWER_SECONDS: Final = LOOK_SECONDS + 10.0
PREPARE_AFTER: Final = 5
"""How often a statement is run before it is prepared; where no pooler stands between."""
_NAME_MAX: Final = 63  # PostgreSQL cuts longer names off

CONNECTING: Final = {
    "application_name": "corvus",
    "client_encoding": "UTF8",
    "connect_timeout": str(CONNECT_SECONDS),
    "keepalives": "1",
    # A caller that waits for the lock sends nothing: its kernel asks whether anybody is there.
    "keepalives_count": "2",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "target_session_attrs": "read-write",
    "tcp_user_timeout": str(CUT_SECONDS * 1_000),
}
"""What a connection is made with where the URL says nothing."""

BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

_SHARED_SETTINGS: Final = """
SELECT set_config('search_path', %s, true), set_config('lock_timeout', %s, true),
    set_config('statement_timeout', %s, true),
    set_config('idle_in_transaction_session_timeout', %s, true),
    CASE WHEN current_setting('server_version_num')::int >= 170000
        THEN set_config('transaction_timeout', %s, true) END,
    set_config('jit', 'off', true)"""
LOCAL_SETTINGS: Final = (
    _SHARED_SETTINGS
    + """,
    set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)"""
)
"""The first statement of each transaction that writes; takes the values of ``local_settings``.

Plans are made while tables are small, so what would read whole tables later is forbidden. A commit
waits for the disk, and for a synchronous standby where there is one, whatever the role is set to.
"""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is in force at a server, for this role and database.

    Attributes:
        version: As a number, e.g. 150018 for 15.18.
        version_text: As the server writes it.
        is_in_recovery: Whether it is a standby.
        is_read_only: Whether transactions may not write unless they say so.
        fsync: Likewise ``full_page_writes``; ``None`` where a server knows no such setting.
        synchronous_commit: As the server writes it; ``off`` loses what was acknowledged.
        standbys: ``synchronous_standby_names``; empty when no standby is waited for.
        tls: The version of TLS between server and whoever connects to it; empty without.
        encoding: Of the database.
        is_pooled: Whether a pooler stands between.
    """

    version: int
    version_text: str
    is_in_recovery: bool
    is_read_only: bool
    fsync: str | None
    full_page_writes: str | None
    synchronous_commit: str | None
    standbys: str
    tls: str
    encoding: str
    is_pooled: bool = False

    @property
    def danger(self) -> str | None:
        """Why nothing is kept at such a server, and what to do; ``None`` when nothing is wrong."""
        dangers = {
            f"is PostgreSQL {self.version_text}; 13 is the oldest that is taken": (
                self.version < OLDEST
            ),
            "is a standby; name the primary, too: postgresql://one,two/database": (
                self.is_in_recovery
            ),
            "runs with fsync = off and loses data when it crashes; switch it on": (
                self.fsync == "off"
            ),
            "runs with full_page_writes = off and loses data when it crashes; switch it on": (
                self.full_page_writes == "off"
            ),
            "has synchronous_commit = off for this role or database, so it acknowledges what a "
            "crash loses; set it to on": self.synchronous_commit == "off",
            "is read-only (default_transaction_read_only, or a failover is under way)": (
                self.is_read_only
            ),
            f"has a database in {self.encoding}, which cannot keep every text; make one with "
            "ENCODING 'UTF8'": self.encoding != "UTF8",
        }
        return next((words for words, is_true in dangers.items() if is_true), None)


_FACTS: Final = """
SELECT current_setting('server_version_num')::int, current_setting('server_version'),
    pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
    current_setting('fsync', true), current_setting('full_page_writes', true),
    current_setting('synchronous_commit', true),
    coalesce(current_setting('synchronous_standby_names', true), ''),
    coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl), ''),
    current_setting('server_encoding'), pg_backend_pid()
"""


def run(connection: Connection, sql: str, values: Sequence[object] = ()) -> Cursor:
    """Run a statement that this package has made; a text from outside is never a part of it.

    The client's types take constants alone for text, and bytes of any making.
    """
    return connection.execute(sql.encode(), values or None)


def connect(address: PostgresAddress, answer_seconds: float | None = None) -> TimedConnection:
    """Connect to the first server of an address that can be written to, and examine it.

    The connection commits each statement that stands outside of a transaction. It prepares what it
    repeats, which saves a third of the server's work (measured: 0.15 to 0.4 ms a statement), unless
    a pooler stands between: those before pgbouncer 1.21 lose what is prepared.

    Args:
        address: The servers.
        answer_seconds: How long one answer may take; ``None`` waits without end.

    Raises:
        PostgresNotInstalled: The client is missing.
        StoreUnavailable: No server answers, or lets this role in; or it would lose what it has
            acknowledged, or is too old.
    """
    return examined(address, answer_seconds)[0]


def examined(
    address: PostgresAddress, answer_seconds: float | None = None
) -> tuple[TimedConnection, ServerFacts]:
    """Connect as ``connect`` does, and return what is in force at the server, too."""
    require_postgres()
    import psycopg

    from corvus.store.postgres.answers import SILENCE_SECONDS, ImpatientConnection, TimedConnection

    stated = address.option("connect_timeout")
    seconds = float(stated or SILENCE_SECONDS)
    kind = TimedConnection if stated else ImpatientConnection
    try:
        connection = kind.connect(
            **_parameters(address, attempts(address.hosts, seconds)),
            autocommit=True,
            prepare_threshold=None,
        )
    except (psycopg.Error, OSError) as fault:
        raise explain(fault, address) from fault
    try:
        connection.answer_seconds = seconds
        facts = server_facts(connection)
        if facts.danger is not None:
            raise StoreUnavailable(
                f"the server of the store {address.shown} {facts.danger}; nothing was admitted"
            )
    except (psycopg.Error, OSError) as fault:
        connection.close()
        raise explain(fault, address) from fault
    except BaseException:
        connection.close()
        raise
    connection.answer_seconds = answer_seconds
    connection.prepare_threshold = None if facts.is_pooled else PREPARE_AFTER
    return connection, facts


def _parameters(address: PostgresAddress, tried: Sequence[Attempt]) -> dict[str, Any]:
    """Return what a connection is made with; its name tells the stores of one database apart."""
    name = f"{CONNECTING['application_name']} {address.schema}"[:_NAME_MAX]
    return {
        **address.parameters({**CONNECTING, "application_name": name}),
        "host": ",".join(host.name for host, _ in tried),
        "hostaddr": ",".join(found for _, found in tried),
        "port": ",".join(str(host.port) for host, _ in tried),
    }


def server_facts(connection: Connection) -> ServerFacts:
    """Return what is in force at a server; one round trip.

    Raises:
        psycopg.Error: It cannot be read.
    """
    row = run(connection, _FACTS).fetchone()
    assert row is not None
    *facts, process = row
    return ServerFacts(*facts, is_pooled=process != connection.info.backend_pid)


def local_settings(
    address: PostgresAddress, *, looking: bool = False
) -> tuple[str, tuple[str, ...]]:
    """Return the first statement of a transaction, and its values.

    Args:
        address: Whose schema is meant.
        looking: For a transaction that only reads, which may take longer and plan freely.
    """
    if looking:
        return _SHARED_SETTINGS, _values(address, LOOK_SECONDS, LOOK_SECONDS)
    return LOCAL_SETTINGS, _values(address, STATEMENT_SECONDS, TRANSACTION_SECONDS)


def _values(address: PostgresAddress, statement: int, transaction: int) -> tuple[str, ...]:
    # Named last, temporary tables cannot stand in for ours.
    path = f"{address.schema}, pg_temp"
    times = (LOCK_SECONDS, statement, IDLE_SECONDS, transaction)
    return path, *(f"{seconds}s" for seconds in times)
