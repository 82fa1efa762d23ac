"""Log-ins of clients at the gateway: a device that waits for a person, and what it then holds.

A client begins with a device code; a person approves it with a token of theirs, or by the company's
OpenID provider, for whom a token is kept, too. So each log-in hangs on one token: it has the user,
the project and every other bond of that token, and ends with it (PRX-8). Of every code and token
only the SHA-256 is kept. A log-in never makes another: an agent that holds one cannot renew itself
past its end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from corvus.model.token import digest_of

ACCESS_PREFIX: Final = "cva_"
REFRESH_PREFIX: Final = "cvr_"
USER_CODE_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no code is a word (RFC 8628, section 6.1)."""
USER_CODE_LENGTH: Final = 8
DEVICE_SECONDS: Final = 600
"""How long a device code may wait for its person."""
INTERVAL_SECONDS: Final = 5
"""How far apart a client asks whether it was approved."""

_BETWEEN: Final = "- \t\u2010\u2013"
_SECRET_BYTES: Final = 32
_FAMILY_LENGTH: Final = 43
"""Characters of 32 bytes in the alphabet of URLs."""


class GrantState(StrEnum):
    """Life of a device code: ``pending``, then decided; an approved one is used once."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"


@dataclass(frozen=True, slots=True)
class DeviceGrant:
    """A device that waits for a person.

    Attributes:
        id: SHA-256 of the device code, hexadecimal.
        user_code: SHA-256 of the code that the person compares.
        until_us: From when on it is over, microseconds.
        token_id: The token that decided; empty before.
    """

    id: str
    user_code: str
    state: GrantState
    until_us: int
    token_id: str = ""

    def is_over(self, now_us: int) -> bool:
        """Return whether its time has passed."""
        return now_us >= self.until_us


@dataclass(frozen=True, slots=True)
class SignIn:
    """A log-in of one client.

    Attributes:
        id: UUIDv7 text.
        token_id: The token that approved it.
        family: SHA-256 of the part that all its refresh tokens share: by it a refresh token that
            was used before is known from one that never was.
        refresh: SHA-256 of the refresh token that is good now.
        access: SHA-256 of the access token that was given last.
        access_until_us: Until when that is good, microseconds.
        earlier: SHA-256 of the access token before it: calls with it may be under way.
        earlier_until_us: Until when that is good.
        until_us: When the log-in ends, however often it was refreshed.
    """

    id: str
    token_id: str
    family: str
    refresh: str
    access: str
    access_until_us: int
    until_us: int
    earlier: str = ""
    earlier_until_us: int = 0

    def is_over(self, now_us: int) -> bool:
        """Return whether its time has passed."""
        return now_us >= self.until_us

    def good_access(self, now_us: int) -> tuple[str, ...]:
        """Return the SHA-256 of each access token that is good now."""
        given = ((self.access, self.access_until_us), (self.earlier, self.earlier_until_us))
        return tuple(digest for digest, until_us in given if digest and now_us < until_us)


class Terms(NamedTuple):
    """How long what a log-in holds is good, seconds.

    Attributes:
        access_seconds: An access token.
        lifetime_seconds: The log-in, however often it is refreshed.
    """

    access_seconds: int = 3600
    lifetime_seconds: int = 7 * 86_400


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What people of a group of the OpenID provider get.

    Attributes:
        group: A glob.
        project: The project of their calls; ``None`` lets the calls say.
    """

    group: str
    project: str | None = None


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """The company's OpenID provider.

    Attributes:
        issuer: Its URL, as its tokens say it.
        client_secret_env: Variable that holds the secret of the client; ``None`` for a public one.
        scopes: Scopes of the request to it; ``openid`` is among them.
        user_claim: The claim whose value is the user of calls.
        groups_claim: The claim whose values decide what somebody gets.
        groups: The first that fits somebody counts; whom none fits is refused.
    """

    issuer: str
    client_id: str
    client_secret_env: str | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    user_claim: str = "email"
    groups_claim: str = "groups"
    groups: tuple[GroupRule, ...] = ()


@dataclass(frozen=True, slots=True)
class SignInOptions:
    """How clients log in at the gateway.

    Attributes:
        url: Where people and clients reach the gateway; ``None`` is the host that they called.
        trusted_proxies: Addresses and networks whose ``X-Forwarded-For`` is believed.
        managed_settings: The file of settings for clients that have logged in.
        oidc: The provider that people may log in at; ``None`` leaves them their tokens.
    """

    enabled: bool = True
    url: str | None = None
    terms: Terms = field(default_factory=Terms)
    trusted_proxies: tuple[str, ...] = ()
    managed_settings: Path | None = None
    oidc: OidcOptions | None = None


class Credentials(NamedTuple):
    """What a client is given, in plain text, once.

    Attributes:
        family: The part that all refresh tokens of a log-in share.
    """

    access: str
    refresh: str
    family: str


def new_credentials(family: str | None = None) -> Credentials:
    """Return new tokens of a log-in.

    Args:
        family: Of a log-in that is refreshed; ``None`` begins another.
    """
    kept = secrets.token_urlsafe(_SECRET_BYTES) if family is None else family
    refresh = f"{REFRESH_PREFIX}{kept}{secrets.token_urlsafe(_SECRET_BYTES)}"
    return Credentials(ACCESS_PREFIX + secrets.token_urlsafe(_SECRET_BYTES), refresh, kept)


def family_of(refresh: str) -> str | None:
    """Return the part of a refresh token that its log-in keeps; ``None`` for what is none."""
    rest = refresh.removeprefix(REFRESH_PREFIX)
    if not refresh.startswith(REFRESH_PREFIX) or len(rest) != 2 * _FAMILY_LENGTH:
        return None
    return rest[:_FAMILY_LENGTH]


def new_device_code() -> str:
    """Return a new device code of 256 bits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def new_user_code() -> str:
    """Return a new code for a person to compare, as it is shown: ``WDJB-MJHT``."""
    letters = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))
    return shown_code(letters)


def plain_code(typed: str) -> str | None:
    """Return a code without what people put between its letters; ``None`` for what is none."""
    letters = "".join(letter for letter in typed.upper() if letter not in _BETWEEN)
    is_code = len(letters) == USER_CODE_LENGTH and not letters.strip(USER_CODE_LETTERS)
    return letters if is_code else None


def shown_code(letters: str) -> str:
    """Return a plain code as it is shown."""
    half = USER_CODE_LENGTH // 2
    return f"{letters[:half]}-{letters[half:]}"


def digest_of_code(code: str) -> str:
    """Return what is kept of a user code, however it was typed."""
    return digest_of(plain_code(code) or "")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the company's OpenID provider knows.

    Attributes:
        issuer: The provider.
        subject: Its own name for the person, which is never given to another.
        name: What people call them, such as their address: the user of their calls.
        project: The project of their calls; ``None`` lets the calls say.
    """

    issuer: str
    subject: str
    name: str
    project: str | None = None

    @property
    def account(self) -> str:
        """Who made the person's token, as it is kept with it."""
        return f"oidc:{self.issuer}#{self.subject}"
