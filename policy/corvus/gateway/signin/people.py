"""Who came back from the OpenID provider a moment ago: a cookie, and a token of theirs behind it.

They have ten minutes for their decision. Only who has passed the provider takes a place here, so
that strangers push nobody out.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from corvus.model.signin import DEVICE_SECONDS
from corvus.model.token import Token

_PEOPLE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who may decide.

    Attributes:
        token_id: The token that stands for them.
        name: As the page shows them.
        csrf: What their form must bring along; other sites cannot know it.
    """

    token_id: str
    name: str
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @classmethod
    def of(cls, token: Token) -> Guest:
        """Return the guest for whom a token stands."""
        return cls(token.id, token.user or token.name)

    def is_own(self, csrf: str) -> bool:
        """Return whether a form was made for this guest."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "surrogatepass"))


class People:
    """All guests of this process.

    Args:
        monotonic: Seconds that only grow.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._guests: dict[str, tuple[Guest, float]] = {}

    def welcome(self, guest: Guest) -> str:
        """Let somebody in, and return what their cookie holds."""
        while len(self._guests) >= _PEOPLE_MAX:
            del self._guests[next(iter(self._guests))]
        key = secrets.token_urlsafe(32)
        self._guests[key] = guest, self._monotonic() + DEVICE_SECONDS
        return key

    def find(self, key: str | None) -> Guest | None:
        """Return the guest of a cookie while they may decide."""
        guest, until = self._guests.get(key or "", (None, 0.0))
        if guest is None or self._monotonic() >= until:
            self.leave(key)
            return None
        return guest

    def leave(self, key: str | None) -> None:
        """Let somebody go, if they are here."""
        self._guests.pop(key or "", None)
