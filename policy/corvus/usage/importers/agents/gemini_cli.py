"""Reads sessions of Gemini CLI, as it keeps them under ``~/.gemini/tmp/<project>/chats``.

A session is one JSON document, or since 2026 JSON lines: a first line that names the session, and a
line for each message, repeated when more of it is known. A message of the type ``gemini`` is a
call. Its ``input`` includes what was cached; thoughts stand next to the output and tokens of tool
results next to the input, and ``total`` is the sum of all. A project is known by its hash.

The program sends and gets text, so its tokens are text. It states no costs. Its telemetry is read
as ``otel``: import one of the two, for they have no id in common.

Source: github.com/google-gemini/gemini-cli, ``packages/core/src/services/chatRecordingService.ts``,
and session files in public repositories, read on 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator

from corvus.usage.importers.agents.sessions import copier_of
from corvus.usage.importers.importer import (
    Home,
    Importer,
    Layout,
    Notice,
    Object,
    count_at,
    object_at,
    objects_at,
    text_at,
)
from corvus.usage.importers.reading.heads import first_keys
from corvus.usage.importers.reading.unread import doubt, unread_counts
from corvus.usage.importers.telemetry.counts import disjoint
from corvus.usage.importers.telemetry.spellings import Field
from corvus.usage.importers.telemetry.stated_counts import Stated

_COUNTS = {
    "input": Field.INPUT,
    "output": Field.OUTPUT,
    "cached": Field.CACHE_READ,
    "thoughts": Field.THOUGHTS,
    "tool": Field.TOOL_INPUT,
    "total": Field.TOTAL,
}


def is_gemini_cli(head: bytes) -> bool:
    """Return whether a JSON file that begins so is a session of Gemini CLI."""
    return b'"projectHash"' in head and {"sessionId", "projectHash"} <= first_keys(head)


class _Session:
    """What the lines before a message say of it."""

    def __init__(self) -> None:
        self._session: Object = {}

    def take(self, found: Object) -> Iterator[Object | Notice]:
        """Yield the calls of a document, or of a line.

        Raises:
            BadRecord: A count is none.
        """
        if "projectHash" in found:
            self._session = found
        for message in [*objects_at(found, "messages"), found]:
            tokens = object_at(message, "tokens")
            if text_at(message, "type") == "gemini" and tokens:
                yield from self._call(message, tokens)

    def end(self) -> Iterator[Notice]:
        """Yield nothing: every message stands for itself."""
        yield from ()

    def _call(self, message: Object, tokens: Object) -> Iterator[Object | Notice]:
        unread = unread_counts(tokens, _COUNTS, "tokens")
        yield from map(doubt, unread)
        counts = {field: count_at(tokens, name) or 0 for name, field in _COUNTS.items()}
        used = Stated(counts)
        if used.is_zero:
            return
        session = text_at(self._session, "sessionId")
        yield {
            "id": f"{session}:{text_at(message, 'id')}",
            "timestamp": text_at(message, "timestamp"),
            "model": text_at(message, "model"),
            "provider": "google",
            "session_id": session,
            "agent": "gemini-cli",
            "client": "gemini-cli",
            "project_hash": text_at(self._session, "projectHash"),
            **disjoint(used),
            "states_modalities": True,
            "unknown_cost": bool(unread) or None,
        }


IMPORTER = Importer(
    name="gemini-cli",
    suffixes={".json", ".jsonl"},
    layouts={Layout.LINES, Layout.DOCUMENT},
    recognise=is_gemini_cli,
    copier=copier_of(_Session),
    tags=("client", "project_hash"),
    home=Home("Gemini CLI", "~/.gemini/tmp", "~", "GEMINI_CLI_HOME"),
)
