"""A call that is parked until a person lets it pass or refuses it (EVA-14)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from corvus.base.money import NanoUSD
from corvus.model.budget import Measure
from corvus.model.request import Surface, require_amount, require_text


class ApprovalState(StrEnum):
    """Life of an approval: ``pending``, then decided or over; an approved one is used once."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"
    EXPIRED = "expired"
    """Nobody decided in time, or the call has left or passed without it."""

    @property
    def is_open(self) -> bool:
        """Whether the call may still pass by it."""
        return self in (ApprovalState.PENDING, ApprovalState.APPROVED)


class BlockingBudget(NamedTuple):
    """A budget that refuses a parked call; amounts are in the unit of its measure.

    Attributes:
        budget: Its name.
        part: Of a budget with ``per``: whose sum, as it is shown; empty without.
        needed: What the call may use.
        left: What the budget has room for, >= 0.
    """

    budget: str
    part: str
    measure: Measure
    limit: int
    spent: int
    held: int
    needed: int
    left: int


@dataclass(frozen=True, slots=True)
class Approval:
    """A parked call, and what became of it.

    Attributes:
        id: UUIDv7 text.
        parked_at: Aware UTC.
        deadline_at: Aware UTC; from then on nobody can let it pass.
        alive_until_us: Its caller is still there, microseconds; he says so again and again.
        principal: Whose call it is: the id of a token, or ``LOCAL``. It cannot approve itself.
        budgets: The budgets that refuse it, the governing one first, as JSON (``blocking``).
        estimate_nano_usd: What the call may cost; ``None`` is unknown.
        decided_by: Who decided.
        reason: Why, in his words.
        amount_nano_usd: What the call may cost at most, where that was said.
        decided_at: Aware UTC.
    """

    id: str
    parked_at: datetime
    deadline_at: datetime
    alive_until_us: int
    principal: str
    session_id: str
    model: str
    provider: str
    surface: str
    budgets: str
    estimate_nano_usd: NanoUSD | None = None
    estimate_tokens: int = 0
    state: ApprovalState = ApprovalState.PENDING
    project: str | None = None
    user: str | None = None
    agent: str | None = None
    mission_id: str | None = None
    decided_by: str | None = None
    reason: str | None = None
    amount_nano_usd: NanoUSD | None = None
    decided_at: datetime | None = None

    @property
    def blocking(self) -> list[BlockingBudget]:
        """The budgets that refuse it, the governing one first."""
        kept = [BlockingBudget(**each) for each in json.loads(self.budgets)]
        return [each._replace(measure=Measure(each.measure)) for each in kept]


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What a person decides of a parked call.

    Attributes:
        approval_id: Of which call.
        actor: Who decides, as the audit names him.
        is_granted: Whether the call may pass.
        principal: The id of the token that decides; ``None`` for the local user and for whoever
            holds the link.
        amount_nano_usd: What it may cost at most, >= 0; ``None`` is what it was parked with.
        reason: Why.
        surface: Where the decision comes from.
    """

    approval_id: str
    actor: str
    is_granted: bool
    principal: str | None = None
    amount_nano_usd: NanoUSD | None = None
    reason: str | None = None
    surface: str = Surface.PYTHON

    def __post_init__(self) -> None:
        require_text(self.actor, self.reason)
        if self.amount_nano_usd is not None:
            require_amount("amount", self.amount_nano_usd)
