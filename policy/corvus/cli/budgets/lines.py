"""The budget summary for a program: ``key=value`` lines, the upstream's first (CLI-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corvus.answers.amounts import amount_exact, match_words
from corvus.answers.budgets import window_start
from corvus.answers.kv import kv_text, kv_value
from corvus.answers.policy import LEGACY
from corvus.answers.status import active, budget_state, counted
from corvus.answers.steering import mission_state
from corvus.base.money import usd_text
from corvus.cli.budgets.summary import in_order

if TYPE_CHECKING:
    from corvus.model.budget import Measure
    from corvus.model.decision import BudgetStatus
    from corvus.model.error_bar import ErrorBar
    from corvus.model.refusals import Refusals
    from corvus.model.status_report import StatusReport
    from corvus.runtime import Runtime


def kv(runtime: Runtime, status: StatusReport, accuracy: ErrorBar | None = None) -> list[str]:
    """Return the upstream's keys in its order, then what corvus adds (CLI-1)."""
    policy = runtime.policy
    named = {item.budget.name: item for item in status.decision.statuses}
    spend = counted(status)
    lines = [
        f"session_id={kv_text(status.session_id) if status.session_id else 'none'}",
        f"budget_state={budget_state(policy, status)}",
        f"active_period={active(policy, status, 'period') or 'none'}",
        f"active_scope={active(policy, status, 'name') or 'none'}",
        *(f"{LEGACY[name]}_cost_usd={usd_text(named[name].spent)}" for name in LEGACY),
        f"request_count={spend.calls if spend else 0}",
        f"total_tokens={spend.tokens if spend else 0}",
        *(f"percent_used_{LEGACY[name]}={_percent_number(named[name])}" for name in LEGACY),
        f"cost_enabled={str(policy.enabled).lower()}",
        *(f"{LEGACY[name]}_limit_usd={usd_text(named[name].budget.limit)}" for name in LEGACY),
        f"warn_at_percent={kv_value(named['day'].budget.warn_at_percent)}",
        f"allow_override={str(policy.allow_override).lower()}",
        f"unpriced_calls={spend.unpriced_calls if spend else 0}",
        f"deprecated_fields={','.join(policy.deprecated_fields) or 'none'}",
        f"policy_hash={policy.content_hash}",
    ]
    lines += [] if status.is_recorded else _under_way_lines(status)
    lines += [
        _budget_line(item, status) + _refused_words(item, status)
        for item in in_order(runtime, status)
    ]
    return lines + ([] if accuracy is None else _accuracy_lines(accuracy))


_OF_RUN: Final = frozenset(
    {"session_id", "budget_state", "session_cost_usd", "request_count", "unpriced_calls"}
)


def short_kv(runtime: Runtime, status: StatusReport) -> list[str]:
    """Return what a run cost, in the words of ``kv``; `corvus cost summary` has the rest."""
    return [line for line in kv(runtime, status) if line.partition("=")[0] in _OF_RUN]


def _accuracy_lines(accuracy: ErrorBar) -> list[str]:
    high = accuracy.high_nano_usd
    return [
        f"month_low_usd={usd_text(accuracy.low_nano_usd)}",
        f"month_high_usd={'unknown' if high is None else usd_text(high)}",
        f"month_unknown_calls={accuracy.unknown_calls}",
        f"month_at_least_calls={accuracy.at_least_calls}",
        f"month_estimated_calls={accuracy.estimated_calls}",
    ]


def _budget_line(item: BudgetStatus, status: StatusReport) -> str:
    spend, measure = status.spends[item.budget.name], item.budget.measure
    return (
        f"budget={item.budget.name} state={item.state.word} "
        f"spent_{measure}={amount_exact(item.spent, measure)} "
        f"held_{measure}={amount_exact(item.held, measure)} "
        f"limit_{measure}={amount_exact(item.budget.limit, measure)} "
        f"percent_used={_percent_number(item)} calls={spend.calls if spend else 0} "
        f"unpriced_calls={spend.unpriced_calls if spend else 0} "
        f"resets_at={item.resets_at.isoformat() if item.resets_at else 'none'}"
        f"{_parts_words(item, status)}"
    )


def _parts_words(item: BudgetStatus, status: StatusReport) -> str:
    """Return which part a line is about and how many there are, with a space before."""
    counts = status.parts.get(item.budget.name)
    if counts is None:
        return ""
    part = kv_text(item.part) if item.part else "none"
    return f" part={part} parts={counts.parts} blocking_parts={counts.blocking}"


def _refused_words(item: BudgetStatus, status: StatusReport) -> str:
    """Return what a budget refused, with a space before; a ledger alone says nothing of it."""
    if status.is_recorded:
        return ""
    blocking = str(status.is_blocking(item.budget.name)).lower()
    refused = refusals_text(status.refusals.get(item.budget.name), item.budget.measure)
    return f" blocking={blocking} {refused}"


def refusals_text(refusals: Refusals | None, measure: Measure) -> str:
    """Return what a budget refused as ``key=value`` words."""
    if refusals is None:
        return "refusals=0"
    needed = refusals.needed
    return (
        f"refusals={refusals.count} last_refused_at={refusals.last_at.isoformat()} "
        f"needed_{measure}={'none' if needed is None else amount_exact(needed, measure)} "
        f"left_{measure}={amount_exact(refusals.left, measure)} "
        f"refused_model={kv_text(refusals.model)}"
    )


def budget_line_whole(item: BudgetStatus, status: StatusReport) -> str:
    """Return the line of a budget with all that is known of it."""
    budget, headroom, measure = item.budget, item.headroom, item.budget.measure
    match = match_words(budget)
    more = {
        "period": budget.period.value,
        "match": kv_text(match) if match else "none",
        "timezone": budget.timezone,
        "warn_at_percent": kv_value(budget.warn_at_percent),
        f"headroom_{measure}": "none" if headroom is None else amount_exact(headroom, measure),
        "window_start": window_start(item, status) or "none",
        "key": kv_text(budget.config_key),
    }
    words = (_budget_line(item, status), *(f"{name}={value}" for name, value in more.items()))
    return " ".join(words) + _refused_words(item, status)


def _under_way_lines(status: StatusReport) -> list[str]:
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


def _percent_number(item: BudgetStatus) -> str:
    return f"{float(item.percent_used):.2f}"
