"""What listeners are told (OBS-1), after the transaction that made it true was committed.

An event carries amounts and names, never who did something or why: those stay in the audit (OBS-3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

OverrideAction: TypeAlias = Literal["granted", "consumed", "restored", "replaced", "expired"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A budget that a call brought to a threshold.

    Attributes:
        budget_state: ``warning`` or ``exceeded``.
        current_nano_usd: Spent, without what is held.
        projected_nano_usd: Spent, held and asked for; nothing is asked for by a settlement.
        percent_used: Of the limit, two decimals, for reading.
    """

    budget_state: str
    period: str
    budget: str
    current_nano_usd: int
    projected_nano_usd: int
    limit_nano_usd: int
    percent_used: float
    session_id: str
    mission_id: str | None
    surface: str


@dataclass(frozen=True, slots=True)
class BudgetWarning:
    """A call came to the warning threshold of a budget, when it was admitted or when it settled.

    Attributes:
        threshold: Its state is ``exceeded`` where a settlement passed threshold and limit at once.
        is_transition: Whether the budget was below it before; told once per transition and window.
    """

    threshold: Threshold
    is_transition: bool


@dataclass(frozen=True, slots=True)
class BudgetExceeded:
    """A call was refused by a budget."""

    threshold: Threshold


@dataclass(frozen=True, slots=True)
class LimitPassed:
    """What a call really cost, or holds by now, brought a budget over its limit (EVA-15).

    No call was refused by it: the next one may be. Told once per transition and window.
    """

    threshold: Threshold


@dataclass(frozen=True, slots=True)
class BudgetOverride:
    """An override was granted or used, or ended otherwise.

    Attributes:
        session_id: That of the call which used it or gave it back; else the one it is bound to.
        previous_state: State of the budgets just before: when it was granted, of the summary; when
            it was used, of the call. ``None`` when it ended otherwise.
        period: Of the budget that governed then.
    """

    action: OverrideAction
    scope: str
    override_id: str
    session_id: str | None
    surface: str
    previous_state: str | None = None
    period: str | None = None


@dataclass(frozen=True, slots=True)
class ResetApplied:
    """A budget has a new baseline."""

    budget: str
    period: str
    removed_nano_usd: int
    removed_requests: int


@dataclass(frozen=True, slots=True)
class LimitsChanged:
    """Limits are other than before."""

    policy_hash: str


@dataclass(frozen=True, slots=True)
class ReservationExpired:
    """A hold outlived its holder; ``presumed_nano_usd`` was recorded as spent, ``None`` if none."""

    reservation_id: str
    presumed_nano_usd: int | None
    session_id: str
    surface: str


@dataclass(frozen=True, slots=True)
class UnpricedCall:
    """A call has no price; it was refused, or its cost is unknown."""

    model: str
    provider: str
    refused: bool
    surface: str


@dataclass(frozen=True, slots=True)
class Overrun:
    """A call cost more than was held for it."""

    reservation_id: str
    overrun_nano_usd: int
    surface: str


@dataclass(frozen=True, slots=True)
class SettlementCorrected:
    """A meter found a call of its own settled by somebody else, and recorded what it measured.

    Attributes:
        was: ``committed`` or ``released``.
        recorded_nano_usd: What stood before; ``None`` is unknown, or nothing.
        measured_nano_usd: What stands now; ``None`` is unknown.
    """

    reservation_id: str
    was: str
    recorded_nano_usd: int | None
    measured_nano_usd: int | None
    session_id: str
    surface: str


@dataclass(frozen=True, slots=True)
class CallDenied:
    """A call was refused, for whatever reason.

    Attributes:
        denial: ``unpriced_model``, ``mission_ended`` or ``budget_exceeded``.
    """

    denial: str
    surface: str


@dataclass(frozen=True, slots=True)
class CallSettled:
    """An admitted call is over.

    Attributes:
        outcome: ``completed``, ``failed``, ``cancelled``, ``expired``, or ``released`` when nothing
            was spent.
        source: How the cost is known (LED-3); empty when released.
        cost_nano_usd: ``None`` is unknown, or nothing was spent.
        replaced_nano_usd: What had been presumed of it before, and was told of then.
        tokens: Counts that are not 0 by kind, the names of ``TokenKind``.
        first_token_at: Aware UTC; ``None`` when nobody said.
    """

    reservation_id: str
    provider: str
    model: str
    answering_model: str | None
    session_id: str
    mission_id: str | None
    surface: str
    outcome: str
    source: str
    cost_nano_usd: int | None
    replaced_nano_usd: int
    tokens: tuple[tuple[str, int], ...]
    admitted_at: datetime
    settled_at: datetime
    first_token_at: datetime | None = None


Event: TypeAlias = (
    CallDenied
    | CallSettled
    | BudgetWarning
    | BudgetExceeded
    | LimitPassed
    | BudgetOverride
    | ResetApplied
    | LimitsChanged
    | ReservationExpired
    | SettlementCorrected
    | UnpricedCall
    | Overrun
)
