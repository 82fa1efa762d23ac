"""Reads the answers of OpenAI's APIs, and of those made after them, as they pass (PRX-3).

- How counts become disjoint kinds stands in ``corvus.metering.openai_usage``, what is billed next
  to tokens in ``corvus.metering.openai_fees``.
- Chat streams say what they used in an extra chunk without choices, and only on request. Mistral,
  DeepSeek and Qwen put it on the last chunk with choices, Perplexity and vLLM on every chunk
  (totals so far), Groq's older answers under ``x_groq``. The largest counts, and what looks like
  the last chunk may not be it: a stream is settled by ``[DONE]``, by its end, or when nobody reads
  on, whichever comes first.
- Completions without messages are chats as far as usage goes.
- Streams of the Responses API say it in ``response.completed``, ``.incomplete`` or ``.failed``, and
  may end without any of them.
- Answers may state their cost (``corvus.metering.stated_cost``), in whatever form they come.
- ``service_tier`` names the tier that served the call; all but ``auto``, ``default`` and
  ``standard`` have prices of their own.
"""

from __future__ import annotations

import re
from dataclasses import replace

from corvus.metering.facts import (
    Json,
    as_object,
    count,
    grown,
    member,
    objects,
    text_or_none,
)
from corvus.metering.openai.profiles import USAGE_PLACES
from corvus.metering.openai_fees import (
    Fees,
    call_of,
    chat_fees,
    drawing_model,
    drawn_tokens,
    response_fees,
)
from corvus.metering.openai_usage import read_counts, stated_counts
from corvus.metering.sse import LIMIT_BYTES
from corvus.metering.tap import BodyTap, StreamTap, Tap, error_of
from corvus.metering.text import string_of
from corvus.metering.usage import MeteredUsage, add_usage
from corvus.model.usage import UsagePart
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
_UNNAMED = "image_generation"
"""Stands for the model that makes pictures where an answer does not name it; it has no price."""

_PHASE = "chat.reasoning"
"""How the chunks of Perplexity begin that come before its answer, with usage so far."""

_VECTORS_MAX_BYTES = 32 * 1024


class ChatStreamTap(StreamTap):
    """``POST /v1/chat/completions`` with ``stream: true``.

    Args:
        drops_usage_chunk: The client did not request usage: leave out the chunk that has nothing
            else.
        choices: How many answers were requested (``n``), >= 1.
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
        self._has_total = False

    def read(self, message: Json) -> None:
        """Take one chunk."""
        self.error = error_of(message) or self.error
        self.take_cost(member(message, "usage"))
        counts = chat_counts(message)
        if counts is None:
            return
        self._counts = grown(self._counts, counts)
        self.usage = _metered(self, message, self._counts, chat_fees(message, self._counts))
        choices = objects(message, "choices")
        is_last = self._choices == 1 and all(choice.get("finish_reason") for choice in choices)
        is_phase = (text_or_none(message, "object") or "").startswith(_PHASE)
        self._has_total |= not is_phase and (not choices or is_last)

    @staticmethod
    def may_matter(block: bytes) -> bool:
        """Return whether there is usage, an error or an end; chunks may say ``"usage":null``."""
        return (
            block.count(b'"usage"') > block.count(b'"usage":null')
            or b'"error"' in block
            or b"[DONE]" in block
        )

    def is_surplus(self, message: Json) -> bool:
        """Return whether a chunk has usage and no choices."""
        return message.get("choices") == [] and as_object(message.get("usage")) is not None

    def on_done(self) -> None:
        """Take the end of the stream."""
        self.is_settled = not self.usage_unknown

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not, and return the bytes still to relay."""
        rest = super().finish()
        self.is_settled |= self._has_total and self.usage is not None
        return rest


class ChatBodyTap(BodyTap):
    """``POST /v1/chat/completions`` without streaming."""

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        self.take_cost(member(message, "usage"))
        counts = chat_counts(message)
        if counts is not None:
            self.usage = _metered(self, message, counts, chat_fees(message, counts))


