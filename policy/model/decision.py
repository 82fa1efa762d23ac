"""The value of an evaluation: what each budget says, and which one governs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from fractions import Fraction

from policy.model.budget import Budget
from policy.money import NanoUSD


class BudgetState(IntEnum):
    """State of a budget, ordered by severity."""

    ALLOWED = 0
    WARNING = 1
    EXCEEDED = 2

    @property
    def word(self) -> str:
        """The state as it is written everywhere: ``allowed``, ``warning`` or ``exceeded``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """One budget against what was spent, is held and is asked for.

    Attributes:
        percent_used: ``projected / limit * 100``, exact and not clamped; 0 for a limit of 0
            (EVA-3).
        resets_at: End of the window, aware UTC; ``None`` without a calendar window.
    """

    budget: Budget
    state: BudgetState
    spent_nano_usd: NanoUSD
    held_nano_usd: NanoUSD
    projected_nano_usd: NanoUSD
    percent_used: Fraction
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What all matching budgets say; statuses by precedence, the governing one first (EVA-7)."""

    state: BudgetState
    statuses: tuple[BudgetStatus, ...]

    @property
    def governing(self) -> BudgetStatus | None:
        """The status that governs; ``None`` when no budget matches."""
        return self.statuses[0] if self.statuses else None
