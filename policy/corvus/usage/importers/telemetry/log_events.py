"""Calls in the telemetry of coding agents, which has names of its own.

- Claude Code: log ``claude_code.api_request`` and span ``claude_code.llm_request``. Counts are
  disjoint, as Anthropic counts; ``cost_usd`` is the client's own estimate from list prices, and
  never stands above a price of the book.
- Gemini CLI and Qwen Code: log ``….api_response``. Cached tokens stand inside the input; thoughts
  and tokens of tool use stand next to input and output. Gemini CLI says the same again in an event
  of the conventions, which is passed over.
- Codex: logs with token counts, such as ``codex.sse_event`` of the kind ``response.completed``.
  Cached and reasoning tokens stand inside; ``tool_token_count`` is the total.

These programs send and get text, so their tokens are text: ``states_modalities``.

Sources, read on 2026-11-28: code.claude.com/docs/en/monitoring-usage; google-gemini/gemini-cli,
``packages/core/src/telemetry/types.ts``; openai/codex, ``codex-rs/otel``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from corvus.usage.importers.importer import Counts, Object, count_at, text_at
from corvus.usage.importers.telemetry.shapes import Signal

_RESTATING = "gen_ai.client.inference.operation.details"


@dataclass(frozen=True, slots=True)
class Program:
    """A program whose telemetry has names of its own.

    Attributes:
        client: Its name, for the tag ``client``.
        events: Names of the log records and spans that stand for a call.
        counts: Reads the counts of one.
        names: The attributes that are counts and are read, or repeat them.
        provider: Who bills, unless the model's id says another.
    """

    client: str
    events: frozenset[str]
    counts: Callable[[Object], Counts]
    names: frozenset[str]
    provider: str | None = None


def program_of(signal: Signal) -> Program | None:
    """Return whose names a call has; nothing for the names of instrumentations."""
    return _BY_EVENT.get(_full_name(signal))


def repeats_another(signal: Signal) -> bool:
    """Return whether an event says again what the program's own event says."""
    return signal.name == _RESTATING and _service(signal) in _SERVICES


def identity(signal: Signal) -> str | None:
    """Return the id of a call; the log record and the span of one call share it."""
    attributes = signal.attributes
    request = text_at(attributes, "request_id", "response_id", "response.id")
    if request:
        return f"request:{request}"
    place = (
        text_at(attributes, "session.id", "conversation.id"),
        text_at(attributes, "prompt_id", "prompt.id", "event.sequence"),
        text_at(attributes, "event.timestamp") or signal.started,
    )
    return ":".join(("log", *(part or "" for part in place)))


def estimated_cost(attributes: Object) -> str | None:
    """Return what the client itself reckons that the call cost, in USD; 0 is no cost."""
    cost = text_at(attributes, "cost_usd")
    return cost if cost and cost.strip("0.") else None


def _full_name(signal: Signal) -> str:
    if "." in signal.name:
        return signal.name
    return f"{_service(signal).replace('-', '_')}.{signal.name}"


def _service(signal: Signal) -> str:
    return (text_at(signal.resource, "service.name") or "").lower()


_CLAUDE = (
    ("cache_read_tokens", "cache_read_input_tokens"),
    ("cache_creation_tokens", "cache_creation_input_tokens"),
    ("input_tokens",),
    ("output_tokens",),
)
_GEMINI = (
    ("input_token_count",),
    ("output_token_count",),
    ("cached_content_token_count",),
    ("thoughts_token_count",),
    ("tool_token_count",),
)
_CODEX = (
    ("input_token_count",),
    ("output_token_count",),
    ("cached_token_count",),
    ("cache_write_token_count",),
    ("reasoning_token_count",),
)
_TOTALS = ("total_token_count", "tool_token_count", "total_tokens")


def _claude(attributes: Object) -> Counts:
    read, written, plain, output = _counts(attributes, _CLAUDE)
    return Counts(
        input=plain + read + written, output=output, cache_read=read, cache_write_5m=written
    )


def _gemini(attributes: Object) -> Counts:
    entered, output, read, thoughts, tool = _counts(attributes, _GEMINI)
    return Counts(
        input=entered + tool, output=output + thoughts, cache_read=read, reasoning=thoughts
    )


def _codex(attributes: Object) -> Counts:
    return Counts(*_counts(attributes, _CODEX[:4]), reasoning=_counts(attributes, _CODEX[4:])[0])


def _counts(attributes: Object, names: Sequence[tuple[str, ...]]) -> list[int]:
    return [count_at(attributes, *alike) or 0 for alike in names]


def _names(read: Sequence[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(name for alike in read for name in alike) | frozenset(_TOTALS)


_PROGRAMS = (
    Program(
        "claude-code",
        frozenset({"claude_code.api_request", "claude_code.llm_request"}),
        _claude,
        _names(_CLAUDE),
        "anthropic",
    ),
    Program(
        "gemini-cli", frozenset({"gemini_cli.api_response"}), _gemini, _names(_GEMINI), "google"
    ),
    Program(
        "qwen-code",
        frozenset({"qwen-code.api_response", "qwen_code.api_response"}),
        _gemini,
        _names(_GEMINI),
    ),
    Program(
        "codex",
        frozenset({"codex.sse_event", "codex.websocket_event", "codex.api_request"}),
        _codex,
        _names(_CODEX),
        "openai",
    ),
)
_BY_EVENT: Mapping[str, Program] = {
    event: program for program in _PROGRAMS for event in program.events
}
_SERVICES = {program.client for program in _PROGRAMS}
