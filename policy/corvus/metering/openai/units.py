"""What one picture or one recording costs at most, where nothing in a request bounds it (PRC-7).

A request for a picture names no number of tokens, and one with sound does not say how long that is.
The families below have a most that their maker states, or that is known from how it counts. A model
of any other family has no bound, and is refused: what cannot be held is not sent.

Source:
    OpenAI's guide "Image generation" for ``gpt-image-1``, ``-1.5`` and ``-mini`` (6,240 tokens for
    1536x1024 in high quality, 100 more for each partial picture; a picture that is read with high
    fidelity adds as much), community.openai.com/t/1382699 for ``gpt-image-2`` (up to 96 by 96
    tokens, by the area, at most 8,294,400 pixels: 23,719). The page of each model for recordings
    (16,000 tokens of context, 2,000 of output), community.openai.com/t/1306684 for their length
    (1,500 seconds), and the price by the minute next to the one by token for its tokens (1,000 a
    minute). Read 2026-11-29. Others, ``gpt-image-2.5`` and speech among them, state no most.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Raw

from corvus.metering.members import Malformed, is_null, number_of
from corvus.metering.models import bare

DRAWING_TOKENS = 24_000
"""Most that one picture costs of those models of which a most is known."""

_PARTIAL_TOKENS = 100
_PARTIALS_MAX = 3
_FIDELITY_TOKENS = 6_240
_DRAWINGS = (
    (re.compile(r"gpt-image-1(?:\.5|-mini)?(?:-20\d\d-\d\d-\d\d)?|chatgpt-image-latest"), 6_240),
    (re.compile(r"gpt-image-2(?:-20\d\d-\d\d-\d\d)?"), DRAWING_TOKENS),
)
_RECORDINGS = re.compile(r"gpt-4o(?:-mini)?-transcribe(?:-diarize)?(?:-20\d\d-\d\d-\d\d)?")
_SOUND_TOKENS = 32_000
_TRANSCRIPT_TOKENS = 16_000


class Unit(NamedTuple):
    """The most that one answer of a call costs.

    Attributes:
        output_tokens: Of one answer.
        input_tokens: What is read for the call, next to its text and its pictures.
    """

    output_tokens: int
    input_tokens: int = 0


def drawing(model: str, members: Mapping[str, Raw], pictures: int) -> Unit | None:
    """Return the most that one picture costs; ``None`` where nobody knows.

    Args:
        model: As the request names it.
        members: Of the request.
        pictures: How many it has to be read.

    Raises:
        Malformed: It requests a number of partial pictures that is none.
    """
    name = bare(model)
    most = next((tokens for family, tokens in _DRAWINGS if family.fullmatch(name)), None)
    if most is None:
        return None
    partials: int | None = 0
    stated = members.get("partial_images")
    if stated is not None and not is_null(stated):
        partials = number_of(stated)
    if partials is None or not 0 <= partials <= _PARTIALS_MAX:
        raise Malformed("json_invalid", "partial_images must be a whole number from 0 to 3")
    return Unit(most + partials * _PARTIAL_TOKENS, pictures * _FIDELITY_TOKENS)


def recording(model: str, members: Mapping[str, Raw], files: int) -> Unit | None:
    """Return the most that a transcript costs; ``None`` where nobody knows.

    Args:
        model: As the request names it.
        members: Of the request.
        files: How many recordings it has.
    """
    del members
    if _RECORDINGS.fullmatch(bare(model)) is None:
        return None
    return Unit(_TRANSCRIPT_TOKENS, max(files, 1) * _SOUND_TOKENS)
