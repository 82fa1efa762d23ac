"""What a provider says one call used, in parts that are priced apart.

One answer may name several models or requests: a call of an advisor, the compaction of a context,
the turns of a tool loop. Each has its own model and its own context, which decides its price tier,
so each is a part (PRX-3).
"""

from __future__ import annotations

from dataclasses import dataclass

from corvus.model.usage import Usage, UsagePart


@dataclass(frozen=True, slots=True)
class MeteredUsage:
    """What one call used, as its answer reports it.

    Attributes:
        parts: At least one; the first is of the model that was called.
        is_partial: Not all totals are final: only the start of the answer was reported, or one of
            them was left out.
        is_estimated: Some count is not the provider's own, but derived from relayed bytes (PRC-7).
        is_at_least: Something was used that the answer does not count: a lower bound (PRC-9).
        states_tier: The answer says which tier served the call, be it the usual one.
    """

    parts: tuple[UsagePart, ...]
    is_partial: bool = False
    is_estimated: bool = False
    is_at_least: bool = False
    states_tier: bool = False

    @property
    def total(self) -> Usage:
        """The counts of all parts together: what was used, not what to price."""
        return add_usage(*(part.usage for part in self.parts))

    @property
    def model(self) -> str | None:
        """Model of the first part."""
        return self.parts[0].model

    @property
    def service_tier(self) -> str | None:
        """Tier of the first part."""
        return self.parts[0].service_tier


@dataclass(frozen=True, slots=True)
class ProviderError:
    """An error that the provider sent instead of an answer, or in the middle of one.

    Attributes:
        kind: The provider's own word for it, such as ``overloaded_error``; may be empty.
        message: Its text, which may quote the request: never log it unredacted.
    """

    kind: str
    message: str


def add_usage(*all_usage: Usage) -> Usage:
    """Add counts kind by kind."""
    if len(all_usage) == 1:
        return all_usage[0]
    return Usage(*(sum(getattr(usage, name) for usage in all_usage) for name in Usage.__slots__))
