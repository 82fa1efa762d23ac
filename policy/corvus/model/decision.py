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
        kept: The part of ``held`` that no call holds, but that is kept free for a share (MIS-5).
    """

    budget: Budget
    state: BudgetState
    spent: int
    held: int
    projected: int
    resets_at: datetime | None = None
    part: str = ""
    kept: int = 0

    @property
    def percent_used(self) -> Fraction:
        """``projected / limit * 100``, exact and not clamped; 0 for a limit of 0 (EVA-3)."""
        limit = self.budget.limit
        return Fraction(self.projected * 100, limit) if limit else Fraction(0)

    @property
    def spent_nano_usd(self) -> NanoUSD | None:
        """What settled calls cost; ``None`` of a budget in tokens or calls."""
        return self._money(self.spent)

    @property
    def held_nano_usd(self) -> NanoUSD | None:
        """What open reservations may cost; ``None`` of a budget in tokens or calls."""
        return self._money(self.held)

    @property
    def projected_nano_usd(self) -> NanoUSD | None:
        """Both and the call that is judged; ``None`` of a budget in tokens or calls."""
        return self._money(self.projected)

    def _money(self, amount: int) -> NanoUSD | None:
        return NanoUSD(amount) if self.budget.measure is Measure.USD else None

    @property
    def headroom(self) -> int | None:
        """What may still be spent or held, >= 0; ``None`` when the budget is off."""
        if not self.budget.limit:
            return None
        return max(0, self.budget.limit - self.spent - self.held)


@dataclass(frozen=True, slots=True)
class Decision:
    """What all matching budgets say of a call, and whether it may be made.

    Attributes:
        state: That of the governing budget.
        statuses: By precedence, the governing one first (EVA-7).
        denial: Why the call is refused; ``None`` is an explicit permission (EVA-13).
        estimate_nano_usd: Cost expected of the call; ``None`` when its model has no price.
        reservation: The durable hold of an admitted call; of a call that is ``already_settled``,
            its reservation with what was recorded. ``None`` for all other denials, when governance
            is disabled, and for a decision that reserved nothing.
        override_id: The override that lifted the block of this call.
        override_possible: Whether the policy lets a block be lifted at all (OVR-1).
        max_affordable_output_tokens: The longest output that would still fit, when the caller
            stated its input and the model has a price.
        replayed: Whether this repeats the first answer to the same idempotency key (RES-2).
        policy_hash: Content hash of the policy that decided.
        session_id: Session of the call.
        mission_id: Mission of the call, if it has one.
        model: Model of the call; where one that may answer has no price, that one.
        output_cap_tokens: Most output tokens of one answer that the caller may request; ``None``
            leaves the request as it is (EVA-14).
        downgraded_from: The model that was requested, where ``model`` is to be called in its
            place.
        waited_seconds: How long the call waited for the holds of others, or for a person.
        approval_id: The approval that let the call pass.
        rungs: What was applied to let the call pass, in order.
        resembling: Of a model without a price, up to three ``provider/model`` names that have one
            and are close, closest first.
    """

    state: BudgetState
    statuses: tuple[BudgetStatus, ...]
    denial: Denial | None = None
    estimate_nano_usd: NanoUSD | None = None
    reservation: Reservation | None = None
    override_id: str | None = None
    override_possible: bool = False
    max_affordable_output_tokens: int | None = None
    replayed: bool = False
    policy_hash: str = ""
    session_id: str | None = None
    mission_id: str | None = None
    model: str | None = None
    resembling: tuple[str, ...] = ()
    output_cap_tokens: int | None = None
    downgraded_from: str | None = None
    waited_seconds: float = 0.0
    approval_id: str | None = None
    rungs: tuple[Rung, ...] = ()

    def admitting(self, reservation: Reservation) -> Decision:
        """Return the decision with the hold that it led to; faster than ``replace``."""
        return Decision(
            self.state,
            self.statuses,
            self.denial,
            self.estimate_nano_usd,
            reservation,
            self.override_id,
            self.override_possible,
            self.max_affordable_output_tokens,
            self.replayed,
            self.policy_hash,
            self.session_id,
            self.mission_id,
            self.model,
            self.resembling,
            self.output_cap_tokens,
            self.downgraded_from,
            self.waited_seconds,
            self.approval_id,
            self.rungs,
        )

    @property
    def allowed(self) -> bool:
        """Whether the call may be made."""
        return self.denial is None

    @property
    def governing(self) -> BudgetStatus | None:
        """The status that governs; ``None`` when no budget matches."""
        return self.statuses[0] if self.statuses else None

    @property
    def headroom_nano_usd(self) -> NanoUSD | None:
        """The most expensive call that would still fit every budget; ``None`` without a limit."""
        room = headroom(self.statuses, Measure.USD)
        return None if room is None else NanoUSD(room)


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
