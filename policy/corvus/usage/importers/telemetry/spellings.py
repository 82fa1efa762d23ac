"""How instrumentations name what a call used: one table, from which all that is known follows.

A name is a prefix and a spelling. Before it is looked up it is written in one way: camel case and
dots become underscores, so that ``ai.usage.cachedInputTokens`` is ``ai_usage_`` and
``cached_input_tokens``.

Sources, read on 2026-11-28: the semantic conventions for generative AI before and since September
2026 (open-telemetry/semantic-conventions-genai, pull request 440), pydantic-ai, Logfire, Sentry,
Langfuse, OpenLLMetry, OpenInference, Vercel AI SDK, LiteLLM, OpenLIT, LangSmith, Braintrust,
MLflow, Laminar, Strands, Google ADK, LiveKit, Copilot, and the usage objects of OpenAI, Anthropic,
Gemini and DeepSeek that instrumentations pass on.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

MODALITIES = ("text", "audio", "image", "video")


class Field(StrEnum):
    """What an attribute counts; whether one is part of another is not its business.

    ``THOUGHTS`` are reasoning that stands next to the output, as Gemini counts it; ``REASONING`` is
    part of it. ``CACHED`` is read from or written to a cache, it does not say which.
    ``RESTATED`` repeats, in part or in whole, what other attributes count.
    """

    INPUT = "input"
    OUTPUT = "output"
    TOTAL = "total"
    CACHE_READ = "cache_read"
    CACHE_WRITE = "cache_write"
    CACHE_WRITE_5M = "cache_write_5m"
    CACHE_WRITE_1H = "cache_write_1h"
    CACHED = "cached"
    UNCACHED = "uncached"
    REASONING = "reasoning"
    THOUGHTS = "thoughts"
    TOOL_INPUT = "tool_input"
    WEB_SEARCH = "web_search"
    TEXT_INPUT = "text_input"
    AUDIO_INPUT = "audio_input"
    IMAGE_INPUT = "image_input"
    VIDEO_INPUT = "video_input"
    TEXT_CACHE_READ = "text_cache_read"
    AUDIO_CACHE_READ = "audio_cache_read"
    IMAGE_CACHE_READ = "image_cache_read"
    VIDEO_CACHE_READ = "video_cache_read"
    TEXT_OUTPUT = "text_output"
    AUDIO_OUTPUT = "audio_output"
    IMAGE_OUTPUT = "image_output"
    VIDEO_OUTPUT = "video_output"
    RESTATED = "restated"


PREFIXES = (
    "gen_ai_usage_",
    "gen_ai_usage_details_",
    "gen_ai_usage_experimental_",
    "gen_ai_response_usage_",
    "llm_usage_",
    "llm_token_count_",
    "ai_usage_",
    "openai_usage_",
    "anthropic_usage_",
    "langfuse_observation_usage_details_",
    "mlflow_chat_token_usage_",
    "braintrust_metrics_",
    "github_copilot_usage_",
    "copilot_usage_",
    "codex_usage_",
    "usage_",
)
"""What stands before a spelling, in order of preference."""

_SPELLINGS: dict[Field, tuple[str, ...]] = {
    Field.INPUT: (
        "input_tokens",
        "prompt_tokens",
        "input_token_count",
        "prompt_token_count",
        "input",
        "prompt",
    ),
    Field.OUTPUT: (
        "output_tokens",
        "completion_tokens",
        "output_token_count",
        "completion_token_count",
        "candidates_token_count",
        "candidates_tokens",
        "output",
        "completion",
    ),
    Field.TOTAL: ("total_tokens", "total_token_count", "total"),
    Field.CACHE_READ: (
        "cache_read_input_tokens",
        "cache_read_tokens",
        "cache_read",
        "cached_input_tokens",
        "input_cached_tokens",
        "input_tokens_cached",
        "input_tokens_cache_read",
        "cached_tokens",
        "cached_prompt_tokens",
        "prompt_cached_tokens",
        "prompt_cache_hit_tokens",
        "prompt_cache_read_tokens",
        "prompt_details_cache_read",
        "prompt_cache_read",
        "prompt_tokens_details_cached_tokens",
        "prompt_tokens_details_cache_read",
        "prompt_token_details_cached_tokens",
        "input_tokens_details_cached_tokens",
        "input_tokens_details_cache_read",
        "input_token_details_cached_tokens",
        "input_token_details_cache_read",
        "input_token_details_cache_read_tokens",
        "input_cache_read",
        "input_cached",
        "cached_content_token_count",
        "cached_content_tokens",
        "cache_read_input_token_count",
    ),
    Field.CACHE_WRITE: (
        "cache_write_input_tokens",
        "cache_creation_input_tokens",
        "cache_write_tokens",
        "cache_creation_tokens",
        "cache_create_input_tokens",
        "cache_write",
        "cache_creation",
        "input_tokens_cache_write",
        "input_tokens_cache_creation",
        "prompt_details_cache_write",
        "prompt_details_cache_creation",
        "prompt_cache_creation",
        "prompt_cache_creation_tokens",
        "prompt_cache_write_tokens",
        "prompt_tokens_details_cache_write",
        "prompt_tokens_details_cache_write_tokens",
        "prompt_tokens_details_cache_creation_tokens",
        "input_tokens_details_cache_write_tokens",
        "input_token_details_cache_write",
        "input_token_details_cache_write_tokens",
        "input_token_details_cache_creation",
        "input_cache_creation",
        "input_cache_write",
        "cache_write_input_token_count",
        "cache_creation_input_token_count",
    ),
    Field.CACHED: ("prompt_details_cache_input", "input_tokens_cache_input", "cache_input_tokens"),
    Field.UNCACHED: (
        "prompt_cache_miss_tokens",
        "input_token_details_no_cache_tokens",
        "uncached_input_tokens",
    ),
    Field.REASONING: (
        "reasoning_output_tokens",
        "reasoning_tokens",
        "output_tokens_reasoning",
        "output_reasoning_tokens",
        "output_reasoning",
        "completion_reasoning_tokens",
        "completion_details_reasoning",
        "completion_tokens_details_reasoning",
        "completion_tokens_details_reasoning_tokens",
        "output_tokens_details_reasoning_tokens",
        "output_token_details_reasoning",
        "output_token_details_reasoning_tokens",
        "output_tokens_details_thinking_tokens",
        "thinking_tokens",
        "reasoning",
    ),
    Field.THOUGHTS: ("thoughts_token_count", "thoughts_tokens", "thought_tokens"),
    Field.TOOL_INPUT: ("tool_use_prompt_token_count", "tool_use_prompt_tokens"),
    Field.WEB_SEARCH: ("web_search_requests", "server_tool_use_web_search_requests"),
    Field.RESTATED: (
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
        "completion_tokens_details_accepted_prediction_tokens",
        "completion_tokens_details_rejected_prediction_tokens",
        "system_instruction_tokens",
    ),
}
_HOURS = {Field.CACHE_WRITE_5M: "5m", Field.CACHE_WRITE_1H: "1h"}
_HOUR_SPELLINGS = (
    "cache_write_{}_tokens",
    "cache_write_{}_input_tokens",
    "cache_write_{}",
    "cache_creation_{}_input_tokens",
    "cache_creation_input_tokens_ephemeral_{}",
    "cache_creation_ephemeral_{}_input_tokens",
    "input_tokens_cache_write_{}",
    "prompt_cache_creation_{}_tokens",
    "ephemeral_{}_input_tokens",
)
_MODAL_SPELLINGS = {
    "{}_input": (
        "{}_input_tokens",
        "input_{}_tokens",
        "input_tokens_{}",
        "input_{}",
        "prompt_{}_tokens",
        "{}_prompt_tokens",
        "prompt_details_{}",
        "prompt_tokens_details_{}",
        "prompt_tokens_details_{}_tokens",
        "input_tokens_details_{}_tokens",
        "input_token_details_{}",
        "input_token_details_{}_tokens",
    ),
    "{}_cache_read": (
        "{}_cache_read_input_tokens",
        "cache_read_{}_tokens",
        "cache_read_input_{}_tokens",
        "cache_{}_read_tokens",
        "cached_{}_tokens",
        "input_cached_{}_tokens",
        "{}_cache_tokens",
        "prompt_tokens_details_cached_tokens_details_{}_tokens",
        "input_token_details_cached_tokens_details_{}_tokens",
    ),
    "{}_output": (
        "{}_output_tokens",
        "output_{}_tokens",
        "output_tokens_{}",
        "output_{}",
        "completion_{}_tokens",
        "{}_completion_tokens",
        "{}_candidates_tokens",
        "completion_details_{}",
        "completion_tokens_details_{}",
        "completion_tokens_details_{}_tokens",
        "output_tokens_details_{}_tokens",
        "output_token_details_{}",
        "output_token_details_{}_tokens",
    ),
}
EXACT: dict[str, Field] = {
    "ai_usage_tokens": Field.INPUT,  # embeddings of the Vercel AI SDK
    "braintrust_metrics_tokens": Field.TOTAL,
}
"""Names whose spelling means something else with another prefix."""


def spellings() -> Iterator[tuple[Field, str]]:
    """Yield what stands behind a prefix, and what it counts, the preferred ones first."""
    for field, listed in _SPELLINGS.items():
        for spelling in listed:
            yield field, spelling
    for field, hours in _HOURS.items():
        for spelling in _HOUR_SPELLINGS:
            yield field, spelling.format(hours)
    for kind, listed in _MODAL_SPELLINGS.items():
        for modality in MODALITIES:
            for spelling in listed:
                yield Field(kind.format(modality)), spelling.format(modality)
