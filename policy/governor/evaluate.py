"""The rule that decides, the same for enforcement and for status (EVA-1 to EVA-7, EVA-12).

It is pure and exact: it knows no store, no clock and no configuration file; it is given balances
and answers a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from policy.model.budget import Budget
from policy.model.decision import BudgetState, BudgetStatus, Decision
from policy.money import NanoUSD

_ZERO = Fraction(0)
_NOTHING = NanoUSD(0)


@dataclass(frozen=True, slots=True)
class Balance:
    """What stands against one budget in its present window.

    Attributes:
        spent_nano_usd: Committed cost, nano-USD, >= 0.
        held_nano_usd: Open reservations, nano-USD, >= 0.
        resets_at: End of the window, aware UTC; ``None`` without a calendar window.
    """

    budget: Budget
    spent_nano_usd: NanoUSD
    held_nano_usd: NanoUSD = _NOTHING
    resets_at: datetime | None = None


def evaluate(balances: Sequence[Balance], estimate_nano_usd: NanoUSD) -> Decision:
    """Evaluate a request against every matching budget; with an estimate of 0, the present status.

    Args:
        balances: One for each matching budget, in the order session, day, month, mission, named.
        estimate_nano_usd: Cost expected of the call, nano-USD, an integer >= 0.

    Returns:
        All statuses in order of precedence: severity, then percent used, then the later budget
        (EVA-7).

    Raises:
        ValueError: An amount is negative or no integer (EVA-10).
    """
    _require_amount("estimate", estimate_nano_usd)
    statuses = [_status(balance, estimate_nano_usd) for balance in balances]
    ranked = sorted(
        enumerate(statuses),
        key=lambda item: (item[1].state, item[1].percent_used, item[0]),
        reverse=True,
    )
    ordered = tuple(status for _, status in ranked)
    return Decision(ordered[0].state if ordered else BudgetState.ALLOWED, ordered)


def _status(balance: Balance, estimate_nano_usd: NanoUSD) -> BudgetStatus:
    _require_amount("spent", balance.spent_nano_usd)
    _require_amount("held", balance.held_nano_usd)
    projected = balance.spent_nano_usd + balance.held_nano_usd + estimate_nano_usd
    limit = balance.budget.limit_nano_usd
    return BudgetStatus(
        budget=balance.budget,
        state=_state(projected, limit, balance.budget.warn_at_percent),
        spent_nano_usd=balance.spent_nano_usd,
        held_nano_usd=balance.held_nano_usd,
        projected_nano_usd=NanoUSD(projected),
        percent_used=Fraction(projected * 100, limit) if limit else _ZERO,
        resets_at=balance.resets_at,
    )


def _state(projected: int, limit: int, warn_at_percent: int) -> BudgetState:
    if limit == 0:
        return BudgetState.ALLOWED
    if projected > limit:
        return BudgetState.EXCEEDED
    if projected * 100 >= warn_at_percent * limit:
        return BudgetState.WARNING
    return BudgetState.ALLOWED


def _require_amount(name: str, amount: object) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        raise ValueError(f"{name} must be an integer of nano-USD >= 0, got {amount!r}")
