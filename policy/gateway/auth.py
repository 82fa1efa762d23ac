"""Who asks: a bearer token of the store, looked up in memory (API-5).

A revoked token is refused after a second at most: for so long the tokens are remembered, so that a
proxied call does not wait for the store twice. Refuses everybody when the store cannot answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from policy.model.token import Token, find_token
from policy.store.store import Store
from policy.store.unit import Unit

REMEMBERED_SECONDS = 1.0


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
        if self.monotonic() - self._read_at > REMEMBERED_SECONDS:
            self._known = await self.store.run_async(_tokens)
            self._read_at = self.monotonic()
        return find_token(self._known, secret)


def _tokens(unit: Unit) -> list[Token]:
    return [*unit.tokens().values()]
