"""A store in PostgreSQL for one who must be alone with it, as a move must (STO-5).

Its lock is held in one transaction for as long as the move takes, so that what others begin
meanwhile is refused as "in use by others". The server says who is connected; behind a pooler
nobody can be seen, and whoever has written within the last minute counts as connected. Should a
host escape both, the mark that the move leaves refuses it at its next transaction.
"""

from __future__ import annotations

import time

from corvus.base.errors import StoreUnavailable
from corvus.store.api import Begun
from corvus.store.looks import Foreseen
from corvus.store.postgres.backend import PostgresBackend, Statement

_PATIENCE_SECONDS = 5.0
"""How long the server may take to notice that a connection was closed."""
_PAUSE_SECONDS = 0.1
_RECENT_US = 60 * 10**6

_AT_LEISURE = """
SELECT set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '60s', true),
    CASE WHEN current_setting('server_version_num')::int >= 170000
        THEN set_config('transaction_timeout', '0', true) END
"""
_CONNECTED = """
SELECT coalesce(host(client_addr), 'this host of the server') FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND application_name = current_setting('application_name')
"""
_WROTE = "SELECT host FROM writer WHERE seen_us > %s AND host_run <> %s ORDER BY seen_us DESC"
_SERVER_PID = "SELECT pg_backend_pid()"
_RAISE = """
UPDATE store_lock SET generation = greatest(generation, %s),
    rare_generation = greatest(rare_generation, %s)
"""


class SolePostgresBackend(PostgresBackend):
    """Keeps everybody else out while a transaction of it is open.

    A host remembers the newest generation that it saw of a store, to know one that was set back. A
    store that came from elsewhere counts from the present microsecond on, which is more than any of
    its earlier places ever counted.
    """

    _answer_seconds = None
    _takes_any_store = True  # what is there may make way for the one that is moved here
    _first_us = 0

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        """Start a transaction.

        Raises:
            StoreUnavailable: Another host or process uses the store.
        """
        self._generation = self._rare_generation = -1  # of a transaction that was undone
        begun = super().begin(foreseen)
        try:
            self._ask([Statement(_AT_LEISURE)])
            if self._first_us == 0:
                self._first_us = begun.now_us or time.time_ns() // 1000
                self._refuse_others()
            self._count_from(self._first_us)
        except BaseException:
            self.roll_back()
            raise
        return begun

    def _count_from(self, first: int) -> None:
        self._ask([Statement(_RAISE, [first, first])])
        self._generation = max(self._generation, first)
        self._rare_generation = max(self._rare_generation, first)

    def _refuse_others(self) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while others := self._others():
            if time.monotonic() >= until:
                raise StoreUnavailable(
                    f"the store {self.name} is in use by {', '.join(sorted(set(others)))}; end "
                    "every agent, gateway and program that uses it, wait a minute, and try again: "
                    "nothing was moved"
                )
            time.sleep(_PAUSE_SECONDS)

    def _others(self) -> list[str]:
        """Return the hosts that use the store, as far as they can be seen."""
        (((server_pid,),),) = self._ask([Statement(_SERVER_PID)])
        is_pooled = server_pid != self._connect().info.backend_pid
        statement = (
            Statement(_WROTE, [self._first_us - _RECENT_US, self._run_id])
            if is_pooled
            else Statement(_CONNECTED)
        )
        (rows,) = self._ask([statement])
        return [host for (host,) in rows]
