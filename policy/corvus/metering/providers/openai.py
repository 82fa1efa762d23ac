"""Reads what OpenAI's APIs, and those made after them, say about usage (PRX-3).

- Cached input, cache writes and reasoning stand inside the totals; here they become kinds of their
  own. Some vendors count them next to the totals, which shows in ``total_tokens`` or in a detail
  that is larger than its total; then they are added.
- Chat streams say what they used in an extra chunk without choices, and only on request. Mistral,
  DeepSeek and Qwen put it on the last chunk with choices, Perplexity on every chunk (totals so
  far), Groq's older answers under ``x_groq``. The largest counts; ``[DONE]`` may be missing.
- Streams of the Responses API say it in ``response.completed``, ``.incomplete`` or ``.failed``, and
  may end without any of them.
- Sound and the fees of some tools have no price here: what is recorded is a marked lower bound.
- ``service_tier`` names the tier that served the call; all but ``auto``, ``default`` and
  ``standard`` have prices of their own.

A write to the cache is counted as a 5-minute write: OpenAI knows one kind only.

Source:
    platform.openai.com/docs/models for the longest answers, OpenAI's guide "Images and vision" for
    pictures (tiles of 512 px after scaling to 2,048 and then 768 px; patches of 32 px with a factor
    by model), read 2026-11-28.
"""

from __future__ import annotations

import re

from corvus.metering import openai_models
from corvus.metering.facts import Json, as_object, count, grown, member, objects, text_or_none
from corvus.metering.models import bare
from corvus.metering.pictures import Vision
from corvus.metering.provider import Endpoint, Fault, FreePath, Provider, error_event
from corvus.metering.sse import LIMIT_BYTES
from corvus.metering.tap import BodyTap, StreamTap, error_of
from corvus.metering.text import string_of
from corvus.metering.usage import MeteredUsage
from corvus.model.gateway import Kind
from corvus.model.usage import Usage, UsagePart
from corvus.prices.names import provider_id, tier_of

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
"""Items of an answer that are billed on top of its tokens, for which no book has a price."""

_ENDS_BYTES = 16 * 1024
_FLAT_USAGE = re.compile(rb'"usage"\s*:\s*(\{[^{}]*\})')
_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]*)"')


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

    def read(self, message: Json) -> None:
        """Take one chunk."""
        self.error = error_of(message) or self.error
        counts = chat_counts(message)
        if counts is None:
            return
        self._counts = grown(self._counts, counts)
        self.usage = _metered(message, self._counts)
        choices = objects(message, "choices")
        is_last = self._choices == 1 and all(choice.get("finish_reason") for choice in choices)
        self.is_settled = self.is_settled or not choices or is_last

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
        """Return whether there is an event with a whole response, or an error."""
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
    if any(count(detail, "audio_tokens") for detail in details):
        return True
    return response is not None and any(
        item.get("type") in _FEES for item in objects(response, "output")
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
    is_on_top = reasoning > written or (
        reasoning > 0 and count(counts, "total_tokens") == read + written + reasoning
    )
    return Usage(
        input_tokens=_without(read, cached + cache_writes),
        output_tokens=written if is_on_top else written - reasoning,
        cache_read_tokens=cached,
        cache_write_5m_tokens=cache_writes,
        reasoning_tokens=reasoning,
        web_search_requests=_web_searches(response) if response is not None else 0,
    )


def _without(total: int, inside: int) -> int:
    """Take a part out of its total; one that is larger was counted next to it."""
    return total - inside if inside <= total else total


def _web_searches(response: Json) -> int:
    """Count the searches of an answer; opening a page that was found is not billed."""
    calls = [item for item in objects(response, "output") if item.get("type") == "web_search_call"]
    return sum(member(call, "action").get("type", "search") == "search" for call in calls)


def _error(fault: Fault) -> dict[str, object]:
    words = {"message": fault.message, "code": fault.code, "corvus": fault.corvus}
    return {"error": {"type": fault.code, "param": None, **words}}


def _responses_event(fault: Fault) -> bytes:
    words = {"code": fault.code, "message": fault.message, "param": None}
    return error_event({"type": "error", **words, "corvus": fault.corvus}, "error")


_OWN_MODELS = re.compile(r"(?:ft:)?(?:gpt-(?!oss)|chatgpt-|o\d(?:$|-)|codex-|computer-use-)")
_OPENAI = (None, "openai", "azure")


def _chat_maximum(model: str, provider: str | None) -> str:
    """Return under which name the maximum of a chat is read.

    OpenAI's reasoning models refuse ``max_tokens``, which is all that many other vendors know.
    """
    is_openai = provider is None or provider_id(provider) in _OPENAI
    return "max_completion_tokens" if is_openai and _OWN_MODELS.match(bare(model)) else "max_tokens"


CHAT = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/chat/completions",
    body_tap=ChatBodyTap,
    stream_tap=lambda request: ChatStreamTap(
        drops_usage_chunk=not request.asks_usage, choices=request.choices
    ),
    error_event=lambda fault: error_event(_error(fault)),
    maxima=("max_completion_tokens", "max_tokens"),
    maximum_for=_chat_maximum,
    usage_by_option=True,
    vocabulary=openai_models.CHAT,
)
RESPONSES = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/responses",
    body_tap=ResponsesBodyTap,
    stream_tap=lambda _: ResponsesStreamTap(),
    error_event=_responses_event,
    maxima=("max_output_tokens",),
    may_be_socket=True,
    vocabulary=openai_models.RESPONSES,
)
EMBEDDINGS = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/embeddings",
    body_tap=EmbeddingsTap,
    stream_tap=lambda _: EmbeddingsTap(),
    error_event=lambda fault: error_event(_error(fault)),
    has_output=False,
)
_TILES_AND_PATCHES = Vision(85, 170, 32, 172, 1_536)

