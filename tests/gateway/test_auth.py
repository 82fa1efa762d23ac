"""How long what is known of tokens is good: a new one works at once (API-5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from corvus.base.errors import StoreUnavailable
from corvus.gateway import auth
from corvus.gateway.auth import Tokens
from corvus.governor import tokens
from corvus.model.token import TokenRequest, TokenScope, new_secret
from corvus.store.sqlite import MemoryBackend
from corvus.store.store import Store
from tests.fakes import FrozenClock


@dataclass
class Counted:
    """A store that counts how often it is read, and can be slow or broken."""

    store: Store = field(default_factory=lambda: Store(MemoryBackend(), FrozenClock()))
    reads: int = 0
    running: int = 0
    most: int = 0
    is_broken: bool = False

    async def run_async(self, step: Callable[..., Any]) -> Any:
        self.reads += 1
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.001)
        self.running -= 1
        if self.is_broken:
            raise StoreUnavailable("no")
        return self.store.run(step)

    def create(self, name: str) -> str:
        secret = new_secret()
        wanted = TokenRequest(name, TokenScope.READ)
        self.store.run(lambda unit: tokens.create(unit, wanted, secret, "ana"))
        return secret


def known(store: Counted) -> Tokens:
    return Tokens(store)  # type: ignore[arg-type]


def test_a_token_works_at_once_while_unknown_ones_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auth, "REREAD_SECONDS", 0.01)

    async def scene() -> None:
        store = Counted()
        holders = known(store)
        others = [asyncio.create_task(_insist(holders)) for _ in range(20)]
        for number in range(5):
            found = await holders.find(store.create(f"t{number}"))
            assert found is not None
            assert found.name == f"t{number}"
        for one in others:
            one.cancel()
        assert store.most == 1, "reads are shared, never side by side"

    asyncio.run(scene())


async def _insist(holders: Tokens) -> None:
    while True:
        assert await holders.find("cvk_nobody") is None


def test_unknown_tokens_do_not_keep_the_store_busy() -> None:
    """One read at a time, at the set distance, however many ask."""

    async def scene() -> None:
        store = Counted()
        holders = known(store)
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            await asyncio.gather(*(holders.find(f"cvk_{one}") for one in range(200)))
        took = asyncio.get_running_loop().time() - began
        assert store.reads <= took / auth.REREAD_SECONDS + 1

    asyncio.run(scene())


def test_a_good_token_is_read_once_a_second() -> None:
    async def scene() -> None:
        store, now = Counted(), 0.0
        secret = store.create("a")
        holders = known(store)
        holders.monotonic = lambda: now
        for _ in range(50):
            assert await holders.find(secret) is not None
        assert store.reads == 1
        now = auth.REMEMBERED_SECONDS + 0.1
        store.store.run(lambda unit: tokens.revoke(unit, "a", "ana"))
        assert await holders.find(secret) is None

    asyncio.run(scene())


def test_a_store_that_cannot_answer_refuses_all_and_is_asked_again() -> None:
    async def scene() -> None:
        store = Counted(is_broken=True)
        secret = store.create("a")
        holders = known(store)
        told = await asyncio.gather(
            *(holders.find(secret) for _ in range(5)), return_exceptions=True
        )
        assert {type(one) for one in told} == {StoreUnavailable}
        store.is_broken = False
        assert await holders.find(secret) is not None

    asyncio.run(scene())


def test_who_leaves_while_tokens_are_read_takes_the_answer_from_nobody() -> None:
    async def scene() -> None:
        store = Counted()
        secret = store.create("a")
        holders = known(store)
        leaves = asyncio.create_task(holders.find(secret))
        stays = asyncio.create_task(holders.find(secret))
        await asyncio.sleep(0)
        leaves.cancel()
        assert await stays is not None

    asyncio.run(scene())


def test_a_host_that_goes_on_without_the_store_knows_the_tokens_that_it_knew() -> None:
    """STO-3: only as long as its leases let it, and nobody new."""
    now, goes_on = [0.0], [True]

    async def scene() -> None:
        store = Counted()
        holders = Tokens(store, lambda: now[0], lambda: goes_on[0])  # type: ignore[arg-type]
        secret = store.create("a")
        assert await holders.find(secret) is not None
        store.is_broken = True
        now[0] += 1.5
        assert await holders.find(secret) is not None
        reads = store.reads
        now[0] += 4
        assert await holders.find(secret) is not None
        assert store.reads == reads, "it is not asked for each call"
        assert await holders.find("cvk_nobody") is None
        goes_on[0] = False
        now[0] += 6
        with pytest.raises(StoreUnavailable):
            await holders.find(secret)

    asyncio.run(scene())


def test_a_host_that_never_knew_a_token_lets_nobody_in() -> None:
    async def scene() -> None:
        store = Counted(is_broken=True)
        holders = Tokens(store, goes_on=lambda: True)  # type: ignore[arg-type]
        with pytest.raises(StoreUnavailable):
            await holders.find("cvk_nobody")

    asyncio.run(scene())
