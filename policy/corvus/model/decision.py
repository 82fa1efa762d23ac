"""The value of an evaluation: what each budget says, which one governs, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import NamedTuple

from corvus.base.errors import PolicyError
from corvus.base.money import NanoUSD
from corvus.model.budget import Budget, Measure, Rung
from corvus.model.reservation import Reservation


class BudgetState(IntEnum):
    """State of a budget, ordered by severity."""

    ALLOWED = 0
    WARNING = 1
    EXCEEDED = 2

    @property
    def word(self) -> str:
        """The state as it is written everywhere: ``allowed``, ``warning`` or ``exceeded``."""
        return self.name.lower()


class Denial(StrEnum):
    """Why a call is refused."""

    UNPRICED_MODEL = "unpriced_model"
    MISSION_ENDED = "mission_ended"
    ALREADY_SETTLED = "already_settled"
    BUDGET_EXCEEDED = "budget_exceeded"


class BudgetStatus(NamedTuple):
    """One budget against what was spent, is held and would be held, in the unit of its measure.

    Attributes:
        budget: With the limit that counts for the part.
        spent: What settled calls used, >= 0.
        held: What open reservations may use, >= 0.
        projected: Both and the call that is judged.
        resets_at: End of the window, aware UTC; ``None`` without one.
        part: Which part of a budget with ``per``; empty without ``per``.
    """

    budget: Budget
    state: BudgetState
    spent: int
    held: int
    projected: int
    resets_at: datetime | None = None
    part: str = ""

    @property
    def percent_used(self) -> Fraction:
        """``projected / limit * 100``, exact and not clamped; 0 for a limit of 0 (EVA-3)."""
        limit = self.budget.limit
        return Fraction(self.projected * 100, limit) if limit else Fraction(0)

    @property
    def headroom(statuses: Sequence[BudgetStatus], measure: Measure) -> int | None:
    """Return what the tightest of the budgets that refuse has room for; ``None`` without one."""
    left = [
        status.headroom
        for status in statuses
        if status.budget.measure is measure and status.budget.enforce == "block"
    ]
    return min((each for each in left if each is not None), default=None)


class Denied(PolicyError):
    """A call was refused; raised only by the context managers, ``reserve`` returns the decision.

    Attributes:
        decision: All that was decided, with the statuses of all budgets; ``None`` where nothing
            was to be admitted, such as a look-up in the price book.
    """

    code = "denied"

    def __init__(self, message: str, decision: Decision | None = None) -> None:
        super().__init__(message)
        self.decision = decision


class BudgetExceeded(Denied):
    """Token spend: a budget refused the call."""

    code = "budget-exceeded"


class UnpricedModel(Denied):
    """A used model, or a used kind of token, has no price (PRC-2, PRC-5).

    Attributes:
        model: The model as it was named.
    """

    code = "unpriced-model"

    def __init__(self, message: str, model: str, decision: Decision | None = None) -> None:
        super().__init__(message, decision)
        self.model = model


class AmbiguousModel(UnpricedModel):
    """A model name fits several entries of the price book that cost different amounts (PRC-4)."""

    code = "ambiguous-model"


class MissionEnded(Denied):
    """A mission has ended, so it takes no further step and no further call (MIS-4, MIS-5).

    Attributes:
        outcome: Of the mission: ``completed``, ``failed``, ``budget_exhausted`` or
            ``sla_exceeded``.
    """

    code = "mission-ended"

    def __init__(self, message: str, outcome: str, decision: Decision | None = None) -> None:
        super().__init__(message, decision)
        self.outcome = outcome


class AlreadySettled(Denied):
    """The idempotency key belongs to a call that is over: it is no permission (RES-2)."""

    code = "already-settled"
