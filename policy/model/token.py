"""Access tokens of the gateway: what they allow, how they are made and how they are kept (API-5).

A token is 32 random bytes, shown once. Kept is only its SHA-256: a slow hash guards passwords, that
can be guessed, and would only make each request slow here, where nothing can be guessed. Refuses to
know a token again after it was shown.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policy.errors import ProjectRefused
from policy.model.request import require_text

PREFIX = "cvk_"
"""Begins every token, so that a scanner finds one that was pasted somewhere."""


class TokenScope(StrEnum):
    """What a token allows: ``admin`` includes ``read``; ``proxy`` is for model calls alone."""

    READ = "read"
    PROXY = "proxy"
    ADMIN = "admin"

    def allows(self, wanted: TokenScope) -> bool:
        """Tell whether a token of this scope may do what needs another."""
        return self is wanted or (self is TokenScope.ADMIN and wanted is TokenScope.READ)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept.

    Attributes:
        id: UUIDv7 text.
        name: What its owner calls it; the audit names its holder ``token:<name>``.
        digest: SHA-256 of the token, hexadecimal.
        created_by: Who made it.
        revoked_at: Aware UTC; ``None`` while it is good.
        project: The project that its calls are of, whatever they say; ``None`` lets them say.
    """

    id: str
    name: str
    scope: TokenScope
    digest: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None
    project: str | None = None

    def __post_init__(self) -> None:
        require_text(self.name, self.project)
        if not self.name.strip() or not self.name.isprintable():
            raise ValueError(f"a token has a name of printable characters, got {self.name!r}")

    @property
    def principal(self) -> str:
        """The name under which the audit keeps what its holder does (OVR-5)."""
        return f"token:{self.name}"

    def project_of(self, said: str | None) -> str | None:
        """Return the project of a call: the token's, where it has one, else what the call says.

        Raises:
            ProjectRefused: The call says another.
        """
        if self.project is not None and said not in (None, self.project):
            raise ProjectRefused(f"this token is for calls of project {self.project!r} alone")
        return self.project or said


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token that shall be made; members as those of ``Token``."""

    name: str
    scope: TokenScope
    project: str | None = None


def new_secret() -> str:
    """Return a new token in plain text."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def find_token(tokens: Iterable[Token], secret: str) -> Token | None:
    """Return the good token that a secret is, if there is one; compares with all of them."""
    digest = digest_of(secret)
    found: Token | None = None
    for one in tokens:
        if hmac.compare_digest(one.digest, digest) and one.revoked_at is None:
            found = one
    return found
