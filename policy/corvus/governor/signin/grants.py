"""Lets clients log in: a device begins, a person decides, and tokens are given once (PRX-8).

Steps over one unit, so that of two that come together one wins: a device code serves once, a
refresh token too. A refresh token that was used before shows that somebody else has it: the log-in
ends then. Refuses who cannot make model calls, and devices beyond a bound.
"""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from typing import Final

from corvus.base.ids import new_id
from corvus.governor import tokens
from corvus.governor.audit_chain import SYSTEM, append_audit
from corvus.model.signin import (
    DEVICE_SECONDS,
    Credentials,
    DeviceGrant,
    GrantState,
    SignIn,
    Terms,
    digest_of_code,
    family_of,
    new_user_code,
    plain_code,
)
from corvus.model.steering import AuditKind
from corvus.model.token import Token, TokenScope, digest_of
from corvus.store.unit import Unit

DEVICES_MAX: Final = 1_000
"""Devices that may wait for a person at once."""
SIGN_INS_MAX: Final = 50
"""Log-ins of one token; one more ends the one that is nearest to its end."""

_SECOND_US: Final = 1_000_000
_REMEMBERED_US: Final = 3_600 * _SECOND_US
"""How long a device is remembered that is over, so that its client hears why."""


class Verdict(StrEnum):
    """What came of a person's decision.

    ``unknown`` is a code that there is not, or no longer; ``decided`` one that serves no more;
    ``refused`` a token that is revoked or not for model calls.
    """

    APPROVED = "approved"
    DENIED = "denied"
    UNKNOWN = "unknown"
    DECIDED = "decided"
    REFUSED = "refused"


class Refused(StrEnum):
    """Why a client gets no tokens, as OAuth names it (RFC 6749 5.2, RFC 8628 3.5)."""

    PENDING = "authorization_pending"
    DENIED = "access_denied"
    EXPIRED = "expired_token"
    INVALID = "invalid_grant"


def begin(unit: Unit, device_code: str) -> str | None:
    """Let a device wait for a person.

    Args:
        unit: The transaction under way.
        device_code: In plain text; only its hash is kept.

    Returns:
        The code that the person compares, as it is shown; ``None`` when too many wait.
    """
    _forget_old(unit)
    if len(unit.device_grants()) >= DEVICES_MAX:
        return None
    waiting = {grant.user_code for grant in unit.device_grants().values()}
    user_code = new_user_code()
    while digest_of_code(user_code) in waiting:
        user_code = new_user_code()
    until_us = unit.now_us + DEVICE_SECONDS * _SECOND_US
    grant = DeviceGrant(
        digest_of(device_code), digest_of_code(user_code), GrantState.PENDING, until_us
    )
    unit.put_device_grant(grant, is_new=True)
    return user_code


def decide(unit: Unit, user_code: str, token: Token, *, is_approved: bool) -> Verdict:
    """Let the device of a code log in, or refuse it.

    Args:
        unit: The transaction under way.
        user_code: As it was typed.
        token: Of the person who decides.
        is_approved: What the person says.
    """
    grant = _waiting(unit, user_code)
    if grant is None:
        return Verdict.UNKNOWN
    if grant.state is not GrantState.PENDING:
        return Verdict.DECIDED
    known = _good(unit, token.id)
    if known is None or not known.scope.allows(TokenScope.PROXY):
        return Verdict.REFUSED
    state = GrantState.APPROVED if is_approved else GrantState.DENIED
    unit.put_device_grant(replace(grant, state=state, token_id=known.id))
    kind = AuditKind.SIGN_IN_APPROVED if is_approved else AuditKind.SIGN_IN_DENIED
    _audit(unit, kind, known, known.principal)
    return Verdict.APPROVED if is_approved else Verdict.DENIED


def redeem(unit: Unit, device_code: str, credentials: Credentials, terms: Terms) -> int | Refused:
    """Give a device its tokens, once.

    Args:
        unit: The transaction under way.
        device_code: As the client sent it.
        credentials: What it gets; only hashes are kept.
        terms: How long that is good.

    Returns:
        For how many seconds the access token is good, >= 1; or why there is none.
    """
    grant = unit.device_grants().get(digest_of(device_code))
    if grant is None:
        return Refused.INVALID
    if grant.state is GrantState.DENIED:
        return Refused.DENIED
    if grant.state is GrantState.USED or grant.is_over(unit.now_us):
        return Refused.EXPIRED
    if grant.state is GrantState.PENDING:
        return Refused.PENDING
    token = _good(unit, grant.token_id)
    unit.put_device_grant(replace(grant, state=GrantState.USED))
    if token is None:
        return Refused.DENIED
    until_us = unit.now_us + terms.lifetime_seconds * _SECOND_US
    sign_in = SignIn(
        new_id(unit.now_us),
        token.id,
        digest_of(credentials.family),
        digest_of(credentials.refresh),
        digest_of(credentials.access),
        _access_until(unit, terms, until_us),
        until_us,
    )
    _make_room(unit, token)
    unit.put_sign_in(sign_in, is_new=True)
    return _access_seconds(unit, sign_in)


