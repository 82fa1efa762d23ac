"""What is under way now: budgets, calls with a hold, what waits, by a look next to any writer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from corvus.base.time import microseconds
from corvus.governor.status import glance
from corvus.model.approval import Approval, ApprovalState
from corvus.model.policy import Policy
from corvus.model.reservation import Reservation
from corvus.model.status_report import StatusReport
from corvus.store import kinds
from corvus.store.api import Look

CALLS_MAX = 200
"""Calls that are listed; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Live:
    """What is under way.

    Attributes:
        status: Where the budgets stand.
        calls: Calls with an open hold, the latest first, at most ``CALLS_MAX``.
        held_calls: How many there are.
        held_nano_usd: What they hold together.
        waiting_calls: Calls that wait for room.
        approvals: Calls that wait for a person, the oldest first.
    """

    status: StatusReport
    calls: tuple[Reservation, ...]
    held_calls: int
    held_nano_usd: int
    waiting_calls: int
    approvals: tuple[Approval, ...]


def live(look: Look, policy: Policy, now: datetime) -> Live:
    """Look at what is under way; what is overdue is shown as held.

    Args:
        look: The store, of the shape that this version writes.
        policy: Whose budgets.
        now: The present instant, aware.
    """
    now_us = microseconds(now)
    status = glance(look, policy, now)
    held, held_nano_usd, _, _ = look.find(kinds.SUM_HELD, now_us)[0]
    approvals = (
        one
        for one in look.find(kinds.OPEN_APPROVALS)
        if one.state is ApprovalState.PENDING and one.deadline_at > now
    )
    return Live(
        status,
        tuple(look.find(kinds.LATEST_HELD, CALLS_MAX)),
        held,
        held_nano_usd,
        sum(one.alive_until_us > now_us for one in look.find(kinds.WAITERS)),
        tuple(one for one in approvals if one.alive_until_us > now_us),
    )
