"""Keeps a decision beside its reservation, so that repeating a request repeats its answer (RES-2).

Only requests with an idempotency key need it.
"""

from __future__ import annotations

import json
from typing import Any

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import instant_at, microseconds
from corvus.model.budget import Budget
from corvus.model.decision import BudgetState, BudgetStatus, Decision
from corvus.model.reservation import Reservation


def answer_text(decision: Decision) -> str:
    """Write a decision compactly."""
    statuses = [
        [
            status.budget.name,
            status.budget.period,
            status.budget.limit_nano_usd,
            status.budget.warn_at_percent,
            status.budget.config_key,
            status.budget.timezone,
            int(status.state),
            status.spent_nano_usd,
            status.held_nano_usd,
            status.projected_nano_usd,
            microseconds(status.resets_at) if status.resets_at else None,
        ]
        for status in decision.statuses
    ]
    kept = [int(decision.state), decision.max_affordable_output_tokens, statuses]
    return json.dumps(kept, separators=(",", ":"))


def answer_of(reservation: Reservation) -> Decision:
    """Return the decision that admitted a reservation, as it was given."""
    state, affordable, statuses = json.loads(reservation.answer or "[0,null,[]]")
    return Decision(
        state=BudgetState(state),
        statuses=tuple(_status(one) for one in statuses),
        estimate_nano_usd=reservation.request.estimate_nano_usd,
        reservation=reservation,
        override_id=reservation.override_id,
        override_possible=False,
        max_affordable_output_tokens=affordable,
        replayed=True,
        policy_hash=reservation.policy_hash,
        session_id=reservation.request.session_id,
        mission_id=reservation.request.mission_id,
    )


def _status(kept: list[Any]) -> BudgetStatus:
    name, period, limit, warn_at_percent, config_key, timezone, state, *amounts = kept
    spent, held, projected, resets_us = amounts
    budget = Budget(name, Period(period), NanoUSD(limit), warn_at_percent, config_key, (), timezone)
    return BudgetStatus(
        budget,
        BudgetState(state),
        NanoUSD(spent),
        NanoUSD(held),
        NanoUSD(projected),
        instant_at(resets_us) if resets_us is not None else None,
    )
