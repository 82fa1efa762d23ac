"""Reads the usage that Google's models report (PRX-3, PRC-8).

- ``promptTokenCount`` holds what came from a cache; thoughts and the results of tools are counted
  next to prompt and answer. A count of 0 is left out, as in all JSON that is made from protocol
  buffers, so a count that is missing is 0 once the answer has ended, and unknown before.
- Details by modality stand inside their totals. Documents are read as text and pictures, which
  cost the same. Cached video is billed as cached text.
- Where nobody says of which modality the cached tokens are, they are text as far as there is text:
  the more expensive reading. What ``totalTokenCount`` holds beyond all other counts is taken for
  thinking. Either makes the counts an estimate.

Source:
    google-genai 3.6, ``types.GenerateContentResponseUsageMetadata``; ai.google.dev/gemini-api/docs
    ("Understand and count tokens", pricing: one input price for "text / image / video"); read
    2026-11-29.
"""

from __future__ import annotations

from dataclasses import dataclass

from corvus.metering.facts import Json, count, objects, text_or_none
from corvus.model.usage import Usage

_PROMPT = "promptTokenCount"
CACHED = "cachedContentTokenCount"
"""What came from a cache, inside the prompt."""

_TOOLS = "toolUsePromptTokenCount"
_ANSWER = "candidatesTokenCount"
_THOUGHTS = "thoughtsTokenCount"
_TOTAL = "totalTokenCount"
_TEXTS = ("TEXT", "DOCUMENT")
_MEDIA = ("AUDIO", "IMAGE", "VIDEO")
_NUMBERED = ("TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")
"""By number from 1 on: clients may request enumerations as numbers."""

_TIERS = {
    "ON_DEMAND": None,
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "STANDARD": None,
    "FLEX": "flex",
    "PRIORITY": "priority",
    "BATCH": "batch",
}
_UNSTATED = ("TRAFFIC_TYPE_UNSPECIFIED", "UNSPECIFIED")


@dataclass(frozen=True, slots=True)
class GeminiCounts:
    """What one usage object says.

    Attributes:
        usage: By disjoint kind, without fees.
        says_read: It says how much was read; no request reads nothing.
        says_written: It says how much was written.
        is_estimated: Some count is a reading of ours, where the object does not say.
        states_input: It says of which modality the tokens are that were read, if any.
        states_output: So it does for those that were written.
    """

    usage: Usage
    says_read: bool
    says_written: bool
    is_estimated: bool
    states_input: bool
    states_output: bool


def read_gemini(counts: Json) -> GeminiCounts:
    """Read one usage object.

    Raises:
        Unusable: A count is none.
    """
    prompt = _Split.of(counts, "promptTokensDetails", count(counts, _PROMPT))
    tools = _Split.of(counts, "toolUsePromptTokensDetails", count(counts, _TOOLS))
    answer = _Split.of(counts, "candidatesTokensDetails", count(counts, _ANSWER))
    cached, is_unclear = _cached(counts, prompt)
    fresh = prompt.without(cached)
    thoughts = count(counts, _THOUGHTS)
    explained = prompt.tokens + tools.tokens + answer.tokens + thoughts
    unexplained = max(0, count(counts, _TOTAL) - explained) if counts.get(_TOTAL) else 0
    usage = Usage(
        input_tokens=fresh.text + tools.text,
        cache_read_tokens=cached.text + cached.video,
        output_tokens=answer.text,
        reasoning_tokens=thoughts + unexplained,
        input_audio_tokens=fresh.audio + tools.audio,
        input_image_tokens=fresh.image + tools.image,
        input_video_tokens=fresh.video + tools.video,
        cache_read_audio_tokens=cached.audio,
        cache_read_image_tokens=cached.image,
        output_audio_tokens=answer.audio,
        output_image_tokens=answer.image,
        output_video_tokens=answer.video,
    )
    return GeminiCounts(
        usage,
        says_read=usage.context_tokens > 0,
        says_written=counts.get(_ANSWER) is not None or answer.tokens > 0 or unexplained > 0,
        is_estimated=is_unclear or unexplained > 0,
        states_input=prompt.is_stated and tools.is_stated,
        states_output=answer.is_stated,
    )


def tier_of_traffic(counts: Json) -> tuple[str | None, bool]:
    """Return the tier that served a call, ``None`` for the usual one, and whether it is stated.

    A tier that has no price of its own, such as capacity that is paid by the hour, keeps its name,
    so that no other price is taken for it.
    """
    named = text_or_none(counts, "trafficType") or text_or_none(counts, "serviceTier")
    if named is None or named.upper() in _UNSTATED:
        return None, False
    return _TIERS.get(named.upper(), named.lower()[:60]), True


@dataclass(frozen=True, slots=True)
class _Split:
    """A total by modality.

    Attributes:
        text: What is no sound, picture or film: the rest of the total.
        is_stated: The details name the modality of all of it, or there is nothing.
    """

    text: int
    audio: int
    image: int
    video: int
    is_stated: bool

    @classmethod
    def of(cls, counts: Json, name: str, total: int) -> _Split:
        found = dict.fromkeys((*_MEDIA, "text"), 0)
        is_known = True
        for detail in objects(counts, name):
            modality = _modality_of(detail)
            many = count(detail, "tokenCount")
            is_known = is_known and (modality in _TEXTS or modality in _MEDIA or not many)
            found[modality if modality in _MEDIA else "text"] += many
        media = sum(found[modality] for modality in _MEDIA)
        stated = media + found["text"]
        return cls(
            text=max(found["text"], total - media),
            audio=found["AUDIO"],
            image=found["IMAGE"],
            video=found["VIDEO"],
            is_stated=not total or (is_known and stated >= total),
        )

    @property
    def media(self) -> int:
        return self.audio + self.image + self.video

    @property
    def tokens(self) -> int:
        return self.text + self.media

    def without(self, cached: _Split) -> _Split:
        """Return what was read afresh."""
        return _Split(
            max(0, self.text - cached.text),
            max(0, self.audio - cached.audio),
            max(0, self.image - cached.image),
            max(0, self.video - cached.video),
            self.is_stated,
        )


def _modality_of(detail: Json) -> str:
    """Return the word for a modality, which may come as its number."""
    named: object = detail.get("modality")
    if isinstance(named, int) and 0 < named <= len(_NUMBERED):
        return _NUMBERED[named - 1]
    return named.upper() if isinstance(named, str) else ""


def _cached(counts: Json, prompt: _Split) -> tuple[_Split, bool]:
    """Return what came from a cache, and whether its modalities are a guess of ours."""
    total = count(counts, CACHED)
    stated = _Split.of(counts, "cacheTokensDetails", total)
    if stated.is_stated or not prompt.media:
        return stated, False
    text = min(total, prompt.text)
    video = min(total - text, prompt.video)
    image = min(total - text - video, prompt.image)
    audio = min(total - text - video - image, prompt.audio)
    beyond = total - text - video - image - audio
    return _Split(text + beyond, audio, image, video, is_stated=False), True
