"""Who asks: a token of the store, looked up in memory, or the one key of a run (API-5).

A revoked token is refused after a second at most: for so long the tokens are remembered, so that a
proxied call does not wait for the store twice. Refuses everybody when the store cannot answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from policy.model.token import Token, TokenScope, digest_of, find_token
from policy.store.store import Store
from policy.store.unit import Unit

REMEMBERED_SECONDS = 1.0


class Holders(Protocol):
    """What knows the holders of tokens."""

    async def find(self, secret: str) -> Token | None:
        """Return the good token that a secret is, if there is one."""
        ...

    async def has(self, scope: TokenScope) -> bool:
        """Tell whether there is a good token of a scope at all."""
        ...


@dataclass(slots=True)
class Tokens:
    """The tokens of a store.

    Attributes:
        monotonic: Seconds that only grow, for how long tokens were remembered.
    """

    store: Store
    monotonic: Callable[[], float] = time.monotonic
    _known: list[Token] = field(default_factory=list[Token])
    _read_at: float = float("-inf")

    async def find(self, secret: str) -> Token | None:
        """Return the good token that a secret is, if there is one.

        Raises:
            StoreError: The store cannot answer.
        """
        return find_token(await self._read(), secret)

    async def get(self, token_id: str) -> Token | None:
        """Return the token of an id while it is good.

        Raises:
            StoreError: The store cannot answer.
        """
        known = (one for one in await self._read() if one.id == token_id)
        return next((one for one in known if one.revoked_at is None), None)

    async def has(self, scope: TokenScope) -> bool:
        """Tell whether there is a good token of a scope at all.

        Raises:
            StoreError: The store cannot answer.
        """
        return any(one.scope is scope and one.revoked_at is None for one in await self._read())

    async def _read(self) -> list[Token]:
        if self.monotonic() - self._read_at > REMEMBERED_SECONDS:
            self._known = await self.store.run_async(_tokens)
            self._read_at = self.monotonic()
        return self._known


class RunKey:
    """The key of one run of an agent, in memory alone: it ends with the run.

    Args:
        secret: What the agent is given in place of a real key.
        made_at: Aware UTC.
        is_needed: Whether calls without it are refused, too.
    """

    def __init__(self, secret: str, made_at: datetime, *, is_needed: bool = True) -> None:
        digest = digest_of(secret)
        self._token = Token("run", "run", TokenScope.PROXY, digest, made_at, "corvus")
        self._is_needed = is_needed

    async def find(self, secret: str) -> Token | None:
        """Return the run's own token, if the secret is it."""
        return find_token([self._token], secret)

    async def has(self, scope: TokenScope) -> bool:
        """Tell whether there is a good token of a scope at all."""
        return scope is TokenScope.PROXY and self._is_needed


def _tokens(unit: Unit) -> list[Token]:
    return [*unit.tokens().values()]
