"""What one model call used, by disjoint kind of token."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class TokenKind(StrEnum):
    """A kind of thing that a provider bills for. Kinds are disjoint: no token is counted twice.

    ``WEB_SEARCH`` counts requests, not tokens; it is billed per request and priced like the others.
    """

    INPUT = "input"
    OUTPUT = "output"
    CACHE_READ = "cache_read"
    CACHE_WRITE_5M = "cache_write_5m"
    CACHE_WRITE_1H = "cache_write_1h"
    REASONING = "reasoning"
    WEB_SEARCH = "web_search"


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one call, each an integer >= 0.

    Cached input is not also input, reasoning not also output.

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

    def __post_init__(self) -> None:
        for name in self.__slots__:  # fields() takes twice as long, seven times for each call
            count = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, int) or count < 0:
                raise ValueError(f"{name} must be an integer >= 0, got {count!r}")

    def by_kind(self) -> dict[TokenKind, int]:
        """Return the counts that are not zero, by kind."""
        counts = {
            TokenKind.INPUT: self.input_tokens,
            TokenKind.OUTPUT: self.output_tokens,
            TokenKind.CACHE_READ: self.cache_read_tokens,
            TokenKind.CACHE_WRITE_5M: self.cache_write_5m_tokens,
            TokenKind.CACHE_WRITE_1H: self.cache_write_1h_tokens,
            TokenKind.REASONING: self.reasoning_tokens,
            TokenKind.WEB_SEARCH: self.web_search_requests,
        }
        return {kind: count for kind, count in counts.items() if count}

    @property
    def context_tokens(self) -> int:
        """All that the model read: input, cache reads and cache writes. Decides the price tier."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
        )

    @property
    def total_tokens(self) -> int:
        """Tokens of all kinds."""
        return self.context_tokens + self.output_tokens + self.reasoning_tokens


COUNTS = tuple(field.name for field in fields(Usage))
"""What is counted of a call, by disjoint kind: the fields of ``Usage``, columns of a record."""

TOKENS = tuple(name for name in COUNTS if name.endswith("_tokens"))
"""Those of ``COUNTS`` that are tokens."""

CONTEXT = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
"""Those of ``TOKENS`` that the model read; their sum decides the price tier."""


@dataclass(frozen=True, slots=True)
class UsagePart:
    """Usage of one model at one price.

    Attributes:
        model: Model that answered; ``None`` when the answer does not say.
        usage: Counts by disjoint kind.
        service_tier: Tier with prices of its own, such as ``flex``, ``priority`` or ``fast``;
            ``None`` is the usual one.
        inference_geo: Region that the call was kept in, where the provider says so.
    """

    model: str | None
    usage: Usage
    service_tier: str | None = None
    inference_geo: str | None = None
