"""Reads what OpenAI's APIs for pictures and recordings say about usage (PRX-3).

- Pictures come with the tokens of what was read, by modality, and of what was drawn: all of it is
  picture where nobody splits it. A streamed picture says so in the event that completes it.
- A transcript says how many tokens it took, or for older models for how many seconds, which have no
  price here: the call costs what was held for it then. So it does where nothing is said: the bytes
  of a picture, or the words of a transcript, bound nothing.

Source:
    The openai package 3.57.0, ``types/images_response.py``, ``types/image_gen_completed_event.py``,
    ``types/audio/transcription.py`` and ``transcription_text_done_event.py``, read 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from corvus.metering.facts import Json, as_object, member, text_or_none
from corvus.metering.openai_usage import read_counts, stated_counts
from corvus.metering.sse import LIMIT_BYTES
from corvus.metering.tap import BodyTap, StreamTap, Tap, error_of
from corvus.metering.usage import MeteredUsage
from corvus.model.usage import UsagePart

_NO_OUTPUT = re.compile(rb"(?!)()")
_PICTURES_MAX_BYTES = 64 * 1024
_DETAILS = "output_tokens_details"


class PicturesBodyTap(BodyTap):
    """``POST /v1/images/generations`` and ``/edits``: of a long body both ends are read."""

    output_text = _NO_OUTPUT
    costs_hold: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(limit_bytes=_PICTURES_MAX_BYTES)

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        counts = stated_counts(message.get("usage"))
        self.take_cost(member(message, "usage"))
        if counts is not None:
            self.usage = _metered(self, message, _drawn(counts))


class PicturesStreamTap(StreamTap):
    """The same with ``stream: true``."""

    interesting = re.compile(rb'"image_(?:generation|edit)\.completed"|"error"(?!\s*:\s*null)')
    output_text = _NO_OUTPUT
    costs_hold: ClassVar[bool] = True

    def __init__(self, *, limit_bytes: int = 4 * LIMIT_BYTES) -> None:
        super().__init__(limit_bytes=limit_bytes)
        self._parts: tuple[UsagePart, ...] = ()

    @staticmethod
    def may_matter(block: bytes) -> bool:
        """Return whether a picture is complete, or there is an error."""
        return b".completed" in block or b'"error"' in block

    def read(self, message: Json) -> None:
        """Take the data of one event, by its type; several pictures are as many events."""
        kind = text_or_none(message, "type") or ""
        if not kind.endswith(".completed"):
            self.error = error_of(message) or self.error
            return
        counts = stated_counts(message.get("usage"))
        if counts is None:
            return
        one = _metered(self, message, _drawn(counts))
        self._parts += one.parts
        self.usage = MeteredUsage(
            self._parts,
            is_partial=one.is_partial or (self.usage is not None and self.usage.is_partial),
            is_estimated=one.is_estimated or len(self._parts) > 1,
        )

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not, and return the bytes still to relay."""
        rest = super().finish()
        self.is_settled = not self.usage_unknown and not self.has_overflowed
        if self.has_overflowed:
            self.usage = None
        return rest


class TranscriptBodyTap(BodyTap):
    """``POST /v1/audio/transcriptions`` without streaming."""

    output_text = _NO_OUTPUT
    costs_hold: ClassVar[bool] = True

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        counts = stated_counts(message.get("usage"))
        if counts is not None:
            self.usage = _metered(self, message, counts)


class TranscriptStreamTap(StreamTap):
    """The same with ``stream: true``."""

    interesting = re.compile(rb'"transcript\.text\.done"|"error"(?!\s*:\s*null)')
    output_text = _NO_OUTPUT
    costs_hold: ClassVar[bool] = True

    @staticmethod
    def may_matter(block: bytes) -> bool:
        """Return whether the transcript is complete, or there is an error."""
        return b".done" in block or b'"error"' in block

    def read(self, message: Json) -> None:
        """Take the data of one event, by its type."""
        if message.get("type") != "transcript.text.done":
            self.error = error_of(message) or self.error
            return
        counts = stated_counts(message.get("usage"))
        if counts is not None:
            self.usage = _metered(self, message, counts)
            self.is_settled = not self.usage.is_partial


def _drawn(counts: Json) -> Mapping[str, Any]:
    """Return the usage of pictures; what was written is picture where nobody says what it is."""
    if as_object(counts.get(_DETAILS)) or counts.get("output_tokens") is None:
        return counts
    return {**counts, _DETAILS: {"image_tokens": counts["output_tokens"]}}


def _metered(tap: Tap, answer: Json, counts: Json) -> MeteredUsage:
    found = read_counts(counts)
    part = UsagePart(
        text_or_none(answer, "model"),
        found.usage,
        states_modalities=found.states_input and (found.states_output or tap.writes_text),
    )
    return MeteredUsage((part,), is_partial=not found.is_whole, is_estimated=found.is_estimated)
