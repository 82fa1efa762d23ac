from __future__ import annotations

import sqlite3

from policy.store.api import Backend
from policy.store.sqlite import SqliteBackend
from tests.store.contract import HOUR_US, StoreContract


class TestSqlite(StoreContract):
    """A file is opened anew."""

    def make_backend(self) -> Backend:
        return SqliteBackend(self.folder / "store")

    def again(self) -> Backend:
        return SqliteBackend(self.folder / "store")

    def test_a_store_of_the_first_version_gets_room_for_tokens(self) -> None:
        with sqlite3.connect(self.folder / "store") as connection:
            connection.execute("DROP TABLE access_token")
            connection.execute("DROP TABLE action")
            connection.execute("ALTER TABLE balance DROP COLUMN refused")
            connection.execute("ALTER TABLE store_state DROP COLUMN witness")
            connection.execute("PRAGMA user_version = 1")
        connection.close()
        self.reopen()
        assert self.store.run(lambda unit: unit.tokens()) == {}

    def test_a_store_of_the_second_version_gets_room_for_actions(self) -> None:
        with sqlite3.connect(self.folder / "store") as connection:
            connection.execute("DROP TABLE action")
            connection.execute("ALTER TABLE balance DROP COLUMN refused")
            connection.execute("ALTER TABLE store_state DROP COLUMN witness")
            connection.execute("PRAGMA user_version = 2")
        connection.close()
        self.reopen()
        assert [*self.store.run(lambda unit: unit.actions("ana", HOUR_US))] == []
        self.store.run(lambda unit: unit.add_action("ana", HOUR_US))
        assert len(self.store.run(lambda unit: unit.actions("ana", HOUR_US))) == 1
