from __future__ import annotations

from policy.store.api import Backend
from policy.store.sqlite import SqliteBackend
from tests.store.contract import StoreContract


class TestSqlite(StoreContract):
    """A file is opened anew."""

    def make_backend(self) -> Backend:
        return SqliteBackend(self.folder / "store")

    def again(self) -> Backend:
        return SqliteBackend(self.folder / "store")
