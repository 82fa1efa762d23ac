"""Makes, rotates and revokes access tokens; the audit event is in the same transaction (AUD-2).

Refuses two good tokens of one name: the audit names their holders by it.
"""

from __future__ import annotations

import json
from dataclasses import replace

from corvus.base.errors import SteeringRefused
from corvus.base.ids import new_id
from corvus.governor.audit_chain import append_audit
from corvus.model.steering import AuditKind
from corvus.model.token import Token, TokenRequest, digest_of
from corvus.store.unit import Unit


def create(unit: Unit, request: TokenRequest, secret: str, actor: str) -> Token:
    """Keep a new token.

    Args:
        unit: The transaction under way.
        request: What it is called, what it allows, and of which project its calls are.
        secret: The token in plain text; only its hash is kept.
        actor: Who makes it.

    Raises:
        SteeringRefused: A good token has this name.
        ValueError: The name or the project is no text.
    """
    if any(token.name == request.name for token in good(unit)):
        raise SteeringRefused(
            f"there is a token {request.name!r} already: revoke it, or take another name"
        )
    token = Token(
        new_id(unit.now_us),
        request.name,
        request.scope,
        digest_of(secret),
        unit.now,
        actor,
        project=request.project,
        user=request.user,
        agent=request.agent,
        session=request.session,
        mission=request.mission,
        upstream=request.upstream,
    )
    unit.put_token(token)
    _audit(unit, AuditKind.TOKEN_CREATED, token, actor)
    return token


def rotate(unit: Unit, wanted: str, secret: str, actor: str) -> Token:
    """Revoke a good token, and keep a new one that is called and bound as it was.

    Args:
        unit: The transaction under way.
        wanted: The id or the name of the old one.
        secret: The new one in plain text.
        actor: Who rotates it.

    Raises:
        SteeringRefused: There is none.
    """
    old = revoke(unit, wanted, actor)
    request = TokenRequest(old.name, old.scope, *old.bound, upstream=old.upstream)
    return create(unit, request, secret, actor)


def revoke(unit: Unit, wanted: str, actor: str) -> Token:
    """Revoke a good token, named by its id or its name.

    Raises:
        SteeringRefused: There is none.
    """
    token = next((token for token in good(unit) if wanted in (token.id, token.name)), None)
    if token is None:
        raise SteeringRefused(f"there is no good token {wanted!r}: see `corvus token list`")
    revoked = replace(token, revoked_at=unit.now)
    unit.put_token(revoked)
    _audit(unit, AuditKind.TOKEN_REVOKED, revoked, actor)
    return revoked


def good(unit: Unit) -> list[Token]:
    """Return the tokens that are not revoked, the oldest first."""
    return [token for token in unit.tokens().values() if token.revoked_at is None]


def _audit(unit: Unit, kind: AuditKind, token: Token, actor: str) -> None:
    details = {"token_id": token.id, "name": token.name, "scope": token.scope.value}
    bound = token.bound._asdict()
    details |= {name: value for name, value in bound.items() if value is not None}
    append_audit(unit, kind, actor, details=json.dumps(details, sort_keys=True))
