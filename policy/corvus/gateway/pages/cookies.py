"""Who is logged in: a cookie that means nothing outside this process, and a token behind it.

A visit ends with the process, when its time is up, and when its token is revoked: each request asks
again. Refuses to keep a token in the browser, or to know its secret after the log-in.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from corvus.gateway.auth import Tokens
from corvus.model.token import Token, TokenScope

COOKIE = "corvus_visit"
VISIT_SECONDS = 12 * 3600.0
"""How long a log-in lasts at most."""
_VISITS_MAX = 1000


@dataclass(slots=True)
class Visit:
    """One log-in.

    Attributes:
        csrf: What each form of it must bring along; other sites cannot know it.
        notices: Results of what was done, shown once on the next page: state and text.
    """

    token_id: str
    principal: str
    scope: TokenScope
    until: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    notices: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def may_change(self) -> bool:
        """Whether the holder may do more than look."""
        return self.scope is TokenScope.ADMIN

    def is_own(self, csrf: str) -> bool:
        """Return whether a form was made for this visit."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "surrogatepass"))


class Visits:
    """All log-ins of this process.

    Args:
        tokens: Who knows the tokens.
        clock: Seconds that only grow.
    """

    def __init__(self, tokens: Tokens, clock: Callable[[], float] = monotonic) -> None:
        self._tokens = tokens
        self._clock = clock
        self._open: dict[str, Visit] = {}

    async def log_in(self, secret: str) -> tuple[str, Visit] | None:
        """Begin a visit: what the cookie holds, and the visit; ``None`` for an unknown token.

        Raises:
            StoreError: The store cannot answer.
            PermissionError: The token is one for model calls alone.
        """
        token = await self._tokens.find(secret)
        if token is None:
            return None
        if not token.scope.allows(TokenScope.READ):
            raise PermissionError(token.name)
        while len(self._open) >= _VISITS_MAX:
            del self._open[next(iter(self._open))]
        key = secrets.token_urlsafe(32)
        visit = self._open[key] = self._visit(token)
        return key, visit

    async def find(self, key: str | None) -> Visit | None:
        """Return the visit of a cookie while it lasts and its token is good.

        Raises:
            StoreError: The store cannot answer.
        """
        visit = self._open.get(key or "")
        if visit is None or key is None:
            return None
        token = await self._tokens.get(visit.token_id)
        if token is None or self._clock() >= visit.until:
            self.log_out(key)
            return None
        return visit

    def log_out(self, key: str | None) -> None:
        """End a visit, if it is one."""
        self._open.pop(key or "", None)

    def _visit(self, token: Token) -> Visit:
        return Visit(token.id, token.principal, token.scope, self._clock() + VISIT_SECONDS)
