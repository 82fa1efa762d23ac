"""What Anthropic's models can do, and which words of its Messages API are which feature (EVA-14).

Thinking of earlier turns is no feature of its own: a model that cannot read a block of another one
passes over it without an error.

Source:
    platform.claude.com/docs: models overview, "Extended thinking", "Adaptive thinking", "Effort",
    "Preserved thinking" (switching models), "Context editing" (supported models), compared with the
    table of models of litellm 1.110.2; read 2026-11-28. Betas: those that Claude Code 2.1 sends
    with Opus 4.8 and with Haiku 5.5 alike, recorded 2026-11-28.
"""

from __future__ import annotations

import re
from typing import cast

from corvus.metering.abilities import (
    Abilities,
    Feature,
    Needed,
    Vocabulary,
    always,
    effort,
    object_with,
    one_of,
    unless,
)

_ALL = frozenset((Feature.PICTURES, Feature.DOCUMENTS, Feature.FORCED_TOOLS))
_OLD = _ALL | {Feature.THINKING, Feature.NO_THINKING, Feature.SAMPLING, Feature.PREFILL}
_SINCE_4_5 = _OLD | {Feature.STRICT, Feature.CONTEXT_EDITING}
_4_6 = (_SINCE_4_5 - {Feature.PREFILL}) | {
    Feature.ADAPTIVE_THINKING,
    Feature.EFFORT,
    Feature.GREATEST_EFFORT,
}
_SINCE_4_7 = (_4_6 - {Feature.THINKING, Feature.SAMPLING}) | {Feature.VERY_HIGH_EFFORT}
_SINCE_4_8 = _SINCE_4_7 | {Feature.LATER_SYSTEM}
_ALWAYS_THINKING = _SINCE_4_8 - {Feature.NO_THINKING, Feature.FORCED_TOOLS}

ABILITIES = tuple(
    (re.compile(family), abilities)
    for family, abilities in (
        (r"claude-opus-4(?:-[01])?", Abilities(200_000, 32_000, _OLD)),
        (r"claude-sonnet-4(?:-0)?", Abilities(200_000, 64_000, _OLD)),
        (r"claude-(?:sonnet|haiku)-4-5", Abilities(200_000, 64_000, _SINCE_4_5)),
        (r"claude-opus-4-5", Abilities(200_000, 64_000, _SINCE_4_5 | {Feature.EFFORT})),
        (r"claude-(?:opus|sonnet)-4-6", Abilities(1_000_000, 128_000, _4_6)),
        (r"claude-opus-4-7", Abilities(1_000_000, 128_000, _SINCE_4_7)),
        (r"claude-opus-4-8|claude-(?:opus|sonnet)-5", Abilities(1_000_000, 128_000, _SINCE_4_8)),
        (r"claude-haiku-5-5", Abilities(1_000_000, 128_000, _SINCE_4_8)),
        (
            r"claude-(?:opus|sonnet)-5-5|claude-(?:fable|mythos)-5(?:-[12])?",
            Abilities(1_000_000, 128_000, _ALWAYS_THINKING),
        ),
    )
)


def _thinking(value: object) -> Needed:
    match value:
        case {"type": "enabled"}:
            needed, known = Feature.THINKING, {"type", "budget_tokens", "display"}
        case {"type": "adaptive"}:
            needed, known = Feature.ADAPTIVE_THINKING, {"type", "display"}
        case {"type": "disabled"}:
            needed, known = Feature.NO_THINKING, {"type"}
        case _:
            return None
    return (needed,) if cast(dict[str, object], value).keys() <= known else None


def _choice(value: object) -> Needed:
    kind = cast(dict[str, object], value).get("type") if isinstance(value, dict) else None
    return one_of(
        {"auto": (), "none": (), "any": (Feature.FORCED_TOOLS,), "tool": (Feature.FORCED_TOOLS,)}
    )(kind)


MESSAGES = Vocabulary(
    plain=frozenset(
        (
            "model",
            "messages",
            "system",
            "max_tokens",
            "stream",
            "metadata",
            "stop_sequences",
            "tools",
            "cache_control",
            "service_tier",
        )
    ),
    members={
        "temperature": unless(1, Feature.SAMPLING),
        "top_p": always(Feature.SAMPLING),
        "top_k": always(Feature.SAMPLING),
        "thinking": _thinking,
        "output_config": object_with({"effort": effort, "format": always(Feature.STRICT)}),
        "context_management": always(Feature.CONTEXT_EDITING),
        "tool_choice": _choice,
    },
    kinds={
        "text": (),
        "tool_use": (),
        "tool_result": (),
        "thinking": (),
        "redacted_thinking": (),
        "base64": (),
        "url": (),
        "custom": (),
        "image": (Feature.PICTURES,),
        "document": (Feature.DOCUMENTS,),
        "role:user": (),
        "role:assistant": (),
        "role:system": (Feature.LATER_SYSTEM,),
        "last:user": (),
        "last:assistant": (Feature.PREFILL,),
        "last:system": (Feature.LATER_SYSTEM,),
    },
    tool_members={
        "name": (),
        "description": (),
        "input_schema": (),
        "cache_control": (),
        "type": (),
        "strict": (Feature.STRICT,),
    },
    betas={
        "claude-code": (),
        "interleaved-thinking": (),
        "thinking-token-count": (),
        "prompt-caching-scope": (),
        "prompt-caching": (),
        "extended-cache-ttl": (),
        "context-management": (Feature.CONTEXT_EDITING,),
        "mid-conversation-system": (Feature.LATER_SYSTEM,),
        "effort": (Feature.EFFORT,),
    },
)
