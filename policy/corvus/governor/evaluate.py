"""The rule that decides, the same for enforcement and for status (EVA-1 to EVA-7, EVA-12).

It is pure and exact: it knows no store, no clock and no configuration file; it is given balances
and answers a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from corvus.base.money import NOTHING, NanoUSD
from corvus.model.budget import Budget
from corvus.model.decision import BudgetState, BudgetStatus, Decision, Denial
from corvus.model.request import MAX_ESTIMATE, require_amount

_SCALE = 10**40
"""Two different percentages of limits up to 9e18 differ by more than one part of this, so that a
percentage scaled by it and cut to an integer orders them exactly."""


class Balance(NamedTuple):
    """What stands against one budget in its present window.

    Attributes:
        spent_nano_usd: Committed cost, nano-USD, >= 0.
        held_nano_usd: Open reservations, nano-USD, >= 0.
        resets_at: End of the window, aware UTC; ``None`` without a calendar window.
    """

    budget: Budget
    spent_nano_usd: NanoUSD
    held_nano_usd: NanoUSD = NOTHING
    resets_at: datetime | None = None


def judge(balances: Sequence[Balance], estimate_nano_usd: NanoUSD) -> tuple[BudgetStatus, ...]:
    """Judge a request by every matching budget; with an estimate of 0, the present status.

    Args:
        balances: One for each matching budget, in the order session, day, month, mission, named.
        estimate_nano_usd: Cost expected of the call, nano-USD, an integer >= 0.

    Returns:
        All statuses in order of precedence: severity, then percent used, then the later budget; the
        first one governs (EVA-7).

    Raises:
        ValueError: An amount is negative or no integer (EVA-10).
    """
    require_amount("estimate", estimate_nano_usd)
    statuses = [_status(balance, estimate_nano_usd) for balance in balances]
    ranked = sorted(range(len(statuses)), key=lambda place: _rank(statuses[place], place))
    return tuple([statuses[place] for place in reversed(ranked)])


def evaluate(balances: Sequence[Balance], estimate_nano_usd: NanoUSD) -> Decision:
    """Evaluate a request: what its statuses decide. It is denied when a budget is exceeded.

    Raises:
        ValueError: An amount is negative or no integer (EVA-10).
    """
    statuses = judge(balances, estimate_nano_usd)
    state = state_of(statuses)
    denial = Denial.BUDGET_EXCEEDED if state is BudgetState.EXCEEDED else None
    return Decision(state, statuses, denial, estimate_nano_usd)


def state_of(statuses: Sequence[BudgetStatus]) -> BudgetState:
    """Return the state that governs; without a budget everything is allowed."""
    return statuses[0].state if statuses else BudgetState.ALLOWED


def _rank(status: BudgetStatus, place: int) -> tuple[int, int, int]:
    limit = status.budget.limit_nano_usd
    used = status.projected_nano_usd * _SCALE // limit if limit else 0
    return status.state, used, place


def _status(balance: Balance, estimate_nano_usd: NanoUSD) -> BudgetStatus:
    budget, spent, held, resets_at = balance
    is_plain = type(spent) is int and type(held) is int
    if not is_plain or not 0 <= spent <= MAX_ESTIMATE or not 0 <= held <= MAX_ESTIMATE:
        require_amount("spent", spent)
        require_amount("held", held)
    projected = spent + held + estimate_nano_usd
    state = _state(projected, budget.limit_nano_usd, budget.warn_at_percent)
    return BudgetStatus(budget, state, spent, held, NanoUSD(projected), resets_at)


def _state(projected: int, limit: int, warn_at_percent: int) -> BudgetState:
    if limit == 0:
        return BudgetState.ALLOWED
    if projected > limit:
        return BudgetState.EXCEEDED
    if projected * 100 >= warn_at_percent * limit:
        return BudgetState.WARNING
    return BudgetState.ALLOWED
