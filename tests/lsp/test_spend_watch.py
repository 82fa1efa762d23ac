"""What is spent is known of open files alone."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from corvus.lsp import spend_watch
from corvus.lsp.spend import BudgetSpend
from corvus.lsp.spend_watch import SpendWatch

PATH = Path("corvus.toml")
SPEND = {"day": BudgetSpend("today $1", True, False)}


class Store:
    """A store that is read once it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def spend_of(self, path: Path) -> dict[str, BudgetSpend]:
        assert path == PATH
        self.begun.set()
        assert self.go.wait(60)
        return SPEND


def noted(fault: Exception) -> None:
    raise fault


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    monkeypatch.setattr(spend_watch, "spend_of", store.spend_of)
    return store


def test_a_file_that_is_closed_while_it_is_read_stays_forgotten(store: Store) -> None:
    async def scene() -> None:
        watch = SpendWatch(lambda: None, noted)
        reading = asyncio.create_task(watch.latest(PATH))
        await asyncio.to_thread(store.begun.wait)
        watch.forget(PATH)
        store.go.set()
        assert await reading == {}
        assert watch.known(PATH) == {}
        await watch.refresh()
        assert watch.known(PATH) == {}
        assert await watch.latest(PATH) == SPEND  # it is opened again
        watch.stop()

    asyncio.run(scene())


def test_a_file_that_is_opened_again_while_it_is_read_is_read_again(store: Store) -> None:
    async def scene() -> None:
        watch = SpendWatch(lambda: None, noted)
        first = asyncio.create_task(watch.latest(PATH))
        await asyncio.to_thread(store.begun.wait)
        watch.forget(PATH)
        second = asyncio.create_task(watch.latest(PATH))
        await first
        store.go.set()
        assert await second == SPEND
        watch.stop()

    asyncio.run(scene())


def test_a_file_that_is_closed_while_all_are_read_is_no_change(store: Store) -> None:
    changes: list[str] = []

    async def scene() -> None:
        watch = SpendWatch(lambda: changes.append("change"), noted)
        store.go.set()
        await watch.latest(PATH)
        store.go.clear()
        store.begun.clear()
        again = asyncio.create_task(watch.refresh())
        await asyncio.to_thread(store.begun.wait)
        watch.forget(PATH)
        store.go.set()
        await again
        assert watch.known(PATH) == {}
        watch.stop()

    asyncio.run(scene())
    assert changes == []
