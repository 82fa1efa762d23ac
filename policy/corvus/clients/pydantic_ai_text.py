"""Writes requests and answers of pydantic-ai down as those of a chat API would state them.

Only what decides a cost has to be there: texts in full, pictures and files as such, tools, every
maximum, all models. Which API the model really calls makes no difference to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast
from urllib.parse import urlsplit

from corvus.clients.extras import imports_of
from corvus.clients.model_call import CallText, ModelCall
from corvus.metering.providers.openai import CHAT

with imports_of("pydantic-ai"):
    from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.models.fallback import FallbackModel
    from pydantic_ai.models.wrapper import WrapperModel
    from pydantic_ai.settings import ModelSettings, merge_model_settings


_VENDOR = re.compile(
    r"(?:openai|anthropic|google_cloud|google|gemini|groq|mistral|bedrock|cohere|huggingface|"
    r"openrouter|xai|cerebras|ollama|zai|github_copilot|snowflake|crusoe)_"
)
"""What settings of one provider begin with; behind it stands its own name of the setting."""

_RESERVED = frozenset({"model", "models", "messages", "tools", "response_format", "extra_body"})
_NOT_SENT = frozenset({"timestamp", "metadata", "part_kind", "usage"})
_LINKS = {"audio-url": "audio_url", "document-url": "document_url", "video-url": "video_url"}
_ADDS_INPUT = ("cached_content", "conversation_id")
_SEARCH = "web_search"


def call_text(
    model: Model,
    messages: Sequence[ModelMessage],
    settings: ModelSettings | None,
    parameters: ModelRequestParameters,
    *,
    instructions: str | None = None,
) -> CallText:
    """Return a request as a chat API would state it.

    Args:
        model: Who makes it.
        messages: The conversation.
        settings: Of the request; those of the model itself are looked up.
        parameters: Tools and the form of the answer.
        instructions: What is said on top of the conversation.
    """
    names = [*_names_of(model)]
    parts = [{"type": "text", "text": instructions}] if instructions else []
    body: dict[str, Any] = {
        "model": names[0],
        "models": names[1:],
        "messages": [{"role": "user", "content": [*parts, *_parts(messages)]}],
        "tools": [*_tools(parameters)],
        **_stated(merge_model_settings(model.settings, settings)),
    }
    if parameters.output_object is not None:
        body["response_format"] = asdict(parameters.output_object)
    stated = {name: value for name, value in body.items() if value not in (None, [])}
    address = model.base_url
    return CallText(CHAT, stated, host=urlsplit(address).hostname if address else None)


def admitted_settings(
    settings: ModelSettings | None, text: CallText, call: ModelCall
) -> ModelSettings | None:
    """Return the settings of a request in the form that it was admitted in."""
    if call.maximum_tokens is None:
        return settings
    changed = cast("dict[str, Any]", {**(settings or {}), "max_tokens": call.maximum_tokens})
    if isinstance(more := changed.get("extra_body"), dict):
        changed["extra_body"] = call.changed_in(cast("dict[str, Any]", more), text)
    return cast(ModelSettings, changed)


def answer_of(response: ModelResponse) -> dict[str, Any]:
    """Return an answer as a chat API would state it; without usage where none was reported."""
    message: dict[str, Any] = {"role": "assistant", "content": _written(response)}
    searches, is_at_least = _server_tools(response)
    if is_at_least:
        message["executed_tools"] = True
    answer: dict[str, Any] = {
        "id": response.provider_response_id,
        "model": response.model_name,
        "choices": [{"index": 0, "message": message}],
    }
    usage = _usage(response, searches)
    return answer if usage is None else {**answer, "usage": usage}


def events_of(response: ModelResponse) -> Iterator[dict[str, Any]]:
    """Yield what came of a stream as events; the counts only of one that is complete."""
    answer = answer_of(response)
    usage = answer.pop("usage", None)
    (choice,) = answer.pop("choices")
    yield {**answer, "choices": [{"index": 0, "delta": choice["message"]}]}
    if response.state == "complete" and usage is not None:
        yield {**answer, "choices": [], "usage": usage}


def _names_of(model: Model) -> Iterator[str]:
    """Yield the names of all models that may answer."""
    if isinstance(model, FallbackModel):
        for inner in model.models:
            yield from _names_of(inner)
    elif isinstance(model, WrapperModel):
        yield from _names_of(model.wrapped)
    else:
        yield model.model_name


def _parts(messages: Sequence[ModelMessage]) -> Iterator[dict[str, Any]]:
    """Yield a conversation as parts of one message: texts, pictures, files."""
    try:
        dumped = ModelMessagesTypeAdapter.dump_python([*messages], mode="json", warnings=False)
    except Exception:  # a result of a tool that is no JSON
        yield {"type": "text", "text": repr(messages)}
        return
    for message in dumped:
        media: list[dict[str, Any]] = []
        said = [message.get("instructions"), *map(_sent, message["parts"])]
        yield {"type": "text", "text": str(_without_media(said, media))}
        yield from media


def _without_media(value: Any, media: list[dict[str, Any]]) -> Any:
    """Return a value without the bytes of what is no text; collect that."""
    if isinstance(value, list):
        return [_without_media(item, media) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    entry = cast("dict[str, Any]", value)
    part = _media_part(entry)
    if part is not None:
        media.append(part)
        entry = {name: inner for name, inner in entry.items() if name != "data"}
    return {name: _without_media(inner, media) for name, inner in entry.items()}


def _sent(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a part of a message is sent."""
    return {
        name: value for name, value in part.items() if name not in _NOT_SENT and value is not None
    }


