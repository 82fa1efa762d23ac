"""Writes calls and answers of LiteLLM down as its providers would state them.

LiteLLM takes the words of OpenAI for every provider, so they can be read as they are. What it adds
for itself is left out; what it computes, such as counts of its own tokeniser, is not what a
provider reports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from corvus.clients.extras import imports_of
from corvus.clients.faults import causes_of, has_never_left
from corvus.clients.model_call import CallText, ModelCall
from corvus.metering.facts import as_object
from corvus.metering.provider import Endpoint
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, EMBEDDINGS, RESPONSES
from corvus.prices.lookup import PriceBooks

with imports_of("litellm"):
    import litellm

METERED: dict[str, Endpoint] = {
    "completion": CHAT,
    "text_completion": CHAT,
    "responses": RESPONSES,
    "anthropic_messages": MESSAGES,
    "embedding": EMBEDDINGS,
    "embeddings": EMBEDDINGS,  # as its proxy names it
}
"""Functions of LiteLLM whose calls are metered, by name, and in whose words their answers come."""

FREE = re.compile(
    r"moderation|count_tokens|mcp|create_file|create_thread|add_message|(?:get|list|retrieve|delete|cancel)_|"
    r"(?:file|vector_store|video|container)\w*_(?:list|retrieve|delete|content)"
)
"""Functions that cost nothing."""

_OWN = re.compile(
    r"litellm_|metadata$|api_|base_url$|headers$|extra_headers$|client$|custom_llm_provider$|"
    r"timeout$|num_retries$|max_retries$|cach|mock_|fallbacks$|logger_fn$|model_info$|"
    r"proxy_server_request$|deployment_id$|model_list$|user_continue_message$|callbacks$|"
    r"success_callback$|failure_callback$|preset_cache_key$|no-log$|specific_deployment$|"
    r"attempted_targets$|shared_session$|a(?:completion|embedding|responses)$"
)
"""Arguments that LiteLLM reads itself, by how they begin or are named; no provider gets them."""

_MAXIMA = {
    "completion": ("max_completion_tokens", "max_tokens"),
    "text_completion": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "anthropic_messages": ("max_tokens",),
}
_REPORTS_IN_STREAMS = frozenset(
    {"anthropic", "bedrock", "cohere", "cohere_chat", "deepseek", "gemini", "mistral", "vertex_ai"}
)
"""Providers whose streams say what they used without being asked.

For any other, LiteLLM counts with a tokeniser of its own where the stream does not say it, and does
not say that it did.

Source:
    litellm 1.110.2, ``litellm_core_utils/streaming_chunk_builder_utils.py`` ("calculate_usage").
"""

_STATE_COST = ("openrouter", "perplexity", "xai")
_WITH_OPENAI_SDK = ("openai", "custom_openai", "hosted_vllm")


def function_of(call_type: object) -> str:
    """Return the name of a function of LiteLLM, in its synchronous spelling."""
    name = str(getattr(call_type, "value", call_type) or "").removeprefix("_")
    return name.removeprefix("a") if name.removeprefix("a") in METERED else name


def call_text(kwargs: Mapping[str, Any], endpoint: Endpoint, books: PriceBooks) -> CallText:
    """Return a call as its provider would be asked.

    Args:
        kwargs: Arguments of the function; what was given by position stands in its logging object.
        endpoint: Whose words they are.
        books: Which know whose prices there are.
    """
    logging: Any = kwargs.get("litellm_logging_obj")
    model, provider = _resolved(_named(kwargs), kwargs)
    body = {
        name: value
        for name, value in kwargs.items()
        if value is not None and not _OWN.match(name) and not callable(value)
    }
    if endpoint is not EMBEDDINGS and "input" not in body and "messages" not in body:
        body["messages"] = body.pop("prompt", None) or getattr(logging, "messages", None) or []
    body = {**body, "model": _base_model(kwargs) or model}
    body |= as_object(body.pop("extra_body", None)) or {}
    address = kwargs.get("api_base") or kwargs.get("base_url")
    host = urlsplit(str(address)).hostname if address else None
    is_known = books.knows_provider(provider) and not (host and provider in _WITH_OPENAI_SDK)
    return CallText(endpoint, body, host=host, provider=provider if is_known else None)


def admitted(
    kwargs: Mapping[str, Any], function: str, text: CallText, call: ModelCall
) -> dict[str, Any]:
    """Return the arguments of a call in the form that it was admitted in.

    A stream is to say what it used, and what LiteLLM would repeat without a hold is not repeated.
    """
    changed = {**kwargs}
    if not is_of_router(kwargs):
        changed |= {"num_retries": 0, "max_retries": 0}
        for name in ("retry_policy", "context_window_fallback_dict"):
            changed.pop(name, None)
    more = as_object(kwargs.get("extra_body"))
    if call.maximum_tokens is not None:
        names = _MAXIMA[function]
        stated = [name for name in names if kwargs.get(name) is not None] or [names[-1]]
        changed |= dict.fromkeys(stated, call.maximum_tokens)
        if more is not None:
            changed["extra_body"] = more = call.changed_in(more, text)
    if function == "completion" and _may_request_usage(kwargs):
        options = {"stream_options": {"include_usage": True}}
        changed["extra_body"] = {**(more or {}), **options}
    return changed


def answer_of(response: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as the provider stated it; without usage where it is LiteLLM's own count.

    Args:
        response: As LiteLLM gave it.
        kwargs: Of the call, or what LiteLLM keeps of it.
    """
    dump = getattr(response, "model_dump", None)
    answer = cast("dict[str, Any]", {**(dump(warnings=False) if dump else response)})
    if str(answer.get("type", "")).startswith("response."):  # the event that ended a stream
        answer = cast("dict[str, Any]", as_object(answer.get("response")) or {})
    is_reported = "choices" not in answer or _is_reported(kwargs)
    usage = as_object(answer.get("usage"))
    names = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens")
    if usage is None or not any(usage.get(name) for name in names) or not is_reported:
        return {name: value for name, value in answer.items() if name != "usage"}
    provider = _provider(kwargs)
    kept = {name: value for name, value in usage.items() if value is not None}
    if provider not in _STATE_COST:
        kept.pop("cost", None)
    return {**answer, "usage": kept}