def refresh(unit: Unit, used: str, credentials: Credentials, terms: Terms) -> int | None:
    """Give a log-in new tokens for its refresh token.

    Args:
        unit: The transaction under way.
        used: The refresh token, as the client sent it.
        credentials: What it gets, of the same family.
        terms: How long that is good; the log-in ends no later for it.

    Returns:
        For how many seconds the access token is good, >= 1; ``None`` when the refresh token is
        unknown or was used before, or its log-in has ended.
    """
    family = family_of(used)
    mark = digest_of(family) if family is not None else ""
    found = (sign_in for sign_in in unit.sign_ins().values() if sign_in.family == mark)
    sign_in = next(found, None)
    if sign_in is None:
        return None
    token = _good(unit, sign_in.token_id)
    if token is None or sign_in.is_over(unit.now_us + _SECOND_US):
        unit.drop_sign_in(sign_in.id)
        return None
    if sign_in.refresh != digest_of(used):
        unit.drop_sign_in(sign_in.id)
        reason = "a refresh token was used a second time"
        _audit(unit, AuditKind.SIGN_IN_ENDED, token, SYSTEM, reason)
        return None
    renewed = replace(
        sign_in,
        refresh=digest_of(credentials.refresh),
        access=digest_of(credentials.access),
        access_until_us=_access_until(unit, terms, sign_in.until_us),
        earlier=sign_in.access,
        earlier_until_us=sign_in.access_until_us,
    )
    unit.put_sign_in(renewed)
    return _access_seconds(unit, renewed)


def access_tokens(unit: Unit) -> dict[str, Token]:
    """Return what each good access token stands for, by the SHA-256 of the access token.

    It is the token that approved the log-in, with scope ``proxy``.
    """
    good = {token.id: token for token in tokens.good(unit)}
    found: dict[str, Token] = {}
    for sign_in in unit.sign_ins().values():
        token = good.get(sign_in.token_id)
        if token is None or sign_in.is_over(unit.now_us):
            continue
        for digest in sign_in.good_access(unit.now_us):
            found[digest] = replace(token, scope=TokenScope.PROXY, digest=digest)
    return found


def _waiting(unit: Unit, user_code: str) -> DeviceGrant | None:
    if plain_code(user_code) is None:
        return None
    mark = digest_of_code(user_code)
    found = (grant for grant in unit.device_grants().values() if grant.user_code == mark)
    return next((grant for grant in found if not grant.is_over(unit.now_us)), None)


def _good(unit: Unit, token_id: str) -> Token | None:
    token = unit.tokens().get(token_id)
    return token if token is not None and token.revoked_at is None else None


def _access_until(unit: Unit, terms: Terms, until_us: int) -> int:
    return min(unit.now_us + terms.access_seconds * _SECOND_US, until_us)


def _access_seconds(unit: Unit, sign_in: SignIn) -> int:
    return (sign_in.access_until_us - unit.now_us) // _SECOND_US


def _make_room(unit: Unit, token: Token) -> None:
    """End what is over, and of a token with too many log-ins those that end first."""
    for sign_in in [*unit.sign_ins().values()]:
        if sign_in.is_over(unit.now_us) or _good(unit, sign_in.token_id) is None:
            unit.drop_sign_in(sign_in.id)
    own = [one for one in unit.sign_ins().values() if one.token_id == token.id]
    own.sort(key=lambda one: one.until_us)
    for sign_in in own[: max(len(own) - SIGN_INS_MAX + 1, 0)]:
        unit.drop_sign_in(sign_in.id)


def _forget_old(unit: Unit) -> None:
    grants = [*unit.device_grants().values()]
    is_full = len(grants) >= DEVICES_MAX
    for grant in grants:
        now_us = unit.now_us - (0 if is_full else _REMEMBERED_US)
        if grant.is_over(now_us) or (is_full and grant.state is GrantState.USED):
            unit.drop_device_grant(grant.id)


def _audit(
    unit: Unit, kind: AuditKind, token: Token, actor: str, reason: str | None = None
) -> None:
    details = json.dumps({"token_id": token.id, "name": token.name}, sort_keys=True)
    append_audit(unit, kind, actor, reason, details=details)