def _media_part(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the part of a message that is a picture, a file or a mark in the cache."""
    match entry.get("kind"):
        case "binary":
            return _binary(str(entry.get("media_type", "")), str(entry.get("data", "")))
        case "image-url":
            return {"type": "image_url", "image_url": {"url": str(entry.get("url"))}}
        case "uploaded-file":
            return {"type": "file", "file": {"file_id": str(entry.get("file_id"))}}
        case "cache-point":
            control = {"type": "ephemeral", "ttl": entry.get("ttl")}
            return {"type": "text", "text": "", "cache_control": control}
        case str() as kind if kind in _LINKS:
            return {"type": _LINKS[kind], _LINKS[kind]: {"url": str(entry.get("url"))}}
        case _:
            return None


def _binary(media_type: str, data: str) -> dict[str, Any]:
    plain = data.replace("-", "+").replace("_", "/")
    address = f"data:{media_type};base64,{plain}"
    family = media_type.partition("/")[0]
    if family == "image":
        return {"type": "image_url", "image_url": {"url": address}}
    if family in ("audio", "video"):
        return {"type": f"{family}_url", f"{family}_url": {"url": address}}
    return {"type": "file", "file": {"file_data": address}}


def _tools(parameters: ModelRequestParameters) -> Iterator[dict[str, Any]]:
    for tool in (*parameters.function_tools, *parameters.output_tools):
        function = {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters_json_schema,
        }
        yield {"type": "function", "function": function}
    for native in parameters.native_tools:
        yield {**asdict(native), "type": native.kind}


def _stated(settings: ModelSettings | None) -> dict[str, Any]:
    """Return settings under the names of providers, and over them what is sent as it is."""
    given = cast("dict[str, Any]", settings or {})
    stated: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for name, value in given.items():
        own = _VENDOR.sub("", name, count=1)
        if name == "extra_body" or own.endswith("_fields"):
            more |= cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        elif "cache" in own and value and own not in _ADDS_INPUT:
            stated["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
        elif own in _ADDS_INPUT and value:
            stated["conversation"] = str(value)
        elif own not in _RESERVED:
            stated.setdefault(own, value)
    return stated | more


def _written(response: ModelResponse) -> str:
    """Return all that a model wrote, as far as it shows."""
    pieces = (
        str(piece)
        for part in response.parts
        for name in ("content", "tool_name", "args", "signature")
        if (piece := getattr(part, name, None))
    )
    return "".join(pieces)


def _server_tools(response: ModelResponse) -> tuple[int, bool]:
    """Return the searches that are seen, and whether something ran that nobody counts."""
    kinds = [part for part in response.parts if part.part_kind == "builtin-tool-call"]
    names = [str(getattr(part, "tool_name", "")) for part in kinds]
    counted = response.usage.details.get("web_search_requests", 0)
    searches = max(names.count(_SEARCH), counted)
    has_tried = bool(getattr(response, "failed_attempts", None))
    return searches, has_tried or any(name != _SEARCH for name in names)


def _usage(response: ModelResponse, searches: int) -> dict[str, Any] | None:
    """Return the counts of an answer, whose details stand inside the totals."""
    counts = response.usage
    says_nothing = not (counts.input_tokens or counts.output_tokens)
    if says_nothing or getattr(counts, "unmeasured_requests", 0):
        return None
    hour = getattr(counts, "cache_write_1h_tokens", 0)
    reasoning = getattr(counts, "output_reasoning_tokens", 0)
    return {
        "prompt_tokens": counts.input_tokens,
        "completion_tokens": counts.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": counts.cache_read_tokens,
            "cache_write_tokens": counts.cache_write_tokens,
            "audio_tokens": counts.input_audio_tokens,
            "cached_tokens_details": {"audio_tokens": counts.cache_audio_read_tokens},
        },
        "cache_creation": {
            "ephemeral_1h_input_tokens": hour,
            "ephemeral_5m_input_tokens": counts.cache_write_tokens - hour,
        },
        "completion_tokens_details": {
            "reasoning_tokens": reasoning or counts.details.get("reasoning_tokens", 0),
            "audio_tokens": counts.output_audio_tokens,
        },
        "server_tool_use": {"web_search_requests": searches},
        **_stated_cost(response),
    }


def _stated_cost(response: ModelResponse) -> dict[str, Any]:
    """Return what OpenRouter says that an answer cost, with all that qualifies it."""
    details = response.provider_details or {}
    if response.provider_name != "openrouter" or details.get("cost") is None:
        return {}
    upstream = {"upstream_inference_cost": details.get("upstream_inference_cost")}
    stated = {"cost": details["cost"], "cost_details": upstream}
    return stated | ({"is_byok": details["is_byok"]} if "is_byok" in details else {})
