"""What one model call used, by disjoint kind of token."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter


class TokenKind(StrEnum):
    """A kind of thing that a provider bills for. Kinds are disjoint: no token is counted twice.

    Tokens of sound, pictures and video are kinds of their own; ``input``, ``cache_read`` and
    ``output`` are text, or what nobody told apart. ``FEES`` count uses, not tokens; they are priced
    like the others.
    """

    INPUT = "input"
    OUTPUT = "output"
    CACHE_READ = "cache_read"
    CACHE_WRITE_5M = "cache_write_5m"
    CACHE_WRITE_1H = "cache_write_1h"
    REASONING = "reasoning"
    WEB_SEARCH = "web_search"
    INPUT_AUDIO = "input_audio"
    INPUT_IMAGE = "input_image"
    INPUT_VIDEO = "input_video"
    CACHE_READ_AUDIO = "cache_read_audio"
    CACHE_READ_IMAGE = "cache_read_image"
    OUTPUT_AUDIO = "output_audio"
    OUTPUT_IMAGE = "output_image"
    OUTPUT_VIDEO = "output_video"
    FILE_SEARCH = "file_search"
    CODE_CONTAINER = "code_container"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call used, each an integer >= 0; a field for each ``TokenKind``, in its order.

    Cached input is not also input, reasoning not also output, sound neither.

    Raises:
        ValueError: A count is negative or not an integer (EVA-10).
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    web_search_requests: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    input_video_tokens: int = 0
    cache_read_audio_tokens: int = 0
    cache_read_image_tokens: int = 0
    output_audio_tokens: int = 0
    output_image_tokens: int = 0
    output_video_tokens: int = 0
    file_search_requests: int = 0
    code_containers: int = 0

    def __post_init__(self) -> None:
        for name, count in zip(COUNTS, _counts(self), strict=True):
            # type(), as True is an int, too
            if type(count) is not int or count < 0:
                raise ValueError(f"{name} must be an integer >= 0, got {count!r}")

    def by_kind(self) -> dict[TokenKind, int]:
        """Return the counts that are not zero, by kind."""
        return {kind: count for kind, count in zip(KINDS, _counts(self), strict=True) if count}

    @property
    def context_tokens(self) -> int:
        """All that the model read: input, cache reads and cache writes. Decides the price tier."""
        return sum(_context(self))

    @property
    def total_tokens(self) -> int:
        """Tokens of all kinds."""
        return sum(_tokens(self))


KINDS = tuple(TokenKind)
"""Every kind, in the order of ``COUNTS``."""

COUNTS = tuple(field.name for field in fields(Usage))
"""What is counted of a call, by disjoint kind: the fields of ``Usage``, columns of a record."""

COUNT_OF = dict(zip(KINDS, COUNTS, strict=True))
"""The field of ``Usage`` that counts a kind."""

TOKENS = tuple(name for name in COUNTS if name.endswith("_tokens"))
"""Those of ``COUNTS`` that are tokens."""

FEES = tuple(kind for kind in KINDS if COUNT_OF[kind] not in TOKENS)
"""The kinds that are counted in uses: searches, containers."""

CONTEXT = tuple(name for name in TOKENS if name.startswith(("input_", "cache_")))
"""Those of ``TOKENS`` that the model read; their sum decides the price tier."""

MODALITIES = tuple(kind for kind in KINDS if kind.endswith(("_audio", "_image", "_video")))
"""The kinds of sound, pictures and video."""

_counts = attrgetter(*COUNTS)
_context = attrgetter(*CONTEXT)
_tokens = attrgetter(*TOKENS)


@dataclass(frozen=True, slots=True)
class UsagePart:
    """Usage of one model at one price.

    Attributes:
        model: Model that answered; ``None`` when the answer does not say.
        usage: Counts by disjoint kind.
        service_tier: Tier with prices of its own, such as ``flex``, ``priority`` or ``fast``;
            ``None`` is the usual one.
        inference_geo: Region that the call was kept in, where the provider says so.
        states_modalities: The answer said of which modality its tokens are, or none but text can
            occur in it. Otherwise a price that differs by modality is in doubt
            (``corvus.prices.modality``).
        location: Location of Google Cloud that the call was sent to; ``None`` for any other call.
    """

    model: str | None
    usage: Usage
    service_tier: str | None = None
    inference_geo: str | None = None
    states_modalities: bool = False
    location: str | None = None
