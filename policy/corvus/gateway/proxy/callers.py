"""Who makes a proxied call, and what it belongs to (SES-1, SES-3).

What its token is bound to comes first, then the headers of ours, then those by which its client
names its own session and sub-agents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypedDict

from corvus.base.errors import ProjectRefused, TokenBound
from corvus.calls.refusal import Refusal
from corvus.gateway.asgi import Scope
from corvus.gateway.guards import TOKEN
from corvus.gateway.proxy.clients import ID_CHARACTERS_MAX, Stated, is_id, stated_by_client
from corvus.gateway.proxy.headers import OWN
from corvus.gateway.refusal import CallRefused
from corvus.governor.options import CallOptions
from corvus.model.request import LOCAL, Surface
from corvus.model.token import Claims, Token

TAGS_MAX = 50
"""Most tags of one call, inclusive."""

_TAG = OWN + b"tag-"
_MAY_BE_EMPTY = ("branch",)
"""What a shell may leave empty: a repository that is on no branch."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what the call belongs to.

    Attributes:
        session_id: ``None`` where the call names none: its driver has one for it (SES-1).
        surface: ``proxy``, or that of the command that started the proxy.
        user: The token's holder.
        subagent: The agent inside the agent that makes the call.
        parent_subagent: The sub-agent that started it; ``None`` is the agent itself.
        token: Name of the token.
        branch: Branch of the repository that the call works on.
        tags: Free-form pairs, by key.
        principal: Id of the token; without one, the local user.
        resumes_mission: Whether the call resumes its mission if that has ended (MIS-5).
    """

    session_id: str | None
    surface: str = Surface.PROXY
    mission_id: str | None = None
    project: str | None = None
    agent: str | None = None
    user: str | None = None
    subagent: str | None = None
    parent_subagent: str | None = None
    token: str | None = None
    branch: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
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
            "subagent": self.subagent,
            "parent_subagent": self.parent_subagent,
            "token": self.token,
            "branch": self.branch,
            "tags": dict(self.tags),
            "principal": self.principal,
            "resumes_mission": self.resumes_mission,
        }

    def joined_by(self, scope: Scope) -> Caller:
        """Return who makes a call of a run, whose session, mission and tags are those of the run.

        Raises:
            CallRefused: A header of ours is no short text.
        """
        headers, stated = _own_headers(scope), stated_by_client(scope["headers"])
        return replace(
            self,
            agent=_text(headers, "agent") or stated.agent,
            branch=_text(headers, "branch") or self.branch,
            tags=tuple(sorted((dict(_tags(headers)) | dict(self.tags)).items())),
            **_subagent(headers, stated),
        )


def caller_of(scope: Scope) -> Caller:
    """Read who makes a call that has passed the guards.

    Raises:
        CallRefused: A header of ours is no short text, or contradicts the token.
    """
    headers, stated = _own_headers(scope), stated_by_client(scope["headers"])
    token: Token | None = scope.get(TOKEN)
    named = _named(headers, token)
    return Caller(
        session_id=named.session or stated.session,
        mission_id=named.mission,
        project=named.project,
        agent=named.agent or stated.agent,
        user=named.user,
        token=token.name if token is not None else None,
        branch=_text(headers, "branch"),
        tags=_tags(headers),
        principal=token.id if token is not None else LOCAL,
        resumes_mission=_text(headers, "mission-resume") == "1",
        **_subagent(headers, stated),
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


class _Subagent(TypedDict):
    subagent: str | None
    parent_subagent: str | None


def _subagent(headers: Mapping[bytes, bytes], stated: Stated) -> _Subagent:
    """Return which sub-agent makes a call: the headers of ours together, else the client's."""
    own = _text(headers, "subagent")
    parent = _text(headers, "parent-subagent")
    if own is None:
        return {"subagent": stated.subagent, "parent_subagent": parent or stated.parent_subagent}
    return {"subagent": own, "parent_subagent": parent}


def _tags(headers: Mapping[bytes, bytes]) -> tuple[tuple[str, str], ...]:
    """Return the tags of a call: ``x-corvus-tag-team: search``; keys are in lower case.

    Raises:
        CallRefused: One is no short text, or there are too many.
    """
    names = sorted(name for name in headers if name.startswith(_TAG) and name != _TAG)
    if len(names) > TAGS_MAX:
        raise CallRefused(Refusal(400, "header_invalid", f"a call has at most {TAGS_MAX} tags"))
    said = ((name.removeprefix(_TAG).decode(), _value(headers, name)) for name in names)
    return tuple((key, value) for key, value in said if value is not None)


def _text(headers: Mapping[bytes, bytes], name: str) -> str | None:
    """Return what a header of ours says, if it is plain text.

    Raises:
        CallRefused: It is not.
    """
    return _value(headers, OWN + name.encode(), may_be_empty=name in _MAY_BE_EMPTY)


def _value(
    headers: Mapping[bytes, bytes], name: bytes, *, may_be_empty: bool = False
) -> str | None:
    value = headers.get(name)
    if value is None or (may_be_empty and not value.strip()):
        return None
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not is_id(text):
        shown = name.decode("latin-1")
        detail = f"{shown} must be a text of 1 to {ID_CHARACTERS_MAX} characters"
        raise CallRefused(Refusal(400, "header_invalid", detail))
    return text
