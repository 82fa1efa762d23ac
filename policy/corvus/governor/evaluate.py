"""The rule that decides, the same for enforcement and for status (EVA-1 to EVA-7, EVA-12).

It is pure and exact: it knows no store, no clock and no configuration file; it is given balances
and answers a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from corvus.base.money import NanoUSD
from corvus.model.budget import Amounts, Budget
from corvus.model.decision import BudgetState, BudgetStatus, Decision, Denial
from corvus.model.request import MAX_ESTIMATE, require_amount

NO_CALL = Amounts()
"""What a status judges: where a budget stands without a further call (EVA-12)."""

_SCALE = 10**40
"""Two different percentages of limits up to 9e18 differ by more than one part of this, so that a
percentage scaled by it and cut to an integer orders them exactly."""


class Balance(NamedTuple):
    """What stands against one budget in its present window, in the unit of its measure.

    Attributes:
        budget: With the limit that counts for the part.
        spent: What settled calls used, >= 0.
        held: What open reservations may use, >= 0.
        resets_at: End of the window, aware UTC; ``None`` without one.
        part: Which part of a budget with ``per``.
        kept: The part of ``held`` that no call holds, but that is kept free for a share (MIS-5).
    """

    budget: Budget
    spent: int
    held: int = 0
    resets_at: datetime | None = None
    part: str = ""
    kept: int = 0


def judge(balances: Sequence[Balance], estimate: Amounts) -> tuple[BudgetStatus, ...]:
    """Judge a request by every matching budget; with an estimate of ``NO_CALL``, the status now.

    Args:
        balances: One for each matching budget, in the order session, day, month, mission, named.
        estimate: What the call may use, integers >= 0.

    Returns:
        All statuses in order of precedence: severity, then percent used, then the later budget; the
        first one governs (EVA-7).

    Raises:
        ValueError: An amount is negative or no integer (EVA-10).
    """
    require_amount("estimate", estimate.nano_usd)
    require_amount("estimate_tokens", estimate.tokens)
    statuses = [_status(balance, estimate.of(balance.budget.measure)) for balance in balances]
    ranked = sorted(range(len(statuses)), key=lambda place: _rank(statuses[place], place))
    return tuple([statuses[place] for place in reversed(ranked)])


def evaluate(balances: Sequence[Balance], estimate: Amounts) -> Decision:
    """Evaluate a request: what its statuses decide. It is denied when a budget is exceeded.

    Raises:
        ValueError: An amount is negative or no integer (EVA-10).
    """
    statuses = judge(balances, estimate)
    state = state_of(statuses)
    denial = Denial.BUDGET_EXCEEDED if state is BudgetState.EXCEEDED else None
    return Decision(state, statuses, denial, NanoUSD(estimate.nano_usd))


def state_of(statuses: Sequence[BudgetStatus]) -> BudgetState:
    """Return the state that governs; without a budget everything is allowed."""
    return statuses[0].state if statuses else BudgetState.ALLOWED


def _rank(status: BudgetStatus, place: int) -> tuple[int, int, int]:
    limit = status.budget.limit
    used = status.projected * _SCALE // limit if limit else 0
    return status.state, used, place


def _status(balance: Balance, estimate: int) -> BudgetStatus:
    budget, spent, held, resets_at, part, kept = balance
    is_plain = type(spent) is int and type(held) is int
    if not is_plain or not 0 <= spent <= MAX_ESTIMATE or not 0 <= held <= MAX_ESTIMATE:
        require_amount("spent", spent)
        require_amount("held", held)
    projected = spent + held + estimate
    state = _state(projected, budget)
    return BudgetStatus(budget, state, spent, held, projected, resets_at, part, kept)


def _state(projected: int, budget: Budget) -> BudgetState:
    """Return the state of a budget; one that only warns never exceeds."""
    limit = budget.limit
    if limit == 0:
        return BudgetState.ALLOWED
    if projected > limit:
        return BudgetState.EXCEEDED if budget.enforce == "block" else BudgetState.WARNING
    if budget.thresholds and projected * 100 >= budget.thresholds[0] * limit:
        return BudgetState.WARNING
    return BudgetState.ALLOWED
