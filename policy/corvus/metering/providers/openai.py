"""Reads what OpenAI's APIs, and those made after them, say about usage (PRX-3).

- Cached input, cache writes and reasoning stand inside the totals; here they become kinds of their
  own. Some vendors count them beside the totals, which shows in ``total_tokens`` or in a detail
  that is larger than its total; then they are added.
- Chat streams say what they used in an extra chunk without choices, and only when asked. Mistral,
  DeepSeek and Qwen put it on the last chunk with choices, Perplexity on every chunk (totals so
  far), Groq's older answers under ``x_groq``. The largest counts; ``[DONE]`` may be missing.
- Streams of the Responses API say it in ``response.completed``, ``.incomplete`` or ``.failed``, and
  may end without any of them.
- Sound and the fees of some tools have no price here: what is recorded is a marked lower bound.
- ``service_tier`` names the tier that served the call; all but ``auto``, ``default`` and
  ``standard`` have prices of their own.

A write to the cache is counted as a 5-minute write: OpenAI knows one kind only.
"""

from __future__ import annotations

import re

from corvus.metering.facts import Json, as_object, count, grown, member, objects, text_or_none
from corvus.metering.sse import LIMIT_BYTES
from corvus.metering.tap import BodyTap, StreamTap, Tap, error_of
from corvus.metering.text import string_of
from corvus.metering.usage import MeteredUsage, UsagePart
from corvus.model.usage import Usage
from corvus.prices.names import tier_of

_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_CHAT_OUTPUT = string_of(
    "content",
    "reasoning_content",
    "reasoning",
    "thinking",
    "text",
    "refusal",
    "name",
    "arguments",
    "transcript",
)
_NO_OUTPUT = re.compile(rb"(?!)()")
_READ = ("prompt_tokens", "input_tokens")
_WRITTEN = ("completion_tokens", "output_tokens")
_FEES = ("code_interpreter_call", "file_search_call", "image_generation_call")
"""Items of an answer that are billed beside its tokens, for which no book has a price."""

_ENDS_BYTES = 16 * 1024
_FLAT_USAGE = re.compile(rb'"usage"\s*:\s*(\{[^{}]*\})')
_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]*)"')


