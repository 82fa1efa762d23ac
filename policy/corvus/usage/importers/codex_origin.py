"""Which thread a thread of Codex came from, and who speaks in it, as its ``session_meta`` say.

Refuses nothing: what is not said is not known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from corvus.usage.importers.records import Object, object_at, text_at


@dataclass(slots=True)
class Origin:
    """The threads that a log names; the first is its own, each next one the parent of the last.

    Attributes:
        thread: Its own thread.
        oldest: The oldest thread it is known to come from; at first its own.
    """

    thread: str | None = None
    oldest: str | None = None
    _named: set[str] = field(default_factory=set[str])
    _parent: str | None = None

    @property
    def parent(self) -> str | None:
        """The thread it came from."""
        return self._parent

    def add(self, meta: Object) -> None:
        """Note a ``session_meta``: its own, or one that was copied with the history."""
        name = text_at(meta, "id")
        if name is None or name in self._named:
            return
        self._named.add(name)
        above = parent_of(meta)
        if self.thread is None:
            self.thread, self._parent = name, above if above != name else None
        elif self._parent is None:
            self._parent = name
        self.oldest = above or name


def parent_of(meta: Object) -> str | None:
    """Return the thread that a thread was forked from, or whose sub-agent it is."""
    spawned = object_at(object_at(object_at(meta, "source"), "subagent"), "thread_spawn")
    return text_at(meta, "forked_from_id", "parent_thread_id") or text_at(
        spawned, "parent_thread_id"
    )


def agent_of(meta: Object) -> str | None:
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
