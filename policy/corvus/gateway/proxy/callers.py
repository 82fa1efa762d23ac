"""Who makes a proxied call, and what it belongs to: its token first, then its headers (SES-1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from corvus.base.errors import ProjectRefused, TokenBound
from corvus.calls.refusal import Refusal
from corvus.gateway.asgi import Scope
from corvus.gateway.guards import TOKEN
from corvus.gateway.proxy.headers import OWN
from corvus.gateway.refusal import CallRefused
from corvus.governor.pricing import CallOptions
from corvus.model.request import LOCAL, Surface
from corvus.model.token import Claims, Token

HEADER_CHARACTERS_MAX = 200
"""Longest value of a header of ours, inclusive."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what the call belongs to.

    Attributes:
        session_id: ``None`` where the call names none: its driver has one for it (SES-1).
        surface: ``proxy``, or that of the command that started the proxy.
        user: The token's holder.
        principal: Id of the token; without one, the local user.
        resumes_mission: Whether the call resumes its mission if that has ended (MIS-5).
    """

    session_id: str | None
    surface: str = Surface.PROXY
    mission_id: str | None = None
    project: str | None = None
    agent: str | None = None
    user: str | None = None
    principal: str = LOCAL
    resumes_mission: bool = False

    def options(self, session_id: str) -> CallOptions:
        """Return what is said of the call.

        Args:
            session_id: Where the call names none.
        """
        return {
            "session_id": self.session_id or session_id,
            "surface": self.surface,
            "mission_id": self.mission_id,
            "project": self.project,
            "agent": self.agent,
            "user": self.user,
            "principal": self.principal,
            "resumes_mission": self.resumes_mission,
        }


def caller_of(scope: Scope) -> Caller:
    """Read who makes a call that has passed the guards.

    Raises:
        CallRefused: A header of ours is no short text, or contradicts the token.
    """
    headers = _own_headers(scope)
    token: Token | None = scope.get(TOKEN)
    named = _named(headers, token)
    return Caller(
        session_id=named.session,
        mission_id=named.mission,
        project=named.project,
        agent=named.agent,
        user=named.user,
        principal=token.id if token is not None else LOCAL,
        resumes_mission=_text(headers, "mission-resume") == "1",
    )


def _named(headers: Mapping[bytes, bytes], token: Token | None) -> Claims:
    """Return what a call belongs to: what its token is bound to, else what its headers say.

    Raises:
        CallRefused: They say something else than the token.
    """
    said = Claims(
        project=_text(headers, "project"),
        agent=_text(headers, "agent"),
        session=_text(headers, "session"),
        mission=_text(headers, "mission"),
    )
    try:
        return token.bind(said) if token is not None else said
    except (ProjectRefused, TokenBound) as refused:
        code = refused.code.replace("-", "_")
        raise CallRefused(Refusal(403, code, str(refused))) from None


def _own_headers(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers of ours.

    Raises:
        CallRefused: One came twice, so that it says two things.
    """
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        name = name.lower()
        if name.startswith(OWN) and headers.setdefault(name, value) != value:
            detail = f"send one {name.decode()} header"
            raise CallRefused(Refusal(400, "header_invalid", detail))
    return headers


def _text(headers: Mapping[bytes, bytes], name: str) -> str | None:
    """Return what a header of ours says, if it is plain text.

    Raises:
        CallRefused: It is not.
    """
    value = headers.get(f"x-corvus-{name}".encode())
    if value is None:
        return None
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or len(text) > HEADER_CHARACTERS_MAX:
        detail = f"x-corvus-{name} must be a text of 1 to {HEADER_CHARACTERS_MAX} characters"
        raise CallRefused(Refusal(400, "header_invalid", detail))
    return text
