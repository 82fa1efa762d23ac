"""Where the budgets stand, as one body for every surface: command line and admin API (API-1).

USD are numbers for reading, exact amounts are strings of nano-USD. It refuses to decide anything:
it tells a ``StatusReport``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corvus.base.money import usd_text
from corvus.base.period import window_at
from corvus.model.decision import BudgetState, BudgetStatus

if TYPE_CHECKING:
    from corvus.governor.status import StatusReport
    from corvus.model.policy import Policy
    from corvus.model.refusals import Refusals
    from corvus.model.spend import Spend
    from corvus.model.steering import MissionRecord, Override


def summary_body(policy: Policy, config_shown: str, status: StatusReport) -> dict[str, object]:
    """Return the summary as data; exact nano-USD strings beside readable USD (API-1)."""
    spend = counted(status)
    return {
        "session_id": status.session_id,
        "as_of": status.now.isoformat(),
        "config": config_shown,
        "policy_hash": policy.content_hash,
        "enabled": policy.enabled,
        "budget_state": budget_state(policy, status),
        "governing": active(policy, status, "name"),
        "blocking": None if status.is_recorded else list(status.blocking),
        "request_count": spend.calls if spend else 0,
        "total_tokens": spend.tokens if spend else 0,
        "unpriced_calls": spend.unpriced_calls if spend else 0,
        "deprecated_fields": list(policy.deprecated_fields),
        "source": "ledger" if status.is_recorded else "store",
        "session_outcome": status.session.outcome.value if status.session else None,
        "mission": _mission_json(status.mission) if status.mission else None,
        "overrides": [override_json(one) for one in status.overrides],
        "budgets": [budget_json(item, status) for item in status.decision.statuses],
    }


def counted(status: StatusReport) -> Spend | None:
    """Return the spend whose calls and tokens are told: the named session's, else the month's."""
    return status.spends.get("session") or status.spends.get("month")


def budget_state(policy: Policy, status: StatusReport) -> str:
    """Return the state that governs; ``allowed`` while governance is disabled."""
    return status.decision.state.word if policy.enabled else BudgetState.ALLOWED.word


def active(policy: Policy, status: StatusReport, what: str) -> str | None:
    """Return ``name`` or ``period`` of the governing budget; nothing governs while disabled."""
    governing = status.decision.governing
    if governing is None or not policy.enabled:
        return None
    return str(getattr(governing.budget, what))


def budget_json(item: BudgetStatus, status: StatusReport) -> dict[str, object]:
    """Return a budget as data."""
    spend = status.spends[item.budget.name]
    headroom = item.headroom_nano_usd
    return {
        "name": item.budget.name,
        "period": item.budget.period.value,
        "match": dict(item.budget.match),
        "timezone": item.budget.timezone,
        "state": item.state.word,
        "spent_usd": float(usd_text(item.spent_nano_usd, 9)),
        "spent_nano_usd": str(item.spent_nano_usd),
        "held_usd": float(usd_text(item.held_nano_usd, 9)),
        "held_nano_usd": str(item.held_nano_usd),
        "limit_usd": float(usd_text(item.budget.limit_nano_usd, 9)),
        "limit_nano_usd": str(item.budget.limit_nano_usd),
        "headroom_usd": None if headroom is None else float(usd_text(headroom, 9)),
        "headroom_nano_usd": None if headroom is None else str(headroom),
        "percent_used": round(float(item.percent_used), 2),
        "calls": spend.calls if spend else 0,
        "unpriced_calls": spend.unpriced_calls if spend else 0,
        "warn_at_percent": item.budget.warn_at_percent,
        "window_start": window_start(item, status),
        "resets_at": item.resets_at.isoformat() if item.resets_at else None,
        "config_key": item.budget.config_key,
        **_refused(item, status),
    }


def _refused(item: BudgetStatus, status: StatusReport) -> dict[str, object]:
    if status.is_recorded:
        return {}  # a ledger alone says nothing of it
    name = item.budget.name
    return {"blocking": status.is_blocking(name), **refusals_json(status.refusals.get(name))}


def refusals_json(refusals: Refusals | None) -> dict[str, object]:
    """Return how many calls a budget refused in its window, and what the last of them needed."""
    if refusals is None:
        return {"refusals": 0, "last_refusal": None}
    needed, left = refusals.needed_nano_usd, refusals.left_nano_usd
    return {
        "refusals": refusals.count,
        "last_refusal": {
            "at": refusals.last_at.isoformat(),
            "model": refusals.model,
            "needed_usd": None if needed is None else float(usd_text(needed, 9)),
            "needed_nano_usd": None if needed is None else str(needed),
            "left_usd": float(usd_text(left, 9)),
            "left_nano_usd": str(left),
        },
    }


def window_start(item: BudgetStatus, status: StatusReport) -> str | None:
    """Return the first instant of the window that a budget counts now; ``None`` without one."""
    window = window_at(item.budget.period, status.now, item.budget.timezone)
    return window.start.isoformat() if window else None


def mission_state(mission: MissionRecord) -> str:
    """Return ``running``, or how a mission ended."""
    if mission.ended_at is None:
        return "running"
    return mission.outcome.value if mission.outcome else "ended"


def _mission_json(mission: MissionRecord) -> dict[str, object]:
    return {
        "id": mission.id,
        "state": mission_state(mission),
        "started_at": mission.started_at.isoformat(),
        "ended_at": mission.ended_at.isoformat() if mission.ended_at else None,
        "deadline_at": mission.deadline_at.isoformat() if mission.deadline_at else None,
        "steps": mission.steps,
        "max_steps": mission.max_steps,
        "stopped_by": mission.stopped_by.value if mission.stopped_by else None,
    }


def override_json(override: Override) -> dict[str, object]:
    """Return an override as data."""
    return {
        "id": override.id,
        "actor": override.actor,
        "reason": override.reason,
        "session_id": override.session_id,
        "requested_at": override.granted_at.isoformat(),
        "expires_at": override.expires_at.isoformat(),
    }
