"""Whose calls a Codex log has: the thread of its own, and those that it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from corvus.base.repository_url import public_url
from corvus.prices.names import provider_id, tier_of
from corvus.usage.importers.importer import Object, object_at, text_at

_ROLLOUT = re.compile(r"rollout-.*-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl(?:\.gz)?")


def thread_of_file(name: str) -> str | None:
    """Return the thread that a log is of by the name of its file."""
    named = _ROLLOUT.fullmatch(name)
    return named[1] if named else None


@dataclass(slots=True)
class Origin:
    """The threads that a log names; the first is its own, each next one the parent of the last.

    Attributes:
        thread: Its own thread.
        parent: The thread it came from.
        oldest: The oldest thread it is known to come from; at first its own.
        file_thread: The thread that the name of the file states, until it is known; a log without
            an id of its own may name that of the whole session.
    """

    file_thread: str | None = None
    thread: str | None = None
    oldest: str | None = None
    parent: str | None = None
    _named: set[str] = field(default_factory=set[str])

    def add(self, meta: Object) -> None:
        """Note a ``session_meta``: its own, or one that was copied with the history."""
        name = text_at(meta, "id") or self.file_thread or text_at(meta, "session_id")
        self.file_thread = None
        if name is None or name in self._named:
            return
        self._named.add(name)
        above = parent_of(meta)
        if self.thread is None:
            self.thread, self.parent = name, above if above != name else None
        elif self.parent is None:
            self.parent = name
        self.oldest = above or name


def parent_of(meta: Object) -> str | None:
    """Return the thread that a thread was forked from, or whose sub-agent it is."""
    spawned = object_at(object_at(object_at(meta, "source"), "subagent"), "thread_spawn")
    return text_at(meta, "forked_from_id", "parent_thread_id") or text_at(
        spawned, "parent_thread_id"
    )


def role_of(meta: Object) -> str | None:
    """Return the role of a sub-agent; the main conversation has none."""
    source = object_at(meta, "source")
    if "subagent" not in source and text_at(meta, "thread_source") != "subagent":
        return None
    spawned = object_at(object_at(source, "subagent"), "thread_spawn")
    return (
        text_at(spawned, "agent_role", "agent_nickname")
        or text_at(meta, "agent_role", "agent_nickname")
        or text_at(source, "subagent")
        or "subagent"
    )


def repository_of(git: Object) -> Object:
    """Return what a log says of the repository, at the start of its session."""
    url = text_at(git, "repository_url")
    return {
        "branch": text_at(git, "branch"),
        "git.branch": text_at(git, "branch"),
        "git.commit": text_at(git, "commit_hash"),
        "git.repository": public_url(url) if url else None,
    }


def seller_of_session(provider: str | None) -> str:
    """Return who bills; a run of corvus calls OpenAI under a name of its own."""
    return "openai" if provider in {None, "corvus"} else provider_id(str(provider))


def tier_asked_for(name: str | None) -> str | None:
    """Return the tier of OpenAI that a setting asks for: ``fast`` is its ``priority``."""
    return tier_of("priority" if name == "fast" else name)
