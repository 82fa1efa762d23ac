"""The budget summary as ``key=value`` lines for programs (CLI-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corvus.answers.kv import kv_text, kv_value
from corvus.answers.status import active, budget_state, counted, window_start
from corvus.answers.steering import mission_state
from corvus.base.money import usd_exact, usd_text
from corvus.governor.rules import budgets_to_register
from corvus.model.decision import BudgetStatus
from corvus.runtime import Runtime

if TYPE_CHECKING:
    from corvus.model.budget import Budget
    from corvus.model.refusals import Refusals
    from corvus.model.status import StatusReport

_LEGACY = {"session": "session", "day": "daily", "month": "monthly"}


def kv(runtime: Runtime, status: StatusReport) -> list[str]:
    """Return the upstream's keys in its order, then what corvus adds (CLI-1)."""
    policy = runtime.policy
    named = {item.budget.name: item for item in status.decision.statuses}
    spend = counted(status)
    lines = [
        f"session_id={kv_text(status.session_id) if status.session_id else 'none'}",
        f"budget_state={budget_state(policy, status)}",
        f"active_period={active(policy, status, 'period') or 'none'}",
        f"active_scope={active(policy, status, 'name') or 'none'}",
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
    return lines + [
        _budget_line(item, status) + _refused(item, status) for item in in_order(runtime, status)
    ]


def in_order(runtime: Runtime, status: StatusReport) -> list[BudgetStatus]:
    """Return the statuses in the policy's own order, which is the one a person reads."""
    order = {budget.name: index for index, budget in enumerate(budgets_to_register(runtime.policy))}
    return sorted(status.decision.statuses, key=lambda item: order[item.budget.name])


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


def _refused(item: BudgetStatus, status: StatusReport) -> str:
    """Return what a budget refused, with a space before; a ledger alone says nothing of it."""
    if status.is_recorded:
        return ""
    blocking = str(status.is_blocking(item.budget.name)).lower()
    return f" blocking={blocking} {refusals_text(status.refusals.get(item.budget.name))}"


def refusals_text(refusals: Refusals | None) -> str:
    """Return what a budget refused as ``key=value`` words."""
    if refusals is None:
        return "refusals=0"
    needed = refusals.needed_nano_usd
    return (
        f"refusals={refusals.count} last_refused_at={refusals.last_at.isoformat()} "
        f"needed_usd={'none' if needed is None else usd_exact(needed)} "
        f"left_usd={usd_exact(refusals.left_nano_usd)} refused_model={kv_text(refusals.model)}"
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
        "window_start": window_start(item, status) or "none",
        "key": kv_text(budget.config_key),
    }
    words = (_budget_line(item, status), *(f"{name}={value}" for name, value in more.items()))
    return " ".join(words) + _refused(item, status)


def match_text(budget: Budget) -> str:
    """Return what a budget matches on: ``model:claude-*,project:search``; empty is every call."""
    return ",".join(f"{name}:{glob}" for name, glob in budget.match)


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
        "blocking": ",".join(status.blocking) or None,
    }
    return [f"{name}={kv_value(value)}" for name, value in facts.items()]


def _percent(item: BudgetStatus) -> str:
    return f"{float(item.percent_used):.2f}"
