"""What is known of Google's models: longest answers, how they count pictures, what they hold.

Only names that are known have a limit that their provider enforces; a model of a later generation
is stated a maximum instead (EVA-14).

Source:
    ai.google.dev/gemini-api/docs/models and cloud.google.com/vertex-ai/generative-ai/docs/models
    for limits, ai.google.dev/gemini-api/docs/media-resolution for pictures (from Gemini 3 on at
    most 2,240 tokens, before that 258 for each tile of 256 to 768 px), and LiteLLM 1.110.2 for
    both, read 2026-11-29.
"""

from __future__ import annotations

import re

from corvus.metering.abilities import Abilities
from corvus.metering.pictures import PATCHES, Vision

_MILLION = 1_048_576

LONGEST_ANSWERS = (
    (r"gemini-(?:1\.|2\.0)", 8_192),
    (r"gemini-[\w.-]*-tts", 16_384),
    (r"gemini-3\.1-flash-lite-image", 4_096),
    (r"gemini-[\w.-]*image|gemini-nano-banana|nano-banana", 32_768),
    (r"gemini-2\.5-computer-use", 64_000),
    (r"gemini-omni", 57_920),
    (r"gemini-(?:2\.5|3)", 65_535),
    (r"gemini-(?:flash|pro)(?:-lite)?-latest", 65_535),
    (r"gemini-[4-9]", _MILLION),
)
"""By the start of a name, the first that matches; what both of Google's APIs take."""

VISIONS = (
    (r"gemini-(?:[3-9]|nano|omni|flash|pro)", Vision(2_304, 0, 16, 0, 1)),
    (r"gemini", PATCHES),
)
"""Pictures, and pages of documents, by the start of a name."""


def _known(output_tokens: int, context_tokens: int = _MILLION) -> Abilities:
    return Abilities(context_tokens + output_tokens, output_tokens, frozenset(), context_tokens)


ABILITIES = (
    (re.compile(r"gemini-2\.0-flash(?:-lite)?(?:-001)?"), _known(8_192)),
    (
        re.compile(r"gemini-2\.5-(?:pro|flash|flash-lite)(?:-preview(?:-\d\d-\d{2,4})?)?"),
        _known(65_536),
    ),
    (
        re.compile(r"gemini-3(?:\.[1-9])?-(?:pro|flash|flash-lite)(?:-preview)?(?:-customtools)?"),
        _known(65_536),
    ),
    (re.compile(r"gemini-4-(?:argon|hydrogen)"), _known(_MILLION)),
)
"""By whole names."""
