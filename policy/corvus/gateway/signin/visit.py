"""What a browser takes along to the OpenID provider and must bring back: state, nonce, verifier.

They are in a cookie of that browser alone, so that no other can finish what this one has begun, and
nothing is kept here of those who never come back. Who writes such a cookie for themselves gains
nothing: the provider's answer has to fit to it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass

COOKIE = "corvus_departure"
_PART = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Departure:
    """A visit to the provider.

    Attributes:
        state: Comes back in the address (RFC 6749, section 10.12).
        nonce: Comes back in the ID token (OpenID Connect Core, section 3.1.2.1).
        verifier: Proves to the provider who has begun (RFC 7636).
        code: The code of the device that is to log in; empty without one.
    """

    state: str
    nonce: str
    verifier: str
    code: str

    @classmethod
    def new(cls, code: str) -> Departure:
        """Begin a visit."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, code)

    @property
    def cookie(self) -> str:
        """The visit as a cookie holds it."""
        return ".".join((self.state, self.nonce, self.verifier, self.code))

    @property
    def challenge(self) -> str:
        """What the provider is shown of the verifier: ``S256`` of RFC 7636."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def departure_of(cookie: str | None) -> Departure | None:
    """Return the visit that a cookie holds; ``None`` for what is none."""
    parts = (cookie or "").split(".")
    if len(parts) != 4 or not all(_PART.fullmatch(part) for part in parts[:3]):
        return None
    return Departure(*parts)