PROVIDER = Provider(
    kind=Kind.OPENAI,
    maker="openai",
    base_url="https://api.openai.com/v1",
    version="/v1",
    has_versioned_base=True,
    key_variable="OPENAI_API_KEY",
    base_variables=("OPENAI_BASE_URL",),
    former_base_variables=("OPENAI_API_BASE",),
    log_in_variables=("CODEX_ACCESS_TOKEN", "CODEX_API_KEY"),
    credential_header="authorization",
    credential_scheme="Bearer ",
    error=_error,
    endpoints=(CHAT, RESPONSES, EMBEDDINGS),
    free=(
        FreePath("GET", "/v1/models"),
        FreePath("GET", "/v1/models/{id}"),
        FreePath("POST", "/v1/responses/input_tokens"),
        FreePath("GET", "/v1/responses/{id}"),
        FreePath("GET", "/v1/responses/{id}/input_items"),
        FreePath("POST", "/v1/responses/{id}/cancel"),
    ),
    free_ends=(
        "/batches/{id}/cancel",
        "/file_batches/{id}/cancel",
        "/jobs/{id}/cancel",
        "/runs/{id}/cancel",
        "/uploads/{id}/cancel",
    ),
    longest_answers=(
        (r"gpt-3\.5", 4_096),
        (r"gpt-4o-(?:\d{4}-)?(?:audio|realtime)", 4_096),
        (r"gpt-4o-2024-05-13", 4_096),
        (r"(?:chatgpt-4o|gpt-4o)", 16_384),
        (r"gpt-4-(?:turbo|1106|0125|vision)", 4_096),
        (r"gpt-4\.5", 16_384),
        (r"gpt-5[\w.-]*-chat", 16_384),
        (r"gpt-[5-9]", 128_000),
        (r"o1-mini", 65_536),
        (r"o1-preview", 32_768),
        (r"o[134](?:$|-)", 100_000),
    ),
    visions=(
        (r"gpt-4o-mini", Vision(2_833, 5_667, 32, 100, 1_536)),
        (r"gpt-4\.1-(?:mini|nano)|o4-mini|gpt-5-nano", Vision(85, 0, 32, 246, 1_536)),
        (r"gpt-4o|chatgpt-4o|gpt-4\.[15]|gpt-4-", Vision(85, 170, 32, 100, 1_536)),
        (r"gpt-5(?:-mini|-chat|-codex|-pro)?(?:$|-20|-latest)", _TILES_AND_PATCHES),
        (r"o[13](?:$|-)|computer-use", _TILES_AND_PATCHES),
        (r"gpt-|o\d(?:$|-)", Vision(85, 170, 32, 246, 10_000)),
    ),
    abilities=openai_models.ABILITIES,
)
