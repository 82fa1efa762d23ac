"""What is believed of an ID token: signature, issuer, audience, times, nonce; then who it is.

Signatures are those of the provider's published keys by asymmetric algorithms alone: ``none``, and
secrets that the client would share, are no proof. Refuses whoever is in no group of the config, and
whoever's address the provider itself says is not verified.

Source: OpenID Connect Core 1.0, section 3.1.3.7, read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey, import_key

from corvus.base.errors import SignInRefused
from corvus.base.globs import glob_matches
from corvus.config.toml.values import as_items, is_array, is_table
from corvus.model.signin import OidcOptions, Person

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "Ed25519",
)  # fmt: skip
LEEWAY_SECONDS: Final = 60
"""How far the clock of the provider may be from this one."""
ID_TOKEN_MAX: Final = 65_536

_NAME_MAX = 200
_GROUPS_MAX = 10_000
_KEYS_MAX = 100


class KeyUnknown(Exception):
    """The token names a key that is not among those at hand: they may be new."""


def key_set(document: Mapping[str, Any]) -> KeySet:
    """Return the keys of a JWKS that can verify: symmetric and unknown ones are left out."""
    found: list[Key] = []
    for entry in as_items(document.get("keys"))[:_KEYS_MAX]:
        if not is_table(entry):
            continue
        try:
            key = import_key({**entry})  # pyright: ignore[reportArgumentType] - it checks them
        except (JoseError, AttributeError, KeyError, TypeError, ValueError):
            continue
        if entry.get("use", "sig") == "sig" and isinstance(key, (RSAKey, ECKey, OKPKey)):
            found.append(key)
    return KeySet(found)


def read_claims(
    id_token: str, keys: KeySet, options: OidcOptions, nonce: str, now_seconds: int
) -> Mapping[str, Any]:
    """Return the claims of an ID token that may be believed.

    Args:
        id_token: As the provider gave it.
        keys: The provider's.
        options: Whose token it must be, and for whom.
        nonce: What this visit has begun with.
        now_seconds: Since 1970.

    Raises:
        SignInRefused: It may not; the words do not repeat it.
        KeyUnknown: It names a key that is not at hand.
    """
    wanted = jwt.JWTClaimsRegistry(
        now=now_seconds,
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": options.issuer},
        aud={"essential": True, "value": options.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    if len(id_token) > ID_TOKEN_MAX:
        raise SignInRefused("the ID token is too long")
    try:
        claims = jwt.decode(id_token, keys, algorithms=[*ALGORITHMS]).claims
        wanted.validate(claims)
    except InvalidKeyIdError:
        raise KeyUnknown from None
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        words = getattr(fault, "error", "") or type(fault).__name__
        claim = getattr(fault, "claim", "")
        raise SignInRefused(f"the ID token is not good: {words} {claim}".rstrip()) from None
    if not isinstance(claims["nonce"], str) or not isinstance(claims["iss"], str):
        raise SignInRefused("the ID token is not good: its claims are no texts")
    _check_party(claims, options)
    return claims


def person_of(claims: Mapping[str, Any], options: OidcOptions) -> Person:
    """Return who somebody is, and what they get.

    Raises:
        SignInRefused: They have no name, or are in no group of the config.
    """
    name = claims.get(options.user_claim)
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _NAME_MAX:
        raise SignInRefused(f"the ID token has no claim {options.user_claim!r}")
    if not name.isprintable() or not claims["sub"].isprintable() or len(claims["sub"]) > _NAME_MAX:
        raise SignInRefused(f"the claim {options.user_claim!r} of the ID token is no name")
    if options.user_claim == "email" and claims.get("email_verified") in (False, "false"):
        raise SignInRefused("the provider has not verified the address of the person")
    groups = _groups(claims.get(options.groups_claim))
    for rule in options.groups:
        if rule.group == "*" or any(glob_matches(rule.group, group) for group in groups):
            return Person(options.issuer, claims["sub"], name.strip(), rule.project)
    raise SignInRefused(f"{name!r} is in no group of governance.signin.oidc.groups")


def _check_party(claims: Mapping[str, Any], options: OidcOptions) -> None:
    """Refuse a token that was made for another client, and names this one, too."""
    audience, party = claims["aud"], claims.get("azp")
    others = any(name != options.client_id for name in as_items(audience))
    if party != options.client_id and (party is not None or others):
        raise SignInRefused("the ID token was made for another client")


def _groups(value: object) -> Sequence[str]:
    """Return the groups that a claim names: a list of texts, or one text."""
    named = as_items(value)[:_GROUPS_MAX] if is_array(value) else [value]
    return [group for group in named if isinstance(group, str)]
