"""Reads the usage objects of OpenAI's APIs, and of the many made after them (PRX-3, PRC-8).

Details of a count stand inside its total: what was cached, written to a cache or reasoned, and of
which modality the tokens are. Here they become disjoint kinds. Some vendors count a detail next to
the total instead; that shows in ``total_tokens``, or in a detail that is larger than its total.
What ``total_tokens`` holds beyond all that is stated is taken for thinking, which Google's
compatible API does not name, and the counts are an estimate then.

Counts of sound and pictures hold their cached tokens, too. Where nobody says of which modality the
cached ones are, they are text as far as there is text: the more expensive reading.

A write to the cache is counted as a 5-minute write unless the vendor says that it lasts an hour.

Source:
    The openai package 3.57.0, ``types/completion_usage.py``, ``types/responses/response_usage.py``
    and ``types/realtime``; docs.voyageai.com ("usage" with ``total_tokens`` alone);
    platform.moonshot.ai (``cached_tokens`` next to the totals); docs.litellm.ai "Prompt caching";
    help.aliyun.com "Context cache"; read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from corvus.metering.facts import NOTHING, Json, as_object, count, member
from corvus.model.usage import Usage

READ = ("prompt_tokens", "input_tokens")
"""Names of all that was read."""

WRITTEN = ("completion_tokens", "output_tokens")
"""Names of all that was written."""

_READ_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_WRITTEN_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
_MODALITIES = ("text_tokens", "audio_tokens", "image_tokens", "video_tokens")
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_WRITES = (
    "cache_write_tokens",
    "cache_creation_tokens",
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
)
_LIFETIMES = ("cache_creation", "cache_creation_token_details")


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """What one usage object says.

    Attributes:
        usage: By disjoint kind, without fees.
        is_whole: It says how much was read and how much was written; no request reads nothing.
        is_estimated: Some count is a reading of ours, where the object does not say.
        states_input: It says of which modality the tokens are that were read, if any.
        states_output: So it does for those that were written.
    """

    usage: Usage
    is_whole: bool
    is_estimated: bool
    states_input: bool
    states_output: bool


def stated_counts(usage: object) -> Json | None:
    """Return a usage object that states some total; an empty one says nothing, which is not 0."""
    counts = as_object(usage)
    if counts is None or not (_says(counts, READ) or _says(counts, WRITTEN)):
        return None
    return counts


def read_counts(counts: Json, *, has_output: bool = True) -> ReadCounts:
    """Read one usage object.

    Args:
        counts: As it was decoded, or merged.
        has_output: Whether a model wrote the answer; vectors have none, and all is input.

    Raises:
        Unusable: A count is none.
    """
    totals = _Totals.of(counts, has_output=has_output)
    inside, made = _details(counts, _READ_DETAILS), _details(counts, _WRITTEN_DETAILS)
    found = _Found.of(counts, inside, made)
    apart, unexplained = found.apart(totals)
    read, is_unclear = _read_kinds(totals, found, apart, inside)
    written = _written_kinds(totals, found, apart, made)
    usage = Usage(**read, **written, reasoning_tokens=found.reasoning + unexplained)
    return ReadCounts(
        usage,
        is_whole=bool(usage.context_tokens) and totals.says_written,
        is_estimated=is_unclear or unexplained > 0,
        states_input=not totals.read or _says(inside, _MODALITIES),
        states_output=not totals.written or _says(made, _MODALITIES),
    )


def _read_kinds(
    totals: _Totals, found: _Found, apart: frozenset[str], inside: Json
) -> tuple[dict[str, int], bool]:
    """Split what was read; return also whether nobody says which of it was cached."""
    in_total = found.cached if "cached" not in apart else 0
    plain = totals.read - in_total - (found.writes if "writes" not in apart else 0)
    shown = _Modal.of(inside, totals.read)
    hit_audio, hit_image, is_unclear = shown.cached(inside, in_total, totals.read - found.writes)
    fresh = shown.tokens - hit_audio - hit_image
    kinds = {
        "input_tokens": max(0, plain - (0 if shown.is_apart else fresh)),
        "cache_read_tokens": found.cached - hit_audio - hit_image,
        "cache_write_5m_tokens": found.writes - found.hour_writes,
        "cache_write_1h_tokens": found.hour_writes,
        "input_audio_tokens": shown.audio - hit_audio,
        "input_image_tokens": shown.image - hit_image,
        "input_video_tokens": shown.video,
        "cache_read_audio_tokens": hit_audio,
        "cache_read_image_tokens": hit_image,
    }
    return kinds, is_unclear


def _written_kinds(
    totals: _Totals, found: _Found, apart: frozenset[str], made: Json
) -> dict[str, int]:
    """Split what was written, without what was thought."""
    drawn = _Modal.of(made, totals.written)
    said = totals.written - (found.reasoning if "reasoning" not in apart else 0)
    return {
        "output_tokens": max(0, said - (0 if drawn.is_apart else drawn.tokens)),
        "output_audio_tokens": drawn.audio,
        "output_image_tokens": drawn.image,
        "output_video_tokens": drawn.video,
    }


@dataclass(frozen=True, slots=True)
class _Totals:
    """All that was read and written; one of the two follows from the sum of both."""

    read: int
    written: int
    of_both: int
    says_written: bool

    @classmethod
    def of(cls, counts: Json, *, has_output: bool) -> _Totals:
        read, written = count(counts, *READ), count(counts, *WRITTEN)
        of_both = count(counts, "total_tokens")
        says_read, says_written = _says(counts, READ), _says(counts, WRITTEN)
        if not has_output:
            return cls(read if says_read else of_both - written, written, 0, says_written=True)
        if says_read and not says_written and of_both > read:
            return cls(read, of_both - read, of_both, says_written=True)
        if says_written and not says_read and of_both > written:
            return cls(of_both - written, written, of_both, says_written=True)
        return cls(read, written, of_both, says_written)


@dataclass(frozen=True, slots=True)
class _Found:
    """The details of a total that have prices of their own in every modality."""

    cached: int
    writes: int
    hour_writes: int
    reasoning: int

    @classmethod
    def of(cls, counts: Json, inside: Json, made: Json) -> _Found:
        hour = max(
            count(member(place, name), "ephemeral_1h_input_tokens")
            for place in (inside, counts)
            for name in _LIFETIMES
        )
        short = max(
            count(member(place, name), "ephemeral_5m_input_tokens")
            for place in (inside, counts)
            for name in _LIFETIMES
        )
        writes = max(_largest((inside, counts), _WRITES), hour + short)
        return cls(
            cached=_largest((inside, counts), _CACHED),
            writes=writes,
            hour_writes=hour,
            reasoning=_largest((made, counts), ("reasoning_tokens",)),
        )

    def apart(self, totals: _Totals) -> tuple[frozenset[str], int]:
        """Return which details stand next to their totals, and what nothing explains.

        What is larger than its total does; others where the sum of both says so.
        """
        tokens = {"reasoning": self.reasoning, "cached": self.cached, "writes": self.writes}
        whole = {"reasoning": totals.written}
        larger = {name for name, many in tokens.items() if many > whole.get(name, totals.read)}
        extra = totals.of_both - totals.read - totals.written
        extra -= sum(tokens[name] for name in larger)
        if extra <= 0:
            return frozenset(larger), 0
        others = [name for name, many in tokens.items() if many and name not in larger]
        for size in range(1, len(others) + 1):
            for some in combinations(others, size):
                if sum(tokens[name] for name in some) == extra:
                    return frozenset((*larger, *some)), 0
        return frozenset(larger), extra


@dataclass(frozen=True, slots=True)
class _Modal:
    """The tokens of sound, pictures and video among those that were read or written.

    Attributes:
        is_apart: They are more than the total, so they were counted next to it.
    """

    audio: int
    image: int
    video: int
    is_apart: bool

    @classmethod
    def of(cls, details: Json, total: int) -> _Modal:
        audio, image = count(details, "audio_tokens"), count(details, "image_tokens")
        video = count(details, "video_tokens")
        return cls(audio, image, video, is_apart=audio + image + video > total)

    @property
    def tokens(self) -> int:
        return self.audio + self.image + self.video

    def cached(self, inside: Json, cached: int, read: int) -> tuple[int, int, bool]:
        """Return how many of these were cached, sound and pictures, and whether nobody says so.

        Args:
            inside: The details of what was read.
            cached: Tokens from the cache that are in the total.
            read: The total, without what was written to a cache.
        """
        if self.is_apart or not cached or not (self.audio or self.image):
            return 0, 0, False
        split = member(inside, "cached_tokens_details")
        audio = _largest((split, inside), ("cached_audio_tokens",)) or count(split, "audio_tokens")
        image = _largest((split, inside), ("cached_image_tokens",)) or count(split, "image_tokens")
        is_unclear = not _says(split, _MODALITIES) and not (audio or image)
        if is_unclear and _counts_apart(inside, self, cached, read):
            return 0, 0, False
        if is_unclear:  # what is no text at all must be the others
            beyond = max(0, cached - max(0, read - self.tokens))
            audio = min(self.audio, beyond)
            image = beyond - audio
        audio = min(audio, self.audio, cached)
        return audio, min(image, self.image, cached - audio), is_unclear


def _counts_apart(inside: Json, shown: _Modal, cached: int, read: int) -> bool:
    """Return whether the modalities count only what was not cached."""
    text = count(inside, "text_tokens")
    return text > 0 and text + shown.tokens + cached == read


def _details(counts: Json, names: Sequence[str]) -> Json:
    return next((found for name in names if (found := member(counts, name))), NOTHING)


def _largest(places: Sequence[Mapping[str, object]], names: Sequence[str]) -> int:
    """Return the largest count under any of some names: they are spellings of one."""
    return max(count(place, name) for place in places for name in names)


def _says(counts: Json, keys: Sequence[str]) -> bool:
    return any(counts.get(key) is not None for key in keys)
