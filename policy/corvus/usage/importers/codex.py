"""Reads session logs of Codex: JSON lines, one file per thread, ``rollout-<time>-<thread>.jsonl``.

There is no official description. The facts below were taken from public sources, read on
2026-11-26: openai/codex issues 3433, 5276, 33189 and 35463, ccusage issues 876, 884, 897, 950, 1288
and 1371, getagentseal/codeburn pull request 1383, cclank/tokei issue 23, farion1231/cc-switch issue
5184, robinebers/openusage pull request 1001, steipete/CodexBar issue 3524, and stablyai/orca issue
19139.

- Each line is ``{timestamp, type, payload}``. ``event_msg`` lines of type ``token_count`` carry the
  total of the thread and the usage of its last call; newer versions write a ``token_usage_record``
  for the same call before it, with the id of the response. All other lines are passed over.
- A ``token_count`` is repeated for each change of a rate limit: a call was made only where the
  total is another one. Where the last call is not stated, it is the difference of two totals.
- A fork, and a sub-agent that inherits its parent's context, begins with a copy of the parent's
  lines, often under new timestamps. So a call is known by its thread, the total after it and its
  own counts, never by its time. What a fork says that its parent's log said before the fork is a
  call of the parent: it counts once, under the earliest time that any copy states. Without the log
  of the parent all calls count as those of the oldest thread that is known of, so that several
  forks of one lost thread repeat nothing.
- A sub-agent has a thread of its own in the session of the thread that started it, which newer
  versions state as ``session_id``; ``git.branch`` is that of the start (Codex 0.171.0, tried on
  2026-11-28).
- ``cached_input_tokens`` are part of ``input_tokens``, and reasoning is part of output.
- The model is the one that the count itself states, else that of the ``turn_context`` before it,
  else that of the ``session_meta``.
- ``service_tier`` of a ``turn_context`` is what is asked for; ``fast`` is a name of ``priority``
  (openai/codex, ``codex-rs/protocol/src/config_types.rs``, read on 2026-11-28).
- The output of ``codex exec --json`` has the same calls without any time.

Refuses to guess a model: a call without one is recorded under ``unknown``, which has no price.
Refuses the output of ``codex exec --json``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from corvus.usage.importers.agents.codex_counters import NO_TOKENS, Counters, Tokens, Total
from corvus.usage.importers.agents.codex_origin import (
    Origin,
    parent_of,
    repository_of,
    role_of,
    seller_of_session,
    thread_of_file,
    tier_asked_for,
)
from corvus.usage.importers.importer import (
    NOTHING,
    BadRecord,
    CopySummary,
    Counts,
    Home,
    Importer,
    Layout,
    Object,
    OnBytes,
    count_at,
    object_at,
    text_at,
    write_records,
)
from corvus.usage.importers.lines import numbered_lines, object_of_line

_EXEC = (b'"thread.started"', b'"turn.started"', b'"turn.completed"')
_WANTED = (
    b'"token_count"',
    b'"token_usage_record"',
    b'"turn_context"',
    b'"session_meta"',
    b'"turn.completed"',
)
_TYPES = (*_WANTED, b'"event_msg"', b'"response_item"')
_BYTES_BETWEEN = 4 * 1024 * 1024


_NO_TIME = (
    "a turn of `codex exec --json`, which states no time; its calls are in the session's log: "
    "import ~/.codex/sessions"
)


def is_codex(head: bytes) -> bool:
    """Return whether a file that begins so is a session log of Codex."""
    is_log = b'"payload"' in head and b'"timestamp"' in head
    return head.startswith(b"{") and (
        (is_log and any(name in head for name in _TYPES)) or any(name in head for name in _EXEC)
    )


class _State(NamedTuple):
    """A total of a thread and the counts of its last call, as a log states them."""

    total: Total | None
    used: Tokens

    @property
    def digest(self) -> bytes:
        total = () if self.total is None else (*_known(self.total.tokens), self.total.whole)
        text = repr((total, _known(self.used)))
        return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _known(tokens: Tokens) -> tuple[int, ...]:
    """Return the counts that a call is known by, as earlier versions of this reader knew it."""
    return (tokens.input, tokens.output, tokens.cache_read, tokens.reasoning)


class _Maker(NamedTuple):
    """Which thread made a call, and when a log says so first."""

    owner: str
    at: str


@dataclass(frozen=True, slots=True)
class _Call:
    at: str
    state: _State
    """Its total is empty where the log states none; ``at`` or ``response`` tells calls apart."""
    payload: Object


class Threads:
    """The threads whose logs lie in the same folders; one of it serves a whole import."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, Path]] = {}
        self._calls: dict[Path, dict[bytes, _Maker]] = {}

    def write(self, path: Path, named: Path, target: Path, on_bytes: OnBytes) -> CopySummary:
        """Write the calls of a session log as records.

        Args:
            path: Where the content is.
            named: The file as the user named it; the logs of other threads are next to it.
            target: Where to write.
            on_bytes: Called now and then with how many bytes are read.

        Raises:
            OSError: The file cannot be read, or the copy not written.
        """
        copied = CopySummary()
        thread = _Thread(named, self)
        return write_records(_lines(path, thread, on_bytes, copied), target, copied)

    def log_of(self, thread: str, neighbour: Path) -> Path | None:
        """Return the log of a thread: ``sessions/YYYY/MM/DD``, archived ones, or one folder."""
        parents = neighbour.absolute().parents
        is_dated = len(parents) > 3 and all(parent.name.isdecimal() for parent in parents[:3])
        folder = parents[3] if is_dated else parents[0]
        if folder not in self._folders:
            found = list(folder.glob("**/*.jsonl" if is_dated else "*.jsonl"))
            other = {"sessions": "archived_sessions", "archived_sessions": "sessions"}
            if folder.name in other:
                found += folder.with_name(other[folder.name]).glob("**/*.jsonl")
            self._folders[folder] = {file.stem[-36:]: file for file in found}
        return self._folders[folder].get(thread)

    def calls_of(self, log: Path) -> dict[bytes, _Maker]:
        """Return the calls that a log tells of, by the digest of their state."""
        if log not in self._calls:
            self._calls[log] = {}  # a circle of parents ends here
            thread = _Thread(log, self)
            known = self._calls[log]
            for _, found in _lines(log, thread, lambda _: None, CopySummary()):
                if not isinstance(found, str):
                    _note(known, found, thread)
        return self._calls[log]


