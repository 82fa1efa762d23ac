"""What coding agents say of themselves in headers of their own: sessions and sub-agents (SES-3).

An id of a client attributes a call and authorises nothing. What cannot be an id is passed over, not
refused: the client did not write it for the gateway. The headers go on to the provider.

Source:
    Claude Code 2.1.197 and Codex 0.171.0 from npm, recorded by a local server on 2026-11-28.
    Claude Code sends ``x-claude-code-parent-agent-id`` only where one sub-agent starts another, and
    writes what is no ASCII in its ids with percent signs. A sub-agent of Codex keeps ``session-id``
    and has a ``thread-id`` of its own (github.com/openai/codex, ``responses_metadata.rs``, read on
    the same day); older versions wrote ``session_id``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

ID_CHARACTERS_MAX = 200
"""Longest id or other text in a header, inclusive."""

_Headers: TypeAlias = dict[bytes, bytes | None]
"""By name in lower case; ``None`` for one that says two things."""


class Stated(NamedTuple):
    """What a client says of a call; ``None`` says nothing.

    Attributes:
        agent: The client itself: ``claude-code`` or ``codex``.
        parent_subagent: The sub-agent that started the sub-agent; ``None`` is the client itself.
    """

    agent: str | None = None
    session: str | None = None
    subagent: str | None = None
    parent_subagent: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A client, and the names of its headers.

    Attributes:
        name: The agent of its calls.
        sessions: Headers with its session; the first that is there counts.
        marks: Where those are words that anybody may use: a call is of this client only with one of
            these next to them.
        subagent: Header with the id of the sub-agent; the id of the session is the client itself.
        parent: Header with the id of what started the sub-agent.
        kind: Header that says what a sub-agent is for that has no id of its own.
    """

    name: str
    sessions: tuple[bytes, ...]
    subagent: bytes
    parent: bytes
    marks: tuple[bytes, ...] = ()
    kind: bytes = b""

    def stated(self, headers: _Headers) -> Stated | None:
        """Return what a call says, where it is of this client."""
        if self.marks and not any(mark in headers for mark in self.marks):
            return None
        if not any(name in headers for name in self.sessions):
            return None
        session = next((text for name in self.sessions if (text := _id(headers, name))), None)
        subagent = _id(headers, self.subagent)
        if subagent is None or subagent == session:
            subagent = _id(headers, self.kind)
        parent = _id(headers, self.parent) if subagent is not None else None
        if parent in (session, subagent):
            parent = None
        return Stated(self.name, session, subagent, parent)


CLIENTS = (
    Client(
        "claude-code",
        (b"x-claude-code-session-id",),
        b"x-claude-code-agent-id",
        b"x-claude-code-parent-agent-id",
    ),
    Client(
        "codex",
        (b"session-id", b"session_id"),
        b"thread-id",
        b"x-codex-parent-thread-id",
        (b"originator", b"x-codex-turn-metadata", b"x-codex-window-id"),
        b"x-openai-subagent",
    ),
)
"""Every client whose headers are read."""


def stated_by_client(raw: Iterable[tuple[bytes, bytes]]) -> Stated:
    """Return what a call says in the headers of its client."""
    headers: _Headers = {}
    for name, value in raw:
        name = name.lower()
        if headers.setdefault(name, value) != value:
            headers[name] = None
    found = (client.stated(headers) for client in CLIENTS)
    return next((stated for stated in found if stated is not None), Stated())


def _id(headers: _Headers, name: bytes) -> str | None:
    value = headers.get(name)
    if value is None:
        return None
    try:
        text = unquote(value.decode(), errors="strict").strip()
    except UnicodeDecodeError:
        return None
    return text if is_id(text) else None


def is_id(text: str) -> bool:
    """Return whether a text of a header can be kept: 1 to 200 printable characters."""
    return text.isprintable() and 0 < len(text) <= ID_CHARACTERS_MAX
