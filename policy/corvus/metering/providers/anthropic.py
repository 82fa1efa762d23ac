"""Reads what Anthropic's Messages API says about usage (PRX-3).

- Counts come with ``message_start`` and again with each ``message_delta``; they are totals, so the
  largest that is stated counts, field by field. With server tools the input of the last delta can
  be a hundred times that of the start; with some compatible vendors it is 0. Where ``iterations``
  come along, the totals that come with them count as they are, for a context that was shortened
  has less input in the end. A second ``message_start`` is passed over.
- ``input_tokens`` excludes cache reads and cache writes. Writes without a split by lifetime are
  5-minute writes. ``thinking_tokens`` are inside ``output_tokens``.
- ``iterations`` lists the requests behind one answer, each with its own context and perhaps its own
  model. The top-level counts hold neither those of an advisor nor those of a compaction; where the
  answer's own requests add up to them at least, each request is a part of its own.
- Searches have a price by use, fetches are free. Code that runs in a container is billed by time,
  which no count shows, and so may other tools be: the cost is a lower bound then (PRC-9).
- Claude reads pictures as tokens of text and writes nothing but text. OpenRouter states its cost
  in this API, too.
- ``speed: fast`` and the tiers ``batch`` and ``priority`` have prices of their own.
- Only the events that are known by their ``type`` are read; others may carry a ``usage`` that means
  something else.

Source:
    The anthropic package 2.14, ``types/beta/beta_*usage.py`` and ``lib/streaming``, read
    2026-11-26. For the longest answers platform.claude.com/docs (models overview), for pictures
    platform.claude.com/docs/en/build-with-claude/vision (28 px patches; at most 1,568 tokens, from
    Opus 4.7 on 4,784), read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from corvus.metering import claude_models
from corvus.metering.facts import Json, as_object, count, grown, member, objects, text_or_none
from corvus.metering.pictures import PATCHES, Vision
from corvus.metering.provider import Endpoint, Fault, FreePath, Provider, error_event
from corvus.metering.sse import LIMIT_BYTES
from corvus.metering.tap import BodyTap, StreamTap, error_of
from corvus.metering.text import string_of
from corvus.metering.usage import MeteredUsage, add_usage
from corvus.model.decision import Denial
from corvus.model.gateway import Kind
from corvus.model.usage import Usage, UsagePart

_OWN = ("message", "fallback_message")
_TIERS = ("batch", "priority")
_TOOLS = ("web_search_requests", "web_fetch_requests")
_OUTPUT = string_of("text", "thinking", "partial_json", "name", "data", "content")


class MessagesStreamTap(StreamTap):
    """``POST /v1/messages`` with ``stream: true``."""

    interesting = re.compile(rb'"(?:message_(?:start|delta|stop)|error|fallback)"')
    output_text = _OUTPUT

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__(limit_bytes=limit_bytes)
        self._counts: dict[str, Any] = {}
        self._model: str | None = None
        self._first_model: str | None = None
        self._has_started = self._has_written = self._runs_code = False

    def read(self, message: Json) -> None:
        """Take the data of one event, by its type."""
        kind = message.get("type")
        if kind == "message_start" and not self._has_started:
            self._has_started = True
            started = member(message, "message")
            self._model = self._first_model = text_or_none(started, "model")
            self._runs_code = bool(started.get("container"))
            self._merge(member(started, "usage"))
        elif kind == "message_delta":
            counts = member(message, "usage")
            self._runs_code |= bool(member(message, "delta").get("container"))
            self._has_written |= counts.get("output_tokens") is not None
            self._merge(counts)
        elif kind == "message_stop":
            self.is_settled = not self.usage_unknown
        elif kind == "error":
            self.error = error_of(message)
        elif kind == "content_block_start":
            self._fall_back(member(message, "content_block"))

    @staticmethod
    def may_matter(block: bytes) -> bool:
        """Return whether there is an event of the whole message, an error or a fallback."""
        return b'"message_' in block or b'"error"' in block or b'"fallback"' in block

    def _merge(self, counts: Json) -> None:
        stated = {key: value for key, value in counts.items() if value is not None}
        if not stated:
            return
        self.take_cost(stated)
        if objects(stated, "iterations"):  # what was read before it was shortened is reported there
            self._counts.update(stated)
        else:
            self._counts = grown(self._counts, stated)
        self._tell()

    def _fall_back(self, block: Json) -> None:
        """Note which model goes on when the first one declined."""
        if block.get("type") == "fallback":
            self._model = text_or_none(member(block, "to"), "model") or self._model
            if self._counts:
                self._tell()

    def _tell(self) -> None:
        parts = parts_of(self._counts, self._model, self._first_model)
        self.usage = MeteredUsage(
            parts,
            is_partial=not (self._has_written and _has_read(parts)),
            is_at_least=self._runs_code or _uses_other_tools(self._counts),
            states_tier=_states_tier(self._counts),
        )


class MessagesBodyTap(BodyTap):
    """``POST /v1/messages`` without streaming."""

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        counts = as_object(message.get("usage"))
        if counts:
            self.take_cost(counts)
            model = text_or_none(message, "model")
            parts = parts_of(counts, model, model)
            is_whole = counts.get("output_tokens") is not None and _has_read(parts)
            runs_code = bool(message.get("container")) or _uses_other_tools(counts)
            self.usage = MeteredUsage(
                parts,
                is_partial=not is_whole,
                is_at_least=runs_code,
                states_tier=_states_tier(counts),
            )


def parts_of(counts: Json, model: str | None, first_model: str | None) -> tuple[UsagePart, ...]:
    """Split usage into parts that are priced apart.

    Args:
        counts: The ``usage`` object, merged.
        model: Model that gave the answer.
        first_model: Model that began it: that of own requests which name none.

    Raises:
        Unusable: A count is none.
    """
    tier, geo = _tier_of(counts), text_or_none(counts, "inference_geo")
    whole = _usage_of(counts)
    own: list[UsagePart] = []
    others: list[UsagePart] = []
    for iteration in objects(counts, "iterations"):
        is_own = iteration.get("type") in _OWN
        named = text_or_none(iteration, "model") or (first_model if is_own else model)
        part = UsagePart(named, _usage_of(iteration), tier, geo, states_modalities=True)
        (own if is_own else others).append(part)
    tools = member(counts, "server_tool_use")
    searches = Usage(web_search_requests=count(tools, "web_search_requests"))
    if not own or not _covers((part.usage for part in own), whole):
        own = [UsagePart(model, whole, tier, geo, states_modalities=True)]
    elif len(own) == 1 and own[0].usage.total_tokens == whole.total_tokens:
        own = [replace(own[0], usage=whole)]  # the whole also separates thinking
    own[0] = replace(own[0], usage=add_usage(own[0].usage, searches))
    return (*own, *others)


def _uses_other_tools(counts: Json) -> bool:
    """Return whether the provider ran tools whose price stands in no book."""
    tools = member(counts, "server_tool_use")
    return any(
        count(tools, name) for name in tools if name.endswith("_requests") and name not in _TOOLS
    )


def _has_read(parts: tuple[UsagePart, ...]) -> bool:
    """Return whether any input is reported: no request has none."""
    return any(part.usage.context_tokens for part in parts)


def _covers(parts: Iterable[Usage], whole: Usage) -> bool:
    """Return whether parts hold at least what the whole holds, in what was read and written."""
    total = add_usage(*parts)
    return total.context_tokens >= whole.context_tokens and (
        total.output_tokens + total.reasoning_tokens >= whole.output_tokens + whole.reasoning_tokens
    )


def _usage_of(counts: Json) -> Usage:
    """Read one set of counts, without web searches."""
    split = member(counts, "cache_creation")
    hour = count(split, "ephemeral_1h_input_tokens")
    written = count(split, "ephemeral_5m_input_tokens") + hour
    if counts.get("cache_creation_input_tokens") is not None:
        written = count(counts, "cache_creation_input_tokens")
    hour = min(hour, written)
    output = count(counts, "output_tokens")
    thinking = min(output, count(member(counts, "output_tokens_details"), "thinking_tokens"))
    return Usage(
        input_tokens=count(counts, "input_tokens"),
        output_tokens=output - thinking,
        cache_read_tokens=count(counts, "cache_read_input_tokens"),
        cache_write_5m_tokens=written - hour,
        cache_write_1h_tokens=hour,
        reasoning_tokens=thinking,
    )


def _tier_of(counts: Json) -> str | None:
    if counts.get("speed") == "fast":
        return "fast"
    tier = text_or_none(counts, "service_tier")
    return tier if tier in _TIERS else None


def _states_tier(counts: Json) -> bool:
    """Return whether an answer says if it was fast, the one tier that a request can choose."""
    return counts.get("speed") is not None or _tier_of(counts) is not None


_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    421: "invalid_request_error",
    426: "invalid_request_error",
    431: "invalid_request_error",
    504: "timeout_error",
}
_DENIALS = frozenset(Denial)


def _error(fault: Fault) -> dict[str, object]:
    """Return an error in Anthropic's closed words; what money refuses is billing in any status."""
    kind = (
        "billing_error" if fault.code in _DENIALS else _ERROR_TYPES.get(fault.status, "api_error")
    )
    words = {"message": fault.message, "code": fault.code, "corvus": fault.corvus}
    return {"type": "error", "error": {"type": kind, **words}}


