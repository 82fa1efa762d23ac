"""What the Vercel AI SDK writes of a call besides ``ai.usage.*``: the provider's own words.

Its counts of input leave out cached tokens where the provider's own do (Anthropic, Bedrock), until
version 6 of the SDK, which has ``ai.usage.inputTokenDetails``. ``ai.response.providerMetadata``
tells: it has Anthropic's raw usage, and the tokens that were written to a cache, which have no
attribute of their own. OpenRouter states there what the call cost.

Source: github.com/vercel/ai, packages ``ai`` (telemetry), ``anthropic``, ``amazon-bedrock``, and
github.com/OpenRouterTeam/ai-sdk-provider, read on 2026-11-28.
"""

from __future__ import annotations

from corvus.usage.importers.importer import Object, count_at, text_at
from corvus.usage.importers.telemetry.spellings import Field
from corvus.usage.importers.telemetry.stated_counts import Stated

_METADATA = "ai.response.providerMetadata."
_READ = (
    "anthropic.usage.cache_read_input_tokens",
    "anthropic.cacheReadInputTokens",
    "bedrock.usage.cacheReadInputTokens",
    "openai.cachedPromptTokens",
)
_WRITTEN = (
    "anthropic.usage.cache_creation_input_tokens",
    "anthropic.cacheCreationInputTokens",
    "bedrock.usage.cacheWriteInputTokens",
)
_WRITTEN_1H = ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",)
_PLAIN_INPUT = "anthropic.usage.input_tokens"
_APART = ("anthropic.", "bedrock.")
_PARTS = ("doGenerate", "doStream", "doEmbed")


def repeats_calls_below(attributes: Object) -> bool:
    """Return whether a span sums up the calls below it, as ``ai.generateText`` does."""
    operation = text_at(attributes, "ai.operationId") or ""
    return operation.startswith("ai.") and not operation.endswith(_PARTS)


def stated_cost(attributes: Object) -> str | None:
    """Return the cost in USD that OpenRouter's answer stated."""
    return text_at(attributes, f"{_METADATA}openrouter.usage.cost")


def add_metadata(attributes: Object, found: Stated) -> None:
    """Add what the provider's own words say of cached tokens.

    Raises:
        BadRecord: A count is none.
    """
    if not any(name.startswith(_METADATA) for name in attributes):
        return
    for kind, names in (
        (Field.CACHE_READ, _READ),
        (Field.CACHE_WRITE, _WRITTEN),
        (Field.CACHE_WRITE_1H, _WRITTEN_1H),
    ):
        count = count_at(attributes, *(f"{_METADATA}{name}" for name in names))
        if count and not found.of(kind):
            found.counts[kind] = count
    plain = count_at(attributes, f"{_METADATA}{_PLAIN_INPUT}")
    if plain is not None:
        found.is_apart = plain == found.of(Field.INPUT)
    elif not any(name.startswith("ai.usage.inputTokenDetails.") for name in attributes):
        stated = [name for name in attributes if name.startswith(_METADATA)]
        found.is_apart = any(
            name.startswith(f"{_METADATA}{apart}")
            and name.removeprefix(_METADATA) in _READ + _WRITTEN
            for name in stated
            for apart in _APART
        )
