"""The budget summary for programs: ``key=value`` lines and JSON (CLI-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy.governor.rules import budgets_to_register
from policy.model.decision import BudgetState, BudgetStatus
from policy.money import usd_exact, usd_text
from policy.period import window_at
from policy.reporting.kv import kv_text, kv_value
from policy.runtime import Runtime

if TYPE_CHECKING:
    from policy.governor.status import StatusReport
    from policy.model.budget import Budget
    from policy.model.spend import Spend
    from policy.model.steering import MissionRecord, Override

_LEGACY = {"session": "session", "day": "daily", "month": "monthly"}


def kv(runtime: Runtime, status: StatusReport) -> list[str]:
    """Return the upstream's keys in its order, then what corvus adds (CLI-1)."""
    policy = runtime.policy
    named = {item.budget.name: item for item in status.decision.statuses}
    spend = counted(status)
    lines = [
        f"session_id={kv_text(status.session_id) if status.session_id else 'none'}",
        f"budget_state={_state(runtime, status)}",
        f"active_period={_active(runtime, status, 'period') or 'none'}",
        f"active_scope={_active(runtime, status, 'name') or 'none'}",
        *(f"{_LEGACY[name]}_cost_usd={usd_text(named[name].spent_nano_usd)}" for name in _LEGACY),
        f"request_count={spend.calls if spend else 0}",
        f"total_tokens={spend.tokens if spend else 0}",
        *(f"percent_used_{_LEGACY[name]}={_percent(named[name])}" for name in _LEGACY),
        f"cost_enabled={str(policy.enabled).lower()}",
        *(
            f"{_LEGACY[name]}_limit_usd={usd_text(named[name].budget.limit_nano_usd)}"
            for name in _LEGACY
        ),
        f"warn_at_percent={named['day'].budget.warn_at_percent}",
        f"allow_override={str(policy.allow_override).lower()}",
        f"unpriced_calls={spend.unpriced_calls if spend else 0}",
        f"deprecated_fields={','.join(policy.deprecated_fields) or 'none'}",
        f"policy_hash={policy.content_hash}",
    ]
    lines += [] if status.is_recorded else _under_way(status)
    return lines + [_budget_line(item, status) for item in in_order(runtime, status)]


def as_json(runtime: Runtime, status: StatusReport) -> dict[str, object]:
    """Return the summary as data; exact nano-USD strings beside readable USD (API-1)."""
    spend = counted(status)
    return {
        "session_id": status.session_id,
        "as_of": status.now.isoformat(),
        "config": runtime.config_shown,
        "policy_hash": runtime.policy.content_hash,
        "enabled": runtime.policy.enabled,
        "budget_state": _state(runtime, status),
        "governing": _active(runtime, status, "name"),
        "request_count": spend.calls if spend else 0,
        "total_tokens": spend.tokens if spend else 0,
        "unpriced_calls": spend.unpriced_calls if spend else 0,
        "deprecated_fields": list(runtime.policy.deprecated_fields),
        "source": "ledger" if status.is_recorded else "store",
        "session_outcome": status.session.outcome.value if status.session else None,
        "mission": _mission_json(status.mission) if status.mission else None,
        "overrides": [override_json(one) for one in status.overrides],
        "budgets": [budget_json(item, status) for item in status.decision.statuses],
    }


def in_order(runtime: Runtime, status: StatusReport) -> list[BudgetStatus]:
    """Return the statuses in the policy's own order, which is the one a person reads."""
    order = {budget.name: index for index, budget in enumerate(budgets_to_register(runtime.policy))}
    return sorted(status.decision.statuses, key=lambda item: order[item.budget.name])


def counted(status: StatusReport) -> Spend | None:
    """Return the spend whose calls and tokens are told: the named session's, else the month's."""
    return status.spends.get("session") or status.spends.get("month")


def _state(runtime: Runtime, status: StatusReport) -> str:
    return status.decision.state.word if runtime.policy.enabled else BudgetState.ALLOWED.word


def _active(runtime: Runtime, status: StatusReport, what: str) -> str | None:
    """Return ``name`` or ``period`` of the governing budget; nothing governs while disabled."""
    governing = status.decision.governing
    if governing is None or not runtime.policy.enabled:
        return None
    return str(getattr(governing.budget, what))


def _budget_line(item: BudgetStatus, status: StatusReport) -> str:
    spend = status.spends[item.budget.name]
    return (
        f"budget={item.budget.name} state={item.state.word} "
        f"spent_usd={usd_exact(item.spent_nano_usd)} held_usd={usd_exact(item.held_nano_usd)} "
        f"limit_usd={usd_exact(item.budget.limit_nano_usd)} "
        f"percent_used={_percent(item)} calls={spend.calls if spend else 0} "
        f"unpriced_calls={spend.unpriced_calls if spend else 0} "
        f"resets_at={item.resets_at.isoformat() if item.resets_at else 'none'}"
    )


def budget_line_whole(item: BudgetStatus, status: StatusReport) -> str:
    """Return the line of a budget with all that is known of it."""
    budget, headroom = item.budget, item.headroom_nano_usd
    match = match_text(budget)
    more = {
        "period": budget.period.value,
        "match": kv_text(match) if match else "none",
        "timezone": budget.timezone,
        "warn_at_percent": budget.warn_at_percent,
        "headroom_usd": "none" if headroom is None else usd_exact(headroom),
        "window_start": _window_start(item, status) or "none",
        "key": kv_text(budget.config_key),
    }
    return " ".join(
        (_budget_line(item, status), *(f"{name}={value}" for name, value in more.items()))
    )


def match_text(budget: Budget) -> str:
    """Return what a budget matches on: ``model:claude-*,project:search``; empty is every call."""
    return ",".join(f"{name}:{glob}" for name, glob in budget.match)


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
        "window_start": _window_start(item, status),
        "resets_at": item.resets_at.isoformat() if item.resets_at else None,
        "config_key": item.budget.config_key,
    }


def _window_start(item: BudgetStatus, status: StatusReport) -> str | None:
    window = window_at(item.budget.period, status.now, item.budget.timezone)
    return window.start.isoformat() if window else None


def _under_way(status: StatusReport) -> list[str]:
    """Return what only a store knows: outcome, mission and override, each ``none`` without one."""
    mission = status.mission
    override = next(iter(status.overrides), None)
    facts: dict[str, object] = {
        "session_outcome": status.session.outcome.value if status.session else None,
        "mission_id": mission.id if mission else None,
        "mission_state": mission_state(mission) if mission else None,
        "mission_steps": mission.steps if mission else None,
        "override_id": override.id if override else None,
        "override_session_id": override.session_id if override else None,
        "override_expires_at": override.expires_at.isoformat() if override else None,
    }
    return [f"{name}={kv_value(value)}" for name, value in facts.items()]


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
        "granted_at": override.granted_at.isoformat(),
        "expires_at": override.expires_at.isoformat(),
    }


def _percent(item: BudgetStatus) -> str:
    return f"{float(item.percent_used):.2f}"