MESSAGES = Endpoint(
    kind=Kind.ANTHROPIC,
    path="/v1/messages",
    end="/v1/messages",
    body_tap=MessagesBodyTap,
    stream_tap=lambda _: MessagesStreamTap(),
    error_event=lambda fault: error_event(_error(fault), "error"),
    maxima=("max_tokens",),
    caches_unasked=False,
    unknown_vision=PATCHES,
    needs_maximum=True,
    vocabulary=claude_models.MESSAGES,
)

PROVIDER = Provider(
    kind=Kind.ANTHROPIC,
    maker="anthropic",
    is_common=True,
    base_url="https://api.anthropic.com",
    versions=("/v1",),
    has_versioned_base=False,
    key_variable="ANTHROPIC_API_KEY",
    base_variables=("ANTHROPIC_BASE_URL",),
    log_in_variables=("ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    # https://docs.claude.com/en/docs/claude-code/settings "Environment variables", as of 2026-11
    bypass_variables=(
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_FOUNDRY",
        "CLAUDE_CODE_USE_VERTEX",
    ),
    credential_header="x-api-key",
    client_header="anthropic-version",
    error=_error,
    endpoints=(MESSAGES,),
    free=(
        FreePath("GET", "/v1/models"),
        FreePath("GET", "/v1/models/{id}"),
        FreePath("POST", "/v1/messages/count_tokens"),
    ),
    free_ends=("/batches/{id}/cancel",),
    longest_answers=(
        (r"claude-3-(?:opus|sonnet|haiku)", 4_096),
        (r"claude-3-5-", 8_192),
        (r"claude-3-7-", 64_000),
        (r"claude-[a-z]+-\d", 128_000),
    ),
    visions=(
        (
            r"claude-3|claude-[a-z]+-4(?:-[0-6])?(?:$|[-@](?:20\d{6}|latest))",
            Vision(0, 0, 28, 102, 1_568),
        ),
        (r"claude", Vision(0, 0, 28, 102, 4_800)),
    ),
    abilities=claude_models.ABILITIES,
)
