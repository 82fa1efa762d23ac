"""Reads sessions of GitHub Copilot CLI: ``~/.copilot/session-state/<session>/events.jsonl``.

Versions differ in where they state tokens. ``assistant.usage``, and ``usage`` of an
``assistant.message``, stand for one call. ``session.shutdown`` has sums for each model since the
session began, also when the session is resumed: what they have grown by since the shutdown before
is one record of so many calls. Where single calls are stated the sums repeat them and do not count.
A session that was not shut down states output alone; nothing of it is counted, and the import says
so.

Cached tokens stand inside the input and reasoning inside the output, unless they are more than it.
GitHub bills requests or credits and not tokens, so no cost is stated. The program sends and gets
text, so its tokens are text. Its OpenTelemetry files (``~/.copilot/otel``) are read as ``otel``:
import one of the two.

Refuses Copilot's usage metrics and billing reports of requests: they count no tokens.

Source: docs.github.com, "REST API endpoints for Copilot metrics"; github.com/github/copilot-sdk
(``session-events``), and session files in public repositories, read on 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import cast

from corvus.base.errors import ImportRefused
from corvus.usage.importers.agents.sessions import copier_of
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    NOTHING,
    Counts,
    Home,
    Importer,
    Layout,
    Notice,
    Object,
    count_at,
    object_at,
    text_at,
)
from corvus.usage.importers.reading.heads import first_keys

_EVENT = {"type", "data", "id", "timestamp", "parentId"}
_METRICS = {
    "copilot_ide_chat",
    "copilot_ide_code_completions",
    "total_engaged_users",
    "user_initiated_interaction_count",
    "code_generation_activity_count",
}
_MARKS = (b'"parentId"', *(f'"{name}"'.encode() for name in sorted(_METRICS)))
_REQUESTS = ({"Requests Used", "Model"}, {"sku", "unit_type", "gross_amount"})
_NO_TOKENS = (
    "GitHub's Copilot metrics and billing reports count users, suggestions or requests, and no "
    "tokens; import the session files of Copilot CLI or its OpenTelemetry"
)
_UNFINISHED = (
    "a session that was not shut down states the tokens of its output alone: not counted until "
    "it ends"
)
_NAMES = {
    "input": ("inputTokens", "prompt_tokens", "input_tokens"),
    "output": ("outputTokens", "completion_tokens", "output_tokens"),
    "read": ("cacheReadTokens", "cache_read_input_tokens", "cached_tokens"),
    "written": ("cacheWriteTokens", "cache_creation_input_tokens"),
    "reasoning": ("reasoningTokens", "reasoning_tokens"),
}


def is_copilot(head: bytes) -> bool:
    """Return whether a JSON file that begins so is of Copilot."""
    if not any(mark in head for mark in _MARKS):
        return False
    keys = first_keys(head)
    return keys >= _EVENT or bool(keys & _METRICS)


def is_copilot_report(columns: AbstractSet[str]) -> bool:
    """Return whether a CSV file with these columns is a report of requests."""
    return any(columns >= marks for marks in _REQUESTS)


class _Session:
    """What is known of a session so far.

    Attributes:
        _sums: Counts that the last shutdown stated, by model.
        _has_calls: Whether single calls are stated.
        _unfinished: Whether output was stated since the last shutdown.
    """

    def __init__(self) -> None:
        self._start: Object = NOTHING
        self._model: str | None = None
        self._sums: dict[str, tuple[int, ...]] = {}
        self._has_calls = False
        self._unfinished = False

    def take(self, found: Object) -> Iterator[Object]:
        """Yield the calls of an event.

        Raises:
            BadRecord: A count is none.
            ImportRefused: The file counts no tokens.
        """
        if not {"type", "data"} <= found.keys():
            raise ImportRefused(_NO_TOKENS)
        data = object_at(found, "data")
        match text_at(found, "type"):
            case "session.start" | "session.resume":
                self._start = data
                self._model = text_at(data, "selectedModel", "model") or self._model
            case "session.model_change":
                self._model = text_at(data, "newModel") or self._model
            case "assistant.usage":
                yield from self._single(found, data, data)
            case "assistant.message":
                yield from self._message(found, data)
            case "session.shutdown":
                self._unfinished = False
                yield from self._sum(found, data)
            case _:
                pass

    def end(self) -> Iterator[Notice]:
        """Yield that the session has not ended, where its input is not known before."""
        if self._unfinished and not self._has_calls:
            yield Notice(_UNFINISHED)

    def _message(self, event: Object, data: Object) -> Iterator[Object]:
        usage = object_at(data, "usage")
        if usage:
            yield from self._single(event, data, usage)
        elif count_at(data, "outputTokens") or 0:
            self._unfinished = True

    def _single(self, event: Object, data: Object, usage: Object) -> Iterator[Object]:
        counts = _counts(usage)
        if not any(counts):
            return
        self._has_calls = True
        yield self._record(event, text_at(data, "model") or self._model, counts, 1, "")

    def _sum(self, event: Object, data: Object) -> Iterator[Object]:
        for model, metrics in object_at(data, "modelMetrics").items():
            found = cast("Object", metrics) if isinstance(metrics, dict) else NOTHING
            requests = count_at(object_at(found, "requests"), "count") or 0
            stated = (*_counts(object_at(found, "usage")), requests)
            before = self._sums.get(model, (0,) * len(stated))
            grown = tuple(now - then for now, then in zip(stated, before, strict=True))
            if min(grown) < 0:
                grown = stated  # it began again
            self._sums[model] = stated
            *counts, calls = grown
            if any(counts) and not self._has_calls:
                yield self._record(event, model, tuple(counts), max(calls, 1), f":{model}")

    def _record(
        self, event: Object, model: str | None, counts: tuple[int, ...], calls: int, suffix: str
    ) -> dict[str, object]:
        context = object_at(self._start, "context")
        session, branch = text_at(self._start, "sessionId"), text_at(context, "branch")
        return {
            "id": f"{session}:{text_at(event, 'id')}{suffix}",
            "timestamp": text_at(event, "timestamp"),
            "model": model,
            "calls": calls,
            "provider": "github-copilot",
            "session_id": session,
            "project": text_at(context, "gitRoot", "cwd"),
            "agent": "copilot",
            "branch": branch,
            "client": "copilot-cli",
            "git.branch": branch,
            "git.repository": text_at(context, "repository"),
            "states_modalities": True,
            **_inclusive(counts).disjoint(),
        }


def _counts(usage: Object) -> tuple[int, ...]:
    return tuple(count_at(usage, *names) or 0 for names in _NAMES.values())


def _inclusive(counts: tuple[int, ...]) -> Counts:
    entered, produced, read, written, reasoning = counts
    cached = read + written
    return Counts(
        input=entered if cached <= entered else entered + cached,
        output=produced if reasoning <= produced else produced + reasoning,
        cache_read=read,
        cache_write_5m=written,
        reasoning=reasoning,
    )


IMPORTER = Importer(
    name="copilot",
    suffixes={".jsonl", ".json"} | CSV_SUFFIXES,
    layouts={Layout.LINES, Layout.DOCUMENT, Layout.CSV},
    recognise=is_copilot,
    recognise_columns=is_copilot_report,
    copier=copier_of(_Session),
    tags=("client", "git.branch", "git.repository"),
    home=Home("Copilot CLI", "~/.copilot/session-state", "~/.copilot", "COPILOT_HOME"),
)
