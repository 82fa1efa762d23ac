"""Stores of each engine for tests that claim the same of all of them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import pytest

from corvus.store.api import Backend
from corvus.store.sqlite import MemoryBackend, SqliteBackend


class Engine(StrEnum):
    """What keeps a store."""

    MEMORY = "memory"
    SQLITE = "sqlite"
    POSTGRES = "postgres"


SHARED = (Engine.SQLITE, Engine.POSTGRES)
"""Those whose stores several processes have open at once."""
ON_POSTGRES_TOO = (
    "governor/endings/test_reported.py",
    "governor/test_renewal.py",
    "governor/test_settlement.py",
    "governor/test_shares.py",
    "governor/test_steering.py",
    "governor/test_vectors.py",
)
"""The files of ``engine`` whose tests always run on PostgreSQL, too: a sample of all.

``pytest --store postgres`` runs all of them there.
"""


class StoreMaker:
    """One store, which is opened as often as wanted, each time as another process would.

    Args:
        engine: What keeps it.
        folder: Where a file lies.
        url: Where PostgreSQL keeps it; empty for the other engines.
    """

    def __init__(self, engine: Engine, folder: Path, url: str = "") -> None:
        self.engine = engine
        self._folder = folder
        self._url = url
        self._memory = MemoryBackend()

    @property
    def is_shared(self) -> bool:
        """Whether others may have it open at the same time."""
        return self.engine in SHARED

    def backend(self) -> Backend:
        """Open the store, whose time is that of the clock of whoever writes."""
        if self.engine is Engine.MEMORY:
            return self._memory
        if self.engine is Engine.SQLITE:
            return SqliteBackend(self._folder / "a.store")
        from corvus.base.postgres_address import PostgresAddress
        from corvus.store.postgres.backend import PostgresBackend

        return PostgresBackend(PostgresAddress.of(self._url), server_time=False)


MakeStore = Callable[[Engine], StoreMaker]


@pytest.fixture
def store_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Make a store of an engine, empty and a test's own."""

    def make(engine: Engine) -> StoreMaker:
        url = request.getfixturevalue("postgres_url") if engine is Engine.POSTGRES else ""
        return StoreMaker(engine, tmp_path, url)

    return make


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Engine:
    """What keeps the store of a test: memory, unless ``--store`` or a list says otherwise."""
    return Engine(getattr(request, "param", request.config.getoption("--store")))


@pytest.fixture
def stored(engine: Engine, store_of: MakeStore) -> StoreMaker:
    """The store of a test, empty."""
    return store_of(engine)


def engines_for(path: Path, chosen: str) -> list[str]:
    """Return the engines that the tests of a file run on."""
    names = [Engine(chosen).value]
    is_sample = any(path.match(f"*/tests/{name}") for name in ON_POSTGRES_TOO)
    return names + [Engine.POSTGRES.value] * (is_sample and Engine.POSTGRES not in names)
