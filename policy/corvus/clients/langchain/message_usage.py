"""Reads what LangChain reports about an answer: its usage, its cost, its tools (PRX-6, PRC-9).

LangChain counts in words of its own, with details inside the totals. What a provider says beyond
that stands in the metadata of the message, as its SDK decoded it: a cost has gone through a float
there, whose shortest spelling is the text of the number again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from corvus.clients.extras import imports_of
from corvus.metering.facts import (
    NOTHING,
    Json,
    Unusable,
    as_object,
    count,
    member,
    objects,
    text_or_none,
)
from corvus.metering.openai_fees import Fees, response_fees, searches_always
from corvus.metering.stated_cost import StatedCost, stated_cost
from corvus.metering.usage import add_usage
from corvus.model.usage import Usage
from corvus.prices.names import tier_of

with imports_of("langchain"):
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration, LLMResult

_RAW = ("token_usage", "usage")
_TIERS = ("", "flex_", "priority_")
"""What langchain-openai puts before the names of details that another tier served."""

_MODALITIES = ("audio", "image", "video")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an answer.

    Attributes:
        usage: ``None`` where none is reported, or no whole one.
        model: Model that answered, if it says so.
        service_tier: Tier that served it; ``None`` is the usual one.
        stated_cost: What the provider says that it costs.
        is_at_least: Something was used that nobody counts.
        states_modalities: Its details name modalities.
        is_from_cache: LangChain's own cache gave it.
    """

    usage: Usage | None
    model: str | None = None
    service_tier: str | None = None
    stated_cost: StatedCost | None = None
    is_at_least: bool = False
    states_modalities: bool = False
    is_from_cache: bool = False


def read_answer(response: LLMResult) -> Answer:
    """Return what an answer says of itself."""
    answers = [answer for turn in response.generations for answer in turn]
    messages = [answer.message for answer in answers if isinstance(answer, ChatGeneration)]
    counts = next((found for message in messages if (found := _usage_metadata(message))), None)
    raw = _raw(messages, as_object(response.llm_output) or {})
    metadata: Json = messages[0].response_metadata if messages else {}
    model = text_or_none(metadata, "model_name") or text_or_none(metadata, "model")
    usage = _usage_of(counts) if counts is not None else None
    fees = _fees(model, messages, raw)
    return Answer(
        usage=usage if usage is None else add_usage(usage, fees.usage),
        model=model,
        service_tier=tier_of(text_or_none(metadata, "service_tier")),
        stated_cost=stated_cost(raw) or stated_cost(_exact(metadata)),
        is_at_least=fees.is_at_least,
        states_modalities=counts is not None and _names_modalities(counts),
        is_from_cache=counts is not None and counts.get("total_cost") == 0,
    )


def _usage_metadata(message: BaseMessage) -> Json | None:
    return as_object(getattr(message, "usage_metadata", None)) or None


def _raw(messages: Sequence[BaseMessage], output: Json) -> Json:
    """Return the provider's own usage object, where LangChain has kept it."""
    places = [*(cast(Json, message.response_metadata) for message in messages), output]
    found = (member(place, name) for place in places for name in _RAW)
    return _exact(next((one for one in found if one), NOTHING))


def _exact(counts: Json) -> dict[str, Any]:
    """Return an object whose floats are the decimals that they were read from."""

    def exact(value: object) -> object:
        if isinstance(value, float):
            return Decimal(repr(value))
        inner = as_object(value)
        return value if inner is None else _exact(inner)

    return {name: exact(value) for name, value in counts.items()}


def _usage_of(counts: Json) -> Usage | None:
    """Read usage as LangChain words it: totals, with the kinds inside; ``None`` if odd."""
    read, made = member(counts, "input_token_details"), member(counts, "output_token_details")
    try:
        cached = _tiered(read, "cache_read")
        hour = count(read, "ephemeral_1h_input_tokens")
        split = count(read, "ephemeral_5m_input_tokens") + hour
        written = max(_tiered(read, "cache_creation"), split)
        total, output = count(counts, "input_tokens"), count(counts, "output_tokens")
        reasoning = min(output, _tiered(made, "reasoning"))
        shown, drawn = _modal(read, total), _modal(made, output - reasoning)
    except Unusable:
        return None
    inside = cached + written
    plain = total - inside if inside <= total else total
    return Usage(
        input_tokens=max(0, plain - sum(shown)),
        output_tokens=output - reasoning - sum(drawn),
        cache_read_tokens=cached,
        cache_write_5m_tokens=written - hour,
        cache_write_1h_tokens=hour,
        reasoning_tokens=reasoning,
        input_audio_tokens=shown[0],
        input_image_tokens=shown[1],
        input_video_tokens=shown[2],
        output_audio_tokens=drawn[0],
        output_image_tokens=drawn[1],
        output_video_tokens=drawn[2],
    )


def _tiered(details: Json, name: str) -> int:
    return max(count(details, tier + name) for tier in _TIERS)


def _modal(details: Json, total: int) -> tuple[int, int, int]:
    """Return the tokens of sound, pictures and video, which stand inside a total.

    Raises:
        Unusable: They are more than it, or no counts.
    """
    audio, image, video = (count(details, name) for name in _MODALITIES)
    if audio + image + video > total:
        raise Unusable("details are more than their total")
    return audio, image, video


def _names_modalities(counts: Json) -> bool:
    """Return whether both details name a modality."""
    details = (member(counts, f"{side}_token_details") for side in ("input", "output"))
    return all(any(name in detail for name in (*_MODALITIES, "text")) for detail in details)


def _fees(model: str | None, messages: Sequence[BaseMessage], raw: Json) -> Fees:
    """Return what the provider did for an answer that has a price by use."""
    blocks = [block for message in messages for block in _blocks(message)]
    calls = [block for block in blocks if str(block.get("type", "")).endswith("_call")]
    tools = member(raw, "server_tool_use")
    try:
        searches = count(tools, "web_search_requests")
        found = response_fees({"model": model, "output": calls}, raw)
    except Unusable:
        return Fees(is_at_least=True)
    if searches_always(model or ""):
        return Fees(Usage(web_search_requests=max(1, searches)), is_at_least=True)
    searched = any(_was_grounded(message) for message in messages)
    usage = found.usage if not searches else Usage(web_search_requests=searches)
    return Fees(usage, found.is_at_least or searched)


def _blocks(message: BaseMessage) -> list[Json]:
    kept: Json = {"content": message.content, **message.additional_kwargs}
    return [*objects(kept, "content"), *objects(kept, "tool_outputs")]


def _was_grounded(message: BaseMessage) -> bool:
    """Return whether Google searched for an answer: by the prompt or by the query, as models go."""
    metadata: Json = message.response_metadata
    return bool(member(metadata, "grounding_metadata").get("web_search_queries"))
