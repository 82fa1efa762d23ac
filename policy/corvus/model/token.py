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
from typing import NamedTuple

from corvus.base.errors import ProjectRefused, TokenBound
from corvus.model.request import require_text

PREFIX = "cvk_"
"""Begins every token, so that a scanner finds one that was pasted somewhere."""


class TokenScope(StrEnum):
    """What a token allows (API-8).

    ``proxy`` is for model calls alone, ``reserve`` for reservations, sessions and missions of its
    own; ``admin`` includes ``read`` and ``reserve``.
    """

    READ = "read"
    PROXY = "proxy"
    RESERVE = "reserve"
    ADMIN = "admin"

    def allows(self, wanted: TokenScope) -> bool:
        """Return whether a token of this scope may do what needs another."""
        if self is TokenScope.ADMIN:
            return wanted is not TokenScope.PROXY
        return self is wanted


class Claims(NamedTuple):
    """What a call belongs to, as its caller says; ``None`` says nothing."""

    project: str | None = None
    user: str | None = None
    agent: str | None = None
    session: str | None = None
    mission: str | None = None


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
        user: Who spends by it; ``None`` is its holder, by name.
        agent: The agent that its calls are of; ``None`` lets them say.
        session: The session that its calls are of; ``None`` lets them say.
        mission: The mission that its calls are of; ``None`` lets them say.
        upstream: The upstream that its calls go to, by its name; ``None`` lets them say.
    """

    id: str
    name: str
    scope: TokenScope
    digest: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None
    project: str | None = None
    user: str | None = None
    agent: str | None = None
    session: str | None = None
    mission: str | None = None
    upstream: str | None = None

    def __post_init__(self) -> None:
        bound = (*self.bound, self.upstream)
        require_text(self.name, *bound)
        if any(name is not None and not name.strip() for name in bound):
            raise ValueError("what a token is bound to is not empty")
        if not self.name.strip() or not self.name.isprintable():
            raise ValueError(f"a token has a name of printable characters, got {self.name!r}")

    @property
    def principal(self) -> str:
        """The name under which the audit keeps what its holder does (OVR-5)."""
        return f"token:{self.name}"

    @property
    def bound(self) -> Claims:
        """What its calls belong to, whatever they say."""
        return Claims(self.project, self.user, self.agent, self.session, self.mission)

    def bind(self, said: Claims) -> Claims:
        """Return what a call belongs to: what the token is bound to, else what the call says.

        Who spends is always the token's holder. A token that is bound to a session or mission is
        bound to its project too, for these are of a project (RES-8).

        Raises:
            ProjectRefused: The call says another project.
            TokenBound: The call says another user, agent, session or mission.
        """
        project = self.project_of(said.project)
        own = self.bound._replace(project=project, user=self.user or self.name)
        for name in ("user", "agent", "session", "mission"):
            bound, wanted = getattr(own, name), getattr(said, name)
            if None not in (bound, wanted) and bound != wanted:
                raise TokenBound(f"this token is for calls of {name} {bound!r} alone")
        return Claims(*(bound or wanted for bound, wanted in zip(own, said, strict=True)))

    def project_of(self, said: str | None) -> str | None:
        """Return the project of a call: the token's, where it has one, else what the call says.

        Raises:
            ProjectRefused: The call says another.
        """
        is_bound = (self.project, self.session, self.mission) != (None, None, None)
        if is_bound and said not in (None, self.project):
            own = f"project {self.project!r}" if self.project else "no project"
            raise ProjectRefused(f"this token is for calls of {own} alone")
        return self.project or said


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token that shall be made; members as those of ``Token``."""

    name: str
    scope: TokenScope
    project: str | None = None
    user: str | None = None
    agent: str | None = None
    session: str | None = None
    mission: str | None = None
    upstream: str | None = None


def new_secret() -> str:
    """Return a new token in plain text."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def find_token(tokens: Iterable[Token], secret: str) -> Token | None:
    """Return the good token that a secret is, if there is one; compares with all of them."""
    digest = digest_of(secret)
    holder: Token | None = None
    for token in tokens:
        if hmac.compare_digest(token.digest, digest) and token.revoked_at is None:
            holder = token
    return holder
