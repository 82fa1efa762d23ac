"""Who calls: a token of the store, looked up in memory, or the one key of a run (API-5).

An access token of a log-in stands for the token that approved it, for model calls alone (PRX-8). A
revoked token is refused after a second at most: for so long the tokens are remembered, so that a
proxied call does not wait for the store twice. A token that is not among them may have been made
since, so it is refused only after the store was read again. Such reads are shared by all who wait
and have a least distance, so that unknown tokens do not keep the store busy. Everybody is refused
when the store cannot answer, unless this host goes on without it for a while, as its leases allow
(STO-3): then the tokens that it knew are good for so long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from corvus.base.errors import StoreError
from corvus.governor.signin.grants import access_tokens
from corvus.model.token import Token, TokenScope, digest_of, find_token
from corvus.store.store import Store
from corvus.store.unit import Unit

REMEMBERED_SECONDS = 1.0
REREAD_SECONDS = 0.05
"""Least time from the start of one read of the tokens to the start of the next."""
_AWAY_SECONDS = 5.0
"""How long a host that goes on without the store does not ask it again for tokens."""


@dataclass(slots=True)
class Tokens:
    """The tokens of a store.

    Attributes:
        monotonic: Seconds that only grow, for how long tokens were remembered.
        goes_on: Returns whether this host admits calls also while the store is away; it may wait.
    """

    store: Store
    monotonic: Callable[[], float] = time.monotonic
    goes_on: Callable[[], bool] = lambda: False
    _known: list[Token] = field(default_factory=list[Token])
    _access: dict[str, Token] = field(default_factory=dict[str, Token])
    _read_at: float = float("-inf")
    _began_at: float = float("-inf")
    _reading: asyncio.Task[None] | None = None
    _next: asyncio.Task[None] | None = None

    async def find(self, secret: str) -> Token | None:
        """Return the good token that a secret is, if there is one, also if it was just made.

        Raises:
            StoreError: The store cannot answer.
        """
        if self._is_fresh and (token := self._found(secret)) is not None:
            return token
        await self._read_again()
        return self._found(secret)

    async def find_own(self, secret: str) -> Token | None:
        """Return the good token of the store that a secret is; no access token of a log-in.

        Raises:
            StoreError: The store cannot answer.
        """
        token = await self.find(secret)
        return token if token is not None and token in self._known else None

    async def get(self, token_id: str) -> Token | None:
        """Return the token of an id while it is good.

        Raises:
            StoreError: The store cannot answer.
        """
        known = (token for token in await self._remembered() if token.id == token_id)
        return next((token for token in known if token.revoked_at is None), None)

    async def has(self, scope: TokenScope) -> bool:
        """Return whether there is a good token of a scope at all.

        Raises:
            StoreError: The store cannot answer.
        """
        good = (token for token in await self._remembered() if token.revoked_at is None)
        return any(token.scope is scope for token in good)

    @property
    def _is_fresh(self) -> bool:
        return self.monotonic() - self._read_at <= REMEMBERED_SECONDS

    def _found(self, secret: str) -> Token | None:
        return find_token(self._known, secret) or self._access.get(digest_of(secret))

    async def _remembered(self) -> list[Token]:
        return self._known if self._is_fresh else await self._read_again()

    async def _read_again(self) -> list[Token]:
        """Return the tokens by a read that begins after now, shared with all who wait for it."""
        if self._next is None:
            self._next = asyncio.create_task(self._read(self._reading))
            self._next.add_done_callback(_take_note)
        await asyncio.shield(self._next)
        return self._known

    async def _read(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        await asyncio.sleep(self._began_at + REREAD_SECONDS - self.monotonic())
        self._reading, self._next = self._next, None  # who comes now waits for the read after this
        self._began_at = began = self.monotonic()
        try:
            self._known, self._access = await self.store.run_async(_tokens)
        except StoreError:
            if self._read_at == float("-inf") or not await asyncio.to_thread(self.goes_on):
                raise
            self._read_at = self.monotonic() + _AWAY_SECONDS - REMEMBERED_SECONDS
        else:
            self._read_at = began


def _take_note(ended: asyncio.Task[None]) -> None:
    """Look at the fault of a read, for all who waited for it may be gone."""
    if not ended.cancelled():
        ended.exception()


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
        """Return whether there is a good token of a scope at all."""
        return scope is TokenScope.PROXY and self._is_needed


def _tokens(unit: Unit) -> tuple[list[Token], dict[str, Token]]:
    return [*unit.tokens().values()], access_tokens(unit)