class ChatStreamTap(StreamTap):
    """``POST /v1/chat/completions`` with ``stream: true``.

    Args:
        drops_usage_chunk: The client did not ask for usage: leave out the chunk that has nothing
            else.
        choices: How many answers were asked for (``n``), >= 1.
        limit_bytes: Longest event that is read.
    """

    interesting = re.compile(rb'"usage"(?!\s*:\s*null)|"error"(?!\s*:\s*null)|\[DONE\]')
    output_text = _CHAT_OUTPUT

    def __init__(
        self,
        *,
        drops_usage_chunk: bool = False,
        choices: int = 1,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        super().__init__(drops_usage_chunk=drops_usage_chunk, limit_bytes=limit_bytes)
        self._choices = choices
        self._counts: Json = {}

    def read(self, message: Json) -> None:
        """Take one chunk."""
        self.error = error_of(message) or self.error
        counts = chat_counts(message)
        if counts is None:
            return
        self._counts = grown(self._counts, counts)
        self.usage = _metered(message, self._counts)
        choices = objects(message, "choices")
        is_last = self._choices == 1 and all(one.get("finish_reason") for one in choices)
        self.is_settled = self.is_settled or not choices or is_last

    @staticmethod
    def may_matter(block: bytes) -> bool:
        """Tell whether there is usage, an error or an end; each chunk may say ``"usage":null``."""
        return (
            block.count(b'"usage"') > block.count(b'"usage":null')
            or b'"error"' in block
            or b"[DONE]" in block
        )

    def is_surplus(self, message: Json) -> bool:
        """Tell whether a chunk has usage and no choices."""
        return message.get("choices") == [] and as_object(message.get("usage")) is not None

    def on_done(self) -> None:
        """Take the end of the stream."""
        self.is_settled = not self.usage_unknown


class ChatBodyTap(BodyTap):
    """``POST /v1/chat/completions`` without streaming."""

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        counts = chat_counts(message)
        if counts is not None:
            self.usage = _metered(message, counts)


class ResponsesStreamTap(StreamTap):
    """``POST /v1/responses`` with ``stream: true``."""

    interesting = re.compile(
        rb'"response\.(?:completed|incomplete|failed|cancelled)"|"error"(?!\s*:\s*null)'
    )
    output_text = string_of("delta")

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__(limit_bytes=limit_bytes)
        self._counts: Json = {}

    @staticmethod
    def may_matter(block: bytes) -> bool:
        """Tell whether there is an event with a whole response, or an error."""
        return b'"response"' in block or b'"error"' in block

    def read(self, message: Json) -> None:
        """Take the data of one event, by its type."""
        kind = message.get("type")
        if kind in _TERMINAL:
            response = member(message, "response")
            self.error = error_of(response) or self.error
            counts = stated(response.get("usage"))
            if counts is not None:
                self._counts = grown(self._counts, counts)
                self.usage = _metered(response, self._counts, response)
                self.is_settled = True
        elif kind == "error":
            flat = {"error": {**message, "type": message.get("code") or kind}}
            self.error = error_of(message) or error_of(flat)


class ResponsesBodyTap(BodyTap):
    """``POST /v1/responses`` without streaming."""

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        counts = stated(message.get("usage"))
        if counts is not None:
            self.usage = _metered(message, counts, message)


class EmbeddingsTap(BodyTap):
    """``POST /v1/embeddings``. Vectors fill megabytes, so only both ends of a long body are read.

    Nothing but numbers stands between them: what looks like usage there is it.
    """

    output_text = _NO_OUTPUT

    def __init__(self) -> None:
        super().__init__(limit_bytes=2 * _ENDS_BYTES)
        self._head = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay."""
        if len(self._head) < _ENDS_BYTES:
            self._head = (self._head + chunk)[:_ENDS_BYTES]
        self._tail = (self._tail + chunk)[-_ENDS_BYTES:]
        return super().feed(chunk)

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not, and return the bytes still to relay."""
        if self.has_overflowed:
            self._read_ends()
        return super().finish()

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        counts = stated(message.get("usage"))
        if counts is not None:
            self.usage = _metered(message, {"completion_tokens": 0, **counts})

    def _read_ends(self) -> None:
        for end in (self._tail, self._head):
            usage, model = _FLAT_USAGE.search(end), _MODEL.search(end)
            if usage is not None:
                name = b'"%s"' % model[1] if model else b"null"
                self._read_safely(b'{"usage":%s,"model":%s}' % (usage[1], name))
                return


def chat_tap(*, is_stream: bool, drops_usage_chunk: bool = False, choices: int = 1) -> Tap:
    """Return the tap for one answer of ``/v1/chat/completions``."""
    if not is_stream:
        return ChatBodyTap()
    return ChatStreamTap(drops_usage_chunk=drops_usage_chunk, choices=choices)


def responses_tap(*, is_stream: bool) -> Tap:
    """Return the tap for one answer of ``/v1/responses``."""
    return ResponsesStreamTap() if is_stream else ResponsesBodyTap()


def chat_counts(message: Json) -> Json | None:
    """Return the usage object of a chat answer or chunk, wherever its vendor puts it."""
    own = stated(message.get("usage"))
    return own if own is not None else stated(member(message, "x_groq").get("usage"))


def stated(usage: object) -> Json | None:
    """Return a usage object that states some total; an empty one says nothing, which is not 0."""
    counts = as_object(usage)
    if counts is None or not (_says(counts, _READ) or _says(counts, _WRITTEN)):
        return None
    return counts


def _says(counts: Json, keys: tuple[str, ...]) -> bool:
    return any(counts.get(key) is not None for key in keys)


def _metered(answer: Json, counts: Json, response: Json | None = None) -> MeteredUsage:
    """Return what an answer used; a total that is left out is unknown, and so is an input of 0.

    Raises:
        Unusable: A count is none.
    """
    tier = text_or_none(answer, "service_tier")
    usage = _usage_of(counts, response)
    part = UsagePart(text_or_none(answer, "model"), usage, tier_of(tier))
    return MeteredUsage(
        (part,),
        is_partial=not (usage.context_tokens and _says(counts, _WRITTEN)),
        is_estimated=_is_lower_bound(counts, response),
    )


def _is_lower_bound(counts: Json, response: Json | None) -> bool:
    """Return whether something was used that no book has a price for: sound, fees (PRC-8)."""
    details = (member(counts, f"{key}_details") for key in (*_READ, *_WRITTEN))
    if any(count(one, "audio_tokens") for one in details):
        return True
    return response is not None and any(
        one.get("type") in _FEES for one in objects(response, "output")
    )


def _usage_of(counts: Json, response: Json | None = None) -> Usage:
    """Read one usage object of either API.

    Raises:
        Unusable: A count is none.
    """
    read = count(counts, "prompt_tokens", "input_tokens")
    written = count(counts, "completion_tokens", "output_tokens")
    inside = member(counts, "prompt_tokens_details") or member(counts, "input_tokens_details")
    made = member(counts, "completion_tokens_details") or member(counts, "output_tokens_details")
    cached = count(inside, "cached_tokens") or count(counts, "prompt_cache_hit_tokens")
    cache_writes = count(inside, "cache_write_tokens")
    reasoning = count(made, "reasoning_tokens") or count(counts, "reasoning_tokens")
    is_beside = reasoning > written or (
        reasoning > 0 and count(counts, "total_tokens") == read + written + reasoning
    )
    return Usage(
        input_tokens=_without(read, cached + cache_writes),
        output_tokens=written if is_beside else written - reasoning,
        cache_read_tokens=cached,
        cache_write_5m_tokens=cache_writes,
        reasoning_tokens=reasoning,
        web_search_requests=_web_searches(response) if response is not None else 0,
    )


def _without(total: int, inside: int) -> int:
    """Take a part out of its total; one that is larger was counted beside it."""
    return total - inside if inside <= total else total


def _web_searches(response: Json) -> int:
    """Count the searches of an answer; opening a page that was found is not billed."""
    calls = [one for one in objects(response, "output") if one.get("type") == "web_search_call"]
    return sum(member(call, "action").get("type", "search") == "search" for call in calls)
