"""What coding agents say of themselves in headers of their own: sessions and agents (SES-3).

An id of a client attributes a call and authorises nothing. What cannot be an id is passed over, not
refused: the client did not write it for the gateway. The headers go on to the provider.

A sub-agent is the agent of its calls, by the name that its client gives it, and their sub-agent as
well, by the client's id: so both ``where agent = ...`` and the tree of a session find it.

Source:
    Claude Code 2.1.197 and Codex 0.171.0 from npm, recorded by a local server on 2026-11-28.
    Claude Code sends ``x-claude-code-parent-agent-id`` only where one sub-agent starts another, and
    writes what is no ASCII in its ids with percent signs. A sub-agent of Codex keeps ``session-id``
    and has a ``thread-id`` of its own (github.com/openai/codex, ``responses_metadata.rs``, read on
    the same day); older versions wrote ``session_id``. ``x-codex-turn-metadata`` is an object whose
    ``agent_name`` is ``/root`` for Codex itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
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
        agent: What makes the call: the sub-agent as its client names it, else the client itself,
            ``claude-code`` or ``codex``.
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
        name: The agent of its calls where it names none.
        sessions: Headers with its session, unchanged; the first that is there counts.
        marks: Headers that only this client sends together: with one of these sets a call is its.
        subagent: Header with the id of the sub-agent; the id of the session is the client itself.
        parent: Header with the id of what started the sub-agent.
        kind: Header that says what a sub-agent is for that has no id of its own.
        agent: Returns how the client names what makes the call, from its headers.
    """

    name: str
    sessions: tuple[bytes, ...]
    marks: tuple[frozenset[bytes], ...]
    subagent: bytes
    parent: bytes
    agent: Callable[[_Headers], str | None]
    kind: bytes = b""

    def stated(self, headers: _Headers) -> Stated | None:
        """Return what a call says, where it is of this client."""
        if not any(mark <= headers.keys() for mark in self.marks):
            return None
        sessions = (_text(headers, name) for name in self.sessions)
        session = next((text for text in sessions if text), None)
        subagent = _id(headers, self.subagent)
        if subagent is None or subagent == session:
            subagent = _id(headers, self.kind)
        parent = _id(headers, self.parent) if subagent is not None else None
        if parent in (session, subagent):
            parent = None
        return Stated(self.agent(headers) or self.name, session, subagent, parent)


_METADATA = b"x-codex-turn-metadata"


def _agent_of_codex(headers: _Headers) -> str | None:
    """Return the ``agent_name`` of what Codex says of a turn; of two names, none."""
    try:
        said = json.loads(headers.get(_METADATA) or b"{}", object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        return None
    names = said.named("agent_name") if isinstance(said, _Members) else []
    name = names[0] if len(names) == 1 else None
    return name if isinstance(name, str) and is_id(name) else None


@dataclass(frozen=True, slots=True)
class _Members:
    """An object of JSON, with members that came twice."""

    pairs: list[tuple[str, object]]

    def named(self, name: str) -> list[object]:
        return [value for key, value in self.pairs if key == name]


CLIENTS = (
    Client(
        "claude-code",
        (b"x-claude-code-session-id",),
        (frozenset([b"x-claude-code-session-id"]), frozenset([b"x-claude-code-agent-id"])),
        b"x-claude-code-agent-id",
        b"x-claude-code-parent-agent-id",
        lambda headers: _id(headers, b"x-claude-code-agent-id"),
    ),
    Client(
        "codex",
        (b"session-id", b"session_id"),
        (
            frozenset([_METADATA]),
            frozenset([b"x-codex-window-id"]),
            frozenset([b"originator", b"session-id"]),
            frozenset([b"originator", b"session_id"]),
        ),
        b"thread-id",
        b"x-codex-parent-thread-id",
        _agent_of_codex,
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
    """Return an id, of which a client writes with percent signs what is no ASCII."""
    text = _text(headers, name)
    if text is None:
        return None
    try:
        plain = unquote(text, errors="strict").strip()
    except UnicodeDecodeError:
        return None
    return plain if is_id(plain) else None


def _text(headers: _Headers, name: bytes) -> str | None:
    """Return an id as it came; ``None`` where it is none, or says two things."""
    try:
        text = (headers.get(name) or b"").decode().strip()
    except UnicodeDecodeError:
        return None
    return text if is_id(text) else None


def is_id(text: str) -> bool:
    """Return whether a text of a header can be kept: 1 to 200 printable characters."""
    return text.isprintable() and 0 < len(text) <= ID_CHARACTERS_MAX
