"""What a stored sum says of a budget, for a person: its window, what was spent and refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from corvus.base.money import NanoUSD
from corvus.base.period import Period, Window, window_at
from corvus.base.time import instant_at
from corvus.model.budget import Budget
from corvus.model.decision import BudgetStatus
from corvus.model.refusals import Refusals
from corvus.model.spend import Spend
from corvus.store.api import StoredBalance

RECENT = timedelta(hours=1)
"""For how long a budget counts as refusing after a refusal, while such a call would not fit."""


def spend_of(stored: StoredBalance) -> Spend:
    """Return what settled calls used."""
    cost = NanoUSD(stored.spent_nano_usd)
    return Spend(cost, stored.calls, stored.unpriced_calls, stored.tokens)


def has_call(stored: StoredBalance) -> bool:
    """Return whether a call is counted in a sum, or was since its last reset."""
    return bool(stored.calls or stored.held_calls or stored.since_us)


def window_of(budget: Budget, now: datetime, start_us: int) -> Window | None:
    """Return the present window of a sum.

    Args:
        budget: The budget.
        now: The present instant, aware.
        start_us: When the window opened, where a call opens it, microseconds.
    """
    if budget.period is not Period.WINDOW:
        return window_at(budget.period, now, budget.timezone)
    start = instant_at(start_us)
    return Window(start, start + timedelta(seconds=budget.window_seconds))


def refusals_of(
    refusals: Refusals | None, status: BudgetStatus, now: datetime, *, is_enabled: bool
) -> Refusals | None:
    """Return what a sum refused, and whether it refuses at present (DSH-4).

    It does while no call was admitted since the last refusal; and for an hour while a call like
    the one refused last would not fit. Nothing is refused while governance is disabled.
    """
    if refusals is None:
        return None
    left = status.headroom
    would_fit = left is None or (refusals.needed is not None and refusals.needed <= left)
    is_recent = now - refusals.last_at < RECENT and not would_fit
    return replace(refusals, is_blocking=is_enabled and (refusals.is_blocking or is_recent))