def _note(known: dict[bytes, _Maker], found: Iterator[Object], thread: _Thread) -> None:
    try:
        for record in found:
            digest = thread.latest.digest
            at = str(record["timestamp"])
            known.setdefault(digest, _Maker(thread.owner(thread.latest), at))
    except BadRecord:
        return  # reported where the log itself is read


def _lines(
    path: Path, thread: _Thread, on_bytes: OnBytes, copied: CopySummary
) -> Iterator[tuple[int, Iterator[Object] | str]]:
    read_bytes = told_bytes = 0
    for number, line in numbered_lines(path):
        read_bytes += len(line or b"") + 1
        if read_bytes - told_bytes > _BYTES_BETWEEN:
            told_bytes = read_bytes
            on_bytes(read_bytes)
        if line is not None and line.endswith(b"}") and not any(mark in line for mark in _WANTED):
            copied.other += 1
            continue
        found = object_of_line(line)
        yield number, found if isinstance(found, str) else thread.calls_of(found)


class _Thread:
    """Follows the lines of one log."""

    def __init__(self, path: Path, threads: Threads) -> None:
        self._path = path
        self._threads = threads
        self._origin = Origin(thread_of_file(path.name))
        self._meta: Object = NOTHING
        self._context: Object = NOTHING
        self._counters = Counters()
        self._inherited: dict[bytes, _Maker] | None = None
        self.latest = _State(None, NO_TOKENS)

    def calls_of(self, line: Object) -> Iterator[Object]:
        """Yield the call that a line reports, if it does."""
        kind, payload = text_at(line, "type"), object_at(line, "payload")
        if kind == "session_meta":
            self._origin.add(payload)
            self._meta = self._meta or {"timestamp": text_at(line, "timestamp"), **payload}
        elif kind == "turn_context":
            self._context = payload
        elif kind == "turn.completed" and "usage" in line:
            raise BadRecord(_NO_TIME)
        elif kind == "token_usage_record":
            total, used = object_at(payload, "thread_token_usage"), object_at(payload, "usage")
            yield from self._advanced(line, payload, total, used)
        elif kind == "event_msg" and payload.get("type") == "token_count":
            info = object_at(payload, "info")
            total, last = object_at(info, "total_token_usage"), object_at(info, "last_token_usage")
            yield from self._advanced(line, payload, total, last)

    def _advanced(
        self, line: Object, payload: Object, stated: Object, last: Object
    ) -> Iterator[Object]:
        """Yield a call if a total says that there was one."""
        total = _total(stated)
        latest = _tokens(last) if last else None
        if latest is not None:
            _fields(latest)  # what contradicts itself must not move a counter
        used = self._used(total, latest, payload)
        if used != NO_TOKENS:
            yield self._record(line, payload, _State(total, latest or used), used)

    def _used(self, total: Total | None, latest: Tokens | None, payload: Object) -> Tokens:
        if total is None:
            return NO_TOKENS if latest in (None, NO_TOKENS) else self._counters.take_last(latest)
        is_inherited = not self._counters.has_begun and self._origin.parent is not None
        if latest is None and is_inherited:
            self._counters.begin_with(total)
            return NO_TOKENS
        limit = text_at(object_at(payload, "rate_limits"), "limit_id")
        return self._counters.take(total, latest, limit)

    def _record(self, line: Object, payload: Object, state: _State, used: Tokens) -> Object:
        at = text_at(line, "timestamp")
        if at is None:
            raise BadRecord("a count of tokens without timestamp")
        self.latest = state
        response = text_at(payload, "response_id")
        identity = state.digest.hex() if state.total else f"{response or at}:{state.digest.hex()}"
        return {
            "id": f"{self.owner(state)}:{identity}",
            "timestamp": at,
            "model": self._model(payload),
            "provider": seller_of_session(text_at(self._meta, "model_provider")),
            "project": text_at(self._context, "cwd") or text_at(self._meta, "cwd"),
            "agent": "codex",
            "service_tier": tier_asked_for(text_at(self._context, "service_tier")),
            **repository_of(object_at(self._meta, "git")),
            **self._place(),
            "provider_request_id": response,
            "is_fork": parent_of(self._meta) is not None,
            "client": f"codex {text_at(self._meta, 'cli_version') or '?'}",
            "fork": "true" if text_at(self._meta, "forked_from_id") else None,
            **_fields(used),
        }

    def _place(self) -> Object:
        """Return the session and sub-agent of the calls, as the headers of Codex have them too."""
        role, parent = role_of(self._meta), parent_of(self._meta)
        session = text_at(self._meta, "session_id")
        if role is None and session in (None, self._id):
            return {"session_id": self._id}
        session = session or parent or self._id
        return {
            "session_id": session,
            "subagent": self._id,
            "parent_subagent": parent if parent != session else None,
            "role": role,
        }

    def owner(self, state: _State) -> str:
        """Return the thread that made a call: this one, or one that it was forked from."""
        parent = self._origin.parent
        if parent is None:
            return self._id
        if self._inherited is None:
            log = self._threads.log_of(parent, self._path)
            if log is None or log == self._path.absolute():
                return self._origin.oldest or self._id
            self._inherited = self._threads.calls_of(log)
        known = self._inherited.get(state.digest)
        created = text_at(self._meta, "timestamp")
        if known is None or (created is not None and known.at > created):
            return self._id
        return known.owner

    def _model(self, payload: Object) -> str:
        info = object_at(payload, "info")
        return (
            text_at(info, "model")
            or text_at(payload, "model")
            or text_at(self._context, "model", "model_name")
            or text_at(object_at(self._context, "metadata"), "model")
            or text_at(self._meta, "model")
            or "unknown"
        )

    @property
    def _id(self) -> str:
        return self._origin.thread or self._path.name.removesuffix(".gz").removesuffix(".jsonl")


