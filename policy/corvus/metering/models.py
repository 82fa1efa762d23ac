"""What is known of models and of vendors: longest answer, name of the maximum, lists (PRC-7).

A maximum above the model's own makes some providers refuse the request, so what is not known gets a
modest one. Families are matched by the start of the name, without what providers put before it.

Source:
    platform.claude.com/docs (models overview), platform.openai.com/docs/models, ai.google.dev
    (models), read 2026-11-28.
"""

from __future__ import annotations

import re
from typing import cast

from corvus.metering.endpoints import Endpoint
from corvus.metering.members import Malformed
from corvus.model.request import TEXT_MAX
from corvus.prices.names import provider_id

OTHER_MODELS = (
    "models",
    "fallbacks",
    "fallback_models",
    "fallback_model",
    "context_window_fallbacks",
    "content_policy_fallbacks",
)
"""Members of a request in which vendors read the models that may answer in place of the first."""

MOST_OUTPUT_TOKENS = 8_192
"""Longest answer that is stated for a model whose own limit is not known."""

_MOST_OUTPUT = tuple(
    (re.compile(pattern), tokens)
    for pattern, tokens in (
        (r"claude-3-(?:opus|sonnet|haiku)", 4_096),
        (r"claude-3-5-", 8_192),
        (r"claude-3-7-", 64_000),
        (r"claude-opus-4(?:-[01])?(?:$|[-@](?:20\d{6}|latest))", 32_000),
        (r"claude-[a-z]+-4(?:-[0-5])?(?:$|[-@](?:20\d{6}|latest))", 64_000),
        (r"claude-[a-z]+-\d", 128_000),
        (r"gpt-3\.5", 4_096),
        (r"gpt-4o-(?:\d{4}-)?(?:audio|realtime)", 4_096),
        (r"gpt-4o-2024-05-13", 4_096),
        (r"(?:chatgpt-4o|gpt-4o)", 16_384),
        (r"gpt-4-(?:turbo|1106|0125|vision)", 4_096),
        (r"gpt-4\.1", 32_768),
        (r"gpt-4\.5", 16_384),
        (r"gpt-5[\w.-]*-chat", 16_384),
        (r"gpt-5", 128_000),
        (r"o1-mini", 65_536),
        (r"o1-preview", 32_768),
        (r"o[134](?:$|-)", 100_000),
        (r"gemini-(?:1\.5|2\.0)", 8_192),
        (r"gemini-(?:2\.5|3)", 65_536),
    )
)
_OWN_MODELS = re.compile(r"(?:ft:)?(?:gpt-(?!oss)|chatgpt-|o\d(?:$|-)|codex-|computer-use-)")
_OPENAI = (None, "openai", "azure")


def bare(model: str) -> str:
    """Return a name in lower case, without the provider or the route before it."""
    name = model.lower().rpartition("/")[2]
    return name.rpartition("anthropic.")[2]


def most_output_of(model: str, provider: str | None) -> int:
    """Return the longest answer to state for a model, thinking included.

    Args:
        model: As it was asked for.
        provider: Who bills, if known; OpenRouter and other resellers may allow less than the maker,
            and clip what is stated instead of refusing it.
    """
    name = bare(model)
    return next((most for family, most in _MOST_OUTPUT if family.match(name)), MOST_OUTPUT_TOKENS)


def name_of_maximum(endpoint: Endpoint, model: str, provider: str | None) -> str:
    """Return under which name a provider reads the maximum.

    OpenAI's reasoning models refuse ``max_tokens``, which is all that many other vendors know.

    Args:
        endpoint: Where the request is sent; not embeddings.
        model: As it was asked for.
        provider: Who is asked, if known.
    """
    if endpoint is Endpoint.RESPONSES:
        return "max_output_tokens"
    is_openai = provider is None or provider_id(provider) in _OPENAI
    if endpoint is Endpoint.CHAT and is_openai and _OWN_MODELS.match(bare(model)):
        return "max_completion_tokens"
    return "max_tokens"


def models_in(member: str, value: object) -> list[str]:
    """Return the models that a member names, in any of the shapes that vendors read.

    Args:
        member: One of ``OTHER_MODELS``, for the error.
        value: What stands there.

    Raises:
        Malformed: Something in it can be no name of a model.
    """
    found: list[str] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        match one:
            case str() as name if 0 < len(name) <= TEXT_MAX:
                found.append(name)
            case list():
                waiting += cast(list[object], one)
            case {"model": str() as name}:
                inner = cast(dict[str, object], one)
                waiting += (name, *(inner.get(other) for other in OTHER_MODELS))
            case dict():
                waiting += (*cast(dict[str, object], one), *cast(dict[str, object], one).values())
            case None:
                pass
            case _:
                raise Malformed("json_invalid", f"{member} must be a list of models")
    return found