class ResponsesStreamTap(StreamTap):
    """``POST /v1/responses`` with ``stream: true``."""

    interesting = re.compile(
        rb'"response\.(?:completed|incomplete|failed|cancelled|output_item\.done)"'
        rb'|"error"(?!\s*:\s*null)'
    )
    output_text = string_of("delta")

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__(limit_bytes=limit_bytes)
        self._counts: Json = {}
        self._calls: list[Json] = []

    @staticmethod
    def may_matter(block: bytes) -> bool:
        """Return whether there is a whole response, a finished call of a tool, or an error."""
        return b'"response"' in block or b'"error"' in block or b'_call"' in block

    def read(self, message: Json) -> None:
        """Take the data of one event, by its type."""
        kind = message.get("type")
        if kind in _TERMINAL:
            response = member(message, "response")
            if not response.get("output"):  # some servers state the items in events of their own
                response = {**response, "output": self._calls}
            self.error = error_of(response) or self.error
            self.take_cost(member(response, "usage"))
            counts = stated_counts(response.get("usage"))
            if counts is not None:
                self._counts = grown(self._counts, counts)
                self.usage = _metered(
                    self, response, self._counts, response_fees(response, self._counts)
                )
                self.is_settled = True
        elif kind == "response.output_item.done":
            if call := call_of(member(message, "item")):
                self._calls.append(call)
        elif kind == "error":
            flat = {"error": {**message, "type": message.get("code") or kind}}
            self.error = error_of(message) or error_of(flat)


class ResponsesBodyTap(BodyTap):
    """``POST /v1/responses`` without streaming."""

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        self.take_cost(member(message, "usage"))
        counts = stated_counts(message.get("usage"))
        if counts is not None:
            fees = response_fees(message, counts)
            if self.has_overflowed:  # its items were not read
                fees = replace(fees, is_at_least=True)
            self.usage = _metered(self, message, counts, fees)


class EmbeddingsTap(BodyTap):
    """``POST /v1/embeddings``. Vectors fill megabytes: of a long body only both ends are read."""

    output_text = _NO_OUTPUT
    has_output = False

    def __init__(self) -> None:
        super().__init__(limit_bytes=_VECTORS_MAX_BYTES)

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        counts = member(message, "usage")
        self.take_cost(counts)
        if counts:
            self.usage = _metered(self, message, counts, _pixels(counts))


def chat_counts(message: Json) -> Json | None:
    """Return the usage object of a chat answer or chunk, wherever its vendor puts it."""
    for *holders, name in USAGE_PLACES:
        holder = message
        for inner in holders:
            holder = member(holder, inner)
        if (counts := stated_counts(holder.get(name))) is not None:
            return counts
    return None


def _metered(tap: Tap, answer: Json, counts: Json, fees: Fees) -> MeteredUsage:
    """Return what an answer used; a total that is left out is unknown, and so is an input of 0.

    Raises:
        Unusable: A count is none.
    """
    found = read_counts(counts, has_output=tap.has_output)
    part = UsagePart(
        text_or_none(answer, "model"),
        add_usage(found.usage, fees.usage),
        tier_of(text_or_none(answer, "service_tier")),
        states_modalities=(found.states_input or tap.reads_text)
        and (found.states_output or tap.writes_text),
    )
    return MeteredUsage(
        (part, *_drawn(answer)),
        is_partial=not found.is_whole,
        is_estimated=found.is_estimated,
        is_at_least=fees.is_at_least,
        states_tier=answer.get("service_tier") is not None,
    )


def _pixels(counts: Json) -> Fees:
    """Return whether vectors of pictures were made: Voyage bills those by the pixel."""
    return Fees(is_at_least=any(count(counts, name) for name in ("image_pixels", "video_pixels")))


def _drawn(response: Json) -> tuple[UsagePart, ...]:
    """Return what the model used that makes pictures for another one."""
    used = drawn_tokens(response)
    if used is None:
        return ()
    found = read_counts(used)
    model = drawing_model(response)
    return (UsagePart(model or _UNNAMED, found.usage, states_modalities=found.states_input),)