def _total(usage: Object) -> Total | None:
    """Return a total of a thread, if one is stated."""
    if not usage:
        return None
    tokens = _tokens(usage)
    stated = count_at(usage, "total_tokens")
    return Total(tokens, tokens.size if stated is None else stated)


def _tokens(usage: Object) -> Tokens:
    return Tokens(
        input=count_at(usage, "input_tokens") or 0,
        output=count_at(usage, "output_tokens") or 0,
        cache_read=count_at(usage, "cached_input_tokens", "cache_read_input_tokens") or 0,
        cache_write=count_at(usage, "cache_write_input_tokens") or 0,
        reasoning=count_at(usage, "reasoning_output_tokens") or 0,
    )


def _fields(tokens: Tokens) -> dict[str, object]:
    """Return the counts of a record.

    Raises:
        BadRecord: A part is more than what includes it.
    """
    counts = Counts(
        input=tokens.input,
        output=tokens.output,
        cache_read=tokens.cache_read,
        cache_write_5m=tokens.cache_write,
        reasoning=tokens.reasoning,
    )
    return counts.disjoint()


IMPORTER = Importer(
    name="codex",
    suffixes={".jsonl"},
    layouts={Layout.LINES},
    recognise=is_codex,
    copier=lambda: Threads().write,
    tags=("client", "fork", "role", "git.branch", "git.commit", "git.repository"),
    home=Home("Codex", "~/.codex/sessions", "~/.codex", "CODEX_HOME"),
)
