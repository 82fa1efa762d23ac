"""What OpenAI's models can do, and which words of its APIs are which feature (EVA-14).

An item of reasoning in a request is encrypted for the model that wrote it, so a request with one
is for no other model.

Source:
    developers.openai.com/api/docs/models (context, longest answer, endpoints) and the guide
    "Reasoning models", compared with the table of models of litellm 1.110.2; for items of
    reasoning github.com/openai/codex/issues/17541; read 2026-11-28.
"""

from __future__ import annotations

import re

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

_ALL = frozenset((Feature.STRICT, Feature.PICTURES, Feature.PARALLEL_TOOLS))
_WITHOUT_REASONING = _ALL | {Feature.CHAT, Feature.SAMPLING, Feature.STOP, Feature.OLD_MAXIMUM}
_REASONING = _ALL | {Feature.REASONING, Feature.EFFORT, Feature.VERBOSITY, Feature.FREE_TOOLS}
_5 = _REASONING | {Feature.CHAT, Feature.MINIMAL_EFFORT}
_5_1 = _REASONING | {Feature.CHAT, Feature.NO_EFFORT}
_SINCE_5_2 = _5_1 | {Feature.VERY_HIGH_EFFORT}
_SINCE_5_4 = _SINCE_5_2 | {Feature.WHOLE_REASONING}
_6 = _SINCE_5_4 | {Feature.GREATEST_EFFORT}

ABILITIES = tuple(
    (re.compile(family), abilities)
    for family, abilities in (
        (r"gpt-4o(?:-mini)?", Abilities(128_000, 16_384, _WITHOUT_REASONING)),
        (r"gpt-4\.1(?:-mini|-nano)?", Abilities(1_047_576, 32_768, _WITHOUT_REASONING)),
        (r"gpt-5(?:-mini|-nano)?", Abilities(400_000, 128_000, _5, 272_000)),
        (r"gpt-5\.1", Abilities(400_000, 128_000, _5_1, 272_000)),
        (
            r"gpt-5(?:\.1)?-codex(?:-mini|-max)?",
            Abilities(400_000, 128_000, _REASONING, 272_000),
        ),
        (r"gpt-5\.[23]-codex", Abilities(400_000, 128_000, _REASONING, 272_000)),
        (r"gpt-5\.2", Abilities(400_000, 128_000, _SINCE_5_2, 272_000)),
        (r"gpt-5\.4-(?:mini|nano)", Abilities(400_000, 128_000, _SINCE_5_4, 272_000)),
        (
            r"gpt-5\.[45]|gpt-5\.6(?:-luna|-sol|-terra)?",
            Abilities(1_050_000, 128_000, _SINCE_5_4, 922_000),
        ),
        (r"gpt-6-(?:luna|sol)|gpt-6\.1-terra", Abilities(1_050_000, 128_000, _6, 922_000)),
        (
            r"gpt-6-astra|gpt-6\.1-sol",
            Abilities(1_050_000, 128_000, _6 - {Feature.NO_EFFORT}, 922_000),
        ),
    )
)

_PLAIN = (
    "model",
    "stream",
    "metadata",
    "store",
    "user",
    "tools",
    "service_tier",
    "prompt_cache_key",
    "safety_identifier",
    "client_metadata",
    "stream_options",
)


def _choice(value: object) -> Needed:
    match value:
        case "auto" | "none" | "required" | {"type": "function"}:
            return ()
        case _:
            return None


_MEMBERS = {
    "temperature": unless(1, Feature.SAMPLING),
    "top_p": unless(1, Feature.SAMPLING),
    "parallel_tool_calls": always(Feature.PARALLEL_TOOLS),
    "tool_choice": _choice,
}
_ROLES: dict[str, Needed] = {
    f"{place}:{role}": ()
    for place in ("role", "last")
    for role in ("system", "developer", "user", "assistant", "tool")
}
_FORMATS = object_with(
    {
        "type": one_of({"text": (), "json_object": (), "json_schema": (Feature.STRICT,)}),
        "json_schema": always(Feature.STRICT),
        "name": always(Feature.STRICT),
        "schema": always(Feature.STRICT),
        "strict": always(Feature.STRICT),
        "description": always(Feature.STRICT),
    }
)
_VERBOSITY = one_of(dict.fromkeys(("low", "medium", "high"), (Feature.VERBOSITY,)))
_TOOLS: dict[str, Needed] = {
    "type": (),
    "name": (),
    "description": (),
    "function": (),
    "custom": (Feature.FREE_TOOLS,),
    "parameters": (),
    "format": (Feature.FREE_TOOLS,),
    "strict": (Feature.STRICT,),
}


def _included(value: object) -> Needed:
    return (Feature.REASONING,) if value == ["reasoning.encrypted_content"] else None


CHAT = Vocabulary(
    plain=frozenset((*_PLAIN, "messages", "max_completion_tokens")),
    members={
        **_MEMBERS,
        "max_tokens": always(Feature.OLD_MAXIMUM),
        "stop": always(Feature.STOP),
        "reasoning_effort": effort,
        "verbosity": _VERBOSITY,
        "response_format": _FORMATS,
        **dict.fromkeys(
            ("presence_penalty", "frequency_penalty", "logit_bias", "n", "seed"),
            always(Feature.SAMPLING),
        ),
    },
    kinds={
        **_ROLES,
        "text": (),
        "function": (),
        "custom": (Feature.FREE_TOOLS,),
        "image_url": (Feature.PICTURES,),
    },
    tool_members=_TOOLS,
    always=frozenset((Feature.CHAT,)),
)
RESPONSES = Vocabulary(
    plain=frozenset((*_PLAIN, "input", "instructions", "max_output_tokens", "background")),
    members={
        **_MEMBERS,
        "reasoning": object_with(
            {
                "effort": effort,
                "summary": always(Feature.REASONING),
                "context": unless("current_turn", Feature.WHOLE_REASONING),
            }
        ),
        "text": object_with({"format": _FORMATS, "verbosity": _VERBOSITY}),
        "include": _included,
    },
    kinds={
        **_ROLES,
        "message": (),
        "input_text": (),
        "output_text": (),
        "function": (),
        "function_call": (),
        "function_call_output": (),
        "custom": (Feature.FREE_TOOLS,),
        "custom_tool_call": (Feature.FREE_TOOLS,),
        "custom_tool_call_output": (Feature.FREE_TOOLS,),
        "input_image": (Feature.PICTURES,),
    },
    tool_members=_TOOLS,
)
