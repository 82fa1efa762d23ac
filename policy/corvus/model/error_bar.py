"""The bounds of a recorded cost, and what makes them (REC-1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class LastReconciliation:
    """What was found when a provider's bill was last held against the ledger.

    Attributes:
        reconciled_at: UTC, naive.
        billed_nano_usd: What was billed; ``None`` where the bill had counts alone, as the gap.
        gap_nano_usd: That less what was recorded.
        is_within: Whether it was within the tolerance.
    """

    provider: str
    reconciled_at: datetime
    first_day: date
    last_day: date
    billed_nano_usd: int | None
    gap_nano_usd: int | None
    is_within: bool


@dataclass(frozen=True, slots=True)
class ErrorBar:
    """The bounds of a recorded cost, and what makes them.

    Attributes:
        calls: All calls.
        low_nano_usd: Cost without estimates; lower bounds are in it.
        estimated_nano_usd: Estimates.
        estimated_calls: Calls whose cost is an estimate, …
        unknown_calls: … is unknown, …
        at_least_calls: … and is a lower bound.
        reconciliations: The last one of each provider.
    """

    calls: int
    low_nano_usd: int
    estimated_nano_usd: int
    estimated_calls: int
    unknown_calls: int
    at_least_calls: int
    reconciliations: tuple[LastReconciliation, ...] = ()

    @property
    def recorded_nano_usd(self) -> int:
        """The recorded cost: what reports of spend show."""
        return self.low_nano_usd + self.estimated_nano_usd

    @property
    def high_nano_usd(self) -> int | None:
        """The most that it can be; ``None`` where costs are unknown or lower bounds."""
        return None if self.unknown_calls or self.at_least_calls else self.recorded_nano_usd

    @property
    def is_exact(self) -> bool:
        """Whether every cost is exact."""
        return not (self.estimated_calls or self.unknown_calls or self.at_least_calls)

    def share_percent(self, calls: int) -> Decimal:
        """Return some calls as a percentage of all, with two decimals."""
        return (Decimal(100 * calls) / (self.calls or 1)).quantize(Decimal("0.01"))