def request_id_of(response: Any) -> str | None:
    """Return by which id the provider knows a call."""
    hidden = as_object(getattr(response, "_hidden_params", None)) or {}
    headers = as_object(hidden.get("additional_headers")) or {}
    found = (headers.get(f"llm_provider-{name}") for name in ("request-id", "x-request-id"))
    return next((one for one in found if isinstance(one, str)), None)


class Unanswered(Exception):
    """A fault of LiteLLM of which no provider has shown that it answered with an error."""


def fault_of(fault: BaseException, kwargs: Mapping[str, Any]) -> BaseException:
    """Return what a fault says of its call: LiteLLM states a status also where nobody answered.

    One that begins with 4 is believed, for LiteLLM makes none of those up but of a timeout (408);
    any other where the headers of an answer are there. None is, once a part of a stream has come.

    Args:
        fault: As LiteLLM raises it.
        kwargs: Of the call, or what LiteLLM keeps of it.
    """
    if isinstance(fault, Exception) and kwargs.get("stream") and _has_begun(kwargs):
        return Unanswered(str(fault))
    if not isinstance(fault, Exception) or has_never_left(fault):
        return fault
    for cause in causes_of(fault):
        status = getattr(cause, "status_code", None)
        response = getattr(cause, "response", None)
        has_answer = bool(getattr(response, "headers", None))
        if isinstance(status, int) and (has_answer or (400 <= status < 500 and status != 408)):
            return cause
    return Unanswered(str(fault))


def _has_begun(kwargs: Mapping[str, Any]) -> bool:
    """Return whether a part of the answer has come."""
    return kwargs.get("completion_start_time") is not None


def _named(kwargs: Mapping[str, Any]) -> str:
    """Return the model as the caller names it, by name or by position."""
    logging: Any = kwargs.get("litellm_logging_obj")
    return str(kwargs.get("model") or getattr(logging, "model", None) or "")


def _resolved(model: str, kwargs: Mapping[str, Any]) -> tuple[str, str]:
    """Return a model without what LiteLLM puts before its name, and who serves it."""
    if not model:
        return "", ""
    try:
        found = litellm.get_llm_provider(
            model=model,
            custom_llm_provider=kwargs.get("custom_llm_provider"),
            api_base=kwargs.get("api_base"),
        )
    except Exception:  # LiteLLM does not know it either
        return model, str(kwargs.get("custom_llm_provider") or "")
    return found[0], found[1]


def _base_model(kwargs: Mapping[str, Any]) -> str | None:
    """Return the model behind a deployment, where the config of LiteLLM names it."""
    infos = (kwargs.get("model_info"), (as_object(kwargs.get("metadata")) or {}).get("model_info"))
    named = (info.get("base_model") for one in infos if (info := as_object(one)) is not None)
    return next((name for name in (kwargs.get("base_model"), *named) if name), None)


def is_of_router(kwargs: Mapping[str, Any]) -> bool:
    """Return whether a router makes the call: it repeats calls as calls of their own."""
    places = (as_object(kwargs.get(name)) for name in ("metadata", "litellm_metadata"))
    return any("model_group" in place for place in places if place is not None)


def _provider(kwargs: Mapping[str, Any]) -> str:
    return str(kwargs.get("custom_llm_provider") or "") or _resolved(_named(kwargs), kwargs)[1]


def _asks_usage(kwargs: Mapping[str, Any]) -> bool:
    places = [as_object(kwargs.get("stream_options"))]
    for name in ("extra_body", "optional_params"):
        inner = as_object(kwargs.get(name)) or {}
        body = as_object(inner.get("extra_body")) or {}
        places += [as_object(inner.get("stream_options")), as_object(body.get("stream_options"))]
    return any(place.get("include_usage") is True for place in places if place is not None)


def _may_request_usage(kwargs: Mapping[str, Any]) -> bool:
    """Return whether a stream is to be asked for its usage behind the back of LiteLLM's reader."""
    return (
        bool(kwargs.get("stream"))
        and not _asks_usage(kwargs)
        and _provider(kwargs) in _WITH_OPENAI_SDK
    )


def _is_reported(kwargs: Mapping[str, Any]) -> bool:
    """Return whether the counts of an answer are its provider's own."""
    if not kwargs.get("stream"):
        return True
    return _asks_usage(kwargs) or _provider(kwargs) in _REPORTS_IN_STREAMS
