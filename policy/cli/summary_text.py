"""The budget summary for programs: ``key=value`` lines and JSON (CLI-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy.model.decision import BudgetState, BudgetStatus
from policy.money import usd_exact, usd_text
from policy.reporting.kv import kv_text
from policy.runtime import Runtime, Status

if TYPE_CHECKING:
    from policy.model.spend import Spend

_LEGACY = {"session": "session", "day": "daily", "month": "monthly"}


def kv(runtime: Runtime, status: Status) -> list[str]:
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
    return lines + [_budget_line(item, status) for item in in_order(runtime, status)]


def as_json(runtime: Runtime, status: Status) -> dict[str, object]:
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
        "budgets": [_budget_json(item, status) for item in status.decision.statuses],
    }


def in_order(runtime: Runtime, status: Status) -> list[BudgetStatus]:
    """Return the statuses in the policy's own order, which is the one a person reads."""
    order = {budget.name: index for index, budget in enumerate(runtime.policy.budgets)}
    return sorted(status.decision.statuses, key=lambda item: order[item.budget.name])


def counted(status: Status) -> Spend | None:
    """Return the spend whose calls and tokens are told: the named session's, else the month's."""
    return status.spends.get("session") or status.spends.get("month")


def _state(runtime: Runtime, status: Status) -> str:
    return status.decision.state.word if runtime.policy.enabled else BudgetState.ALLOWED.word


def _active(runtime: Runtime, status: Status, what: str) -> str | None:
    """Return ``name`` or ``period`` of the governing budget; nothing governs while disabled."""
    governing = status.decision.governing
    if governing is None or not runtime.policy.enabled:
        return None
    return str(getattr(governing.budget, what))


def _budget_line(item: BudgetStatus, status: Status) -> str:
    spend = status.spends[item.budget.name]
    return (
        f"budget={item.budget.name} state={item.state.word} "
        f"spent_usd={usd_exact(item.spent_nano_usd)} held_usd={usd_exact(item.held_nano_usd)} "
        f"limit_usd={usd_exact(item.budget.limit_nano_usd)} "
        f"percent_used={_percent(item)} calls={spend.calls if spend else 0} "
        f"unpriced_calls={spend.unpriced_calls if spend else 0} "
        f"resets_at={item.resets_at.isoformat() if item.resets_at else 'none'}"
    )


def _budget_json(item: BudgetStatus, status: Status) -> dict[str, object]:
    spend = status.spends[item.budget.name]
    return {
        "name": item.budget.name,
        "period": item.budget.period.value,
        "state": item.state.word,
        "spent_usd": float(usd_text(item.spent_nano_usd, 9)),
        "spent_nano_usd": str(item.spent_nano_usd),
        "held_usd": float(usd_text(item.held_nano_usd, 9)),
        "held_nano_usd": str(item.held_nano_usd),
        "limit_usd": float(usd_text(item.budget.limit_nano_usd, 9)),
        "limit_nano_usd": str(item.budget.limit_nano_usd),
        "percent_used": round(float(item.percent_used), 2),
        "calls": spend.calls if spend else 0,
        "unpriced_calls": spend.unpriced_calls if spend else 0,
        "warn_at_percent": item.budget.warn_at_percent,
        "resets_at": item.resets_at.isoformat() if item.resets_at else None,
        "config_key": item.budget.config_key,
    }


def _percent(item: BudgetStatus) -> str:
    return f"{float(item.percent_used):.2f}"
