# ruff: noqa: S608 - rows of an old version are written as it wrote them
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from corvus.base.time import microseconds
from corvus.model.request import LOCAL
from corvus.store import statements
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store
from tests.fakes import FrozenClock
from tests.store.contract import HOUR_US, NOW


class TestOldVersions:
    """Stores that an earlier corvus has left."""

    @pytest.fixture(autouse=True)
    def _cleared(self, tmp_path: Path) -> Iterator[None]:
        self.folder, self.clock = tmp_path, FrozenClock(NOW)
        self.store = Store(MemoryBackend(), self.clock)
        yield
        self.store.close()

    def make_old(self, version: int, *rows: str) -> None:
        """Open a store of an older version."""
        self.store.close()
        path = self.folder / "store"
        with sqlite3.connect(path) as connection:
            for script in statements.MIGRATIONS[:version]:
                connection.executescript(script)
            connection.execute(
                "INSERT INTO store_state VALUES ('an-old-store', ?, 1, 0, 0, ?, 0)",
                (microseconds(NOW), "0" * 64),
            )
            for row in rows:
                connection.execute(row)
            connection.execute(f"PRAGMA application_id = {statements.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        self.store = Store(SqliteBackend(path), self.clock)

    def test_a_store_of_the_first_version_gets_room_for_tokens(self) -> None:
        self.make_old(1)
        assert self.store.run(lambda unit: unit.tokens()) == {}

    def test_a_store_of_the_second_version_gets_room_for_actions(self) -> None:
        self.make_old(2)
        assert [*self.store.run(lambda unit: unit.actions("ana", HOUR_US))] == []
        self.store.run(lambda unit: unit.add_action("ana", HOUR_US))
        assert len(self.store.run(lambda unit: unit.actions("ana", HOUR_US))) == 1

    def test_what_a_store_of_the_third_version_holds_belongs_to_the_local_user(self) -> None:
        """RES-8: sessions go to the project that all their calls were of."""
        at = microseconds(NOW)

        def reservation(number: int, key: str, session: str, project: str) -> str:
            body = f'{{"model":"m","session":"{session}","provider":"p","surface":"api",'
            body += f'"policy":"h","estimate":5{project}}}'
            return (
                f"INSERT INTO reservation VALUES ('{number}', {key}, 'held', 5, {at}, {at + 9}, "
                f"NULL, 1, NULL, NULL, NULL, '{body}')"
            )

        def session(name: str) -> str:
            body = f'{{"id":"{name}","opened_at":{at},"worst":1}}'
            return f"INSERT INTO session VALUES ('{name}', '{body}')"

        body = f'{{"session":"one","id":"m","started_at":{at},"limit":7,"max_steps":0,"steps":2}}'
        self.make_old(
            3,
            reservation(1, "'k'", "one", ',"project":"search"'),
            reservation(2, "NULL", "both", ',"project":"search"'),
            reservation(3, "NULL", "both", ""),
            session("one"),
            session("both"),
            f"INSERT INTO mission VALUES ('one', 'm', 1, '{body}')",
            "INSERT INTO balance VALUES (1, 0, 'one', '', 3, 5, 1, 0, 0, 0, 0)",
        )
        run = self.store.run
        held = run(lambda unit: unit.reservation_by_key("k", "search"))
        assert held is not None
        assert (held.request.project, held.request.principal) == ("search", LOCAL)
        (mine,) = run(lambda unit: unit.sessions_named("one"))
        (common,) = run(lambda unit: unit.sessions_named("both"))
        assert (mine.project, common.project) == ("search", None)
        mission = run(lambda unit: unit.mission("one", "m", "search"))
        assert mission is not None
        assert (mission.has_calls, mission.project) == (True, "search")
        assert [*run(lambda unit: unit.open_missions("one", "search"))] == [mission]
        assert run(lambda unit: unit.state.recount_due), "sums of projects are counted again"
