"""Where the budgets stand, for every surface: command line and admin API (API-1, CLI-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from corvus.answers.accuracy import ACCURACY
from corvus.answers.budgets import BUDGET, OF_BUDGET, PARTS_PAGE, budget_bodies, parts_body
from corvus.answers.policy import COST_CONFIG, LEGACY
from corvus.answers.shape import (
    COUNT,
    Member,
    Shape,
    array,
    choice,
    closed,
    count,
    flag,
    in_usd,
    instant,
    listing,
    member,
    nullable,
    optional,
    optional_instant,
    optional_nested,
    optional_text,
    percent,
    text,
    texts,
)
from corvus.answers.steering import mission_state
from corvus.base.money import NOTHING
from corvus.base.period import Period
from corvus.model.decision import BudgetState, BudgetStatus
from corvus.model.error_bar import ErrorBar
from corvus.model.parts import PartsPage
from corvus.model.policy import Policy
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport
from corvus.model.steering import MissionRecord, Override


@dataclass(frozen=True, slots=True)
class _Summary:
    """A report with the policy that it is of.

    Attributes:
        config: The config as a person reads it; ``None`` where it must not be shown.
        accuracy: Of the month; ``None`` where no ledger was read.
    """

    policy: Policy
    report: StatusReport
    config: str | None = None
    accuracy: ErrorBar | None = None


_MISSION = Shape[MissionRecord](
    text("id", "Of the mission."),
    text("state", "running, or how it ended.", lambda mission: mission_state(mission)),
    instant("started_at", "When it began."),
    optional_instant("ended_at", "When it ended."),
    optional_instant("deadline_at", "When it is stopped."),
    count("steps", "Steps taken."),
    member("max_steps", nullable({**COUNT, "description": "Steps it may take."})),
    optional_text("stopped_by", "The limit that stopped it."),
)
OVERRIDE = Shape[Override](
    text("id", "Of the override."),
    text("actor", "Who granted it."),
    optional_text("reason", "Why, without secrets."),
    optional_text("session_id", "The only session that may use it."),
    instant("requested_at", "When it was granted.", "granted_at"),
    instant("expires_at", "When it lapses unused."),
)
_SUMMARY = Shape[_Summary](
    optional_text("session_id", "The session asked for.", "report.session_id"),
    instant("as_of", "Of which this is true.", "report.now"),
    optional(
        text("config", "Where the policy comes from.", lambda summary: summary.config or ""),
        lambda summary: summary.config is not None,
    ),
    text("policy_hash", "Content hash of the policy that decided.", "policy.content_hash"),
    flag("enabled", "Whether budgets are enforced.", "policy.enabled"),
    member("budget_state", OF_BUDGET, lambda summary: budget_state(summary.policy, summary.report)),
    optional_text(
        "governing",
        "Name of the governing budget.",
        lambda summary: active(summary.policy, summary.report, "name"),
    ),
    member(
        "blocking",
        array({"type": "string"}, "Names of budgets that refuse calls now."),
        lambda summary: None if summary.report.is_recorded else [*summary.report.blocking],
    ),
    count(
        "request_count",
        "Calls of the session, else of the month.",
        lambda summary: _counts(summary).calls,
    ),
    count("total_tokens", "Tokens of these calls.", lambda summary: _counts(summary).tokens),
    count(
        "unpriced_calls",
        "Calls among them whose cost is unknown.",
        lambda summary: _counts(summary).unpriced_calls,
    ),
    texts("deprecated_fields", "Keys to migrate.", "policy.deprecated_fields"),
    member(
        "source",
        choice(("store", "ledger"), "Where it comes from."),
        lambda summary: "ledger" if summary.report.is_recorded else "store",
    ),
    optional_text(
        "session_outcome",
        "What became of the session.",
        lambda summary: summary.report.session.outcome if summary.report.session else None,
    ),
    optional_nested("mission", _MISSION, "report.mission"),
    listing(
        "overrides", OVERRIDE, "Those that a call of the session could use.", "report.overrides"
    ),
    member(
        "budgets",
        array(BUDGET.schema, "By precedence, the governing one first."),
        lambda summary: budget_bodies(summary.report),
    ),
    optional(
        optional_nested("accuracy", ACCURACY, "accuracy"),
        lambda summary: summary.accuracy is not None,
    ),
)


def _of_upstream(name: str, prefix: str) -> list[Member[_Summary]]:
    """Return the members that the upstream has for one of its budgets."""

    def item(summary: _Summary) -> BudgetStatus | None:
        statuses = summary.report.decision.statuses
        return next((status for status in statuses if status.budget.name == name), None)

    def spent(summary: _Summary) -> float | None:
        status = item(summary)
        return in_usd(status.spent) if status else 0.0

    def used(summary: _Summary) -> float:
        status = item(summary)
        return float(status.percent_used) if status else 0.0

    return [
        member(f"{prefix}_cost_usd", {"type": "number", "description": "Spent. USD."}, spent),
        percent(f"percent_used_{prefix}", "Percent of the limit.", used),
    ]


_UPSTREAM_SUMMARY = Shape[_Summary](
    *(part for name, prefix in LEGACY.items() for part in _of_upstream(name, prefix)),
    member(
        "period",
        nullable(choice(Period, "Of the governing budget.")),
        lambda summary: active(summary.policy, summary.report, "period"),
    ),
    *(part for part in _SUMMARY.members if part.is_required),
)
"""The upstream's fields first, then those of corvus; without the config, a path of the server."""
SUMMARY = closed({"summary": _UPSTREAM_SUMMARY.schema, "config": COST_CONFIG.schema})


@dataclass(frozen=True, slots=True)
class _Budgets:
    enabled: bool
    report: StatusReport
    items: Sequence[BudgetStatus]
    parts: PartsPage | None


_BUDGETS = Shape[_Budgets](
    flag("enabled", "Whether budgets are enforced."),
    instant("as_of", "Of which this is true.", "report.now"),
    member(
        "budgets",
        array(BUDGET.schema, "By precedence, the governing one first."),
        lambda budgets: budget_bodies(budgets.report, budgets.items),
    ),
    member(
        "parts",
        nullable({**PARTS_PAGE, "description": "Of the budget that is named, if it has `per`."}),
        lambda budgets: None if budgets.parts is None else parts_body(budgets.parts),
    ),
)
BUDGETS = _BUDGETS.schema


def summary_body(
    policy: Policy, config: str, report: StatusReport, accuracy: ErrorBar | None = None
) -> dict[str, object]:
    """Return the summary as data, as the command line gives it (CLI-1).

    Args:
        policy: What is in force.
        config: Where it comes from, as a person reads it.
        report: Where every budget stands.
        accuracy: How exact the cost of the month is, where a ledger says so.
    """
    return _SUMMARY.body(_Summary(policy, report, config, accuracy))


def upstream_summary_body(policy: Policy, report: StatusReport) -> dict[str, object]:
    """Return the summary as the admin API gives it, with the config that it is of (UP-HTTP-10)."""
    summary = _UPSTREAM_SUMMARY.body(_Summary(policy, report))
    return {"summary": summary, "config": COST_CONFIG.body(policy)}


def budgets_body(
    policy: Policy,
    report: StatusReport,
    name: str | None = None,
    parts: PartsPage | None = None,
) -> dict[str, object]:
    """Return budgets as the admin API gives them.

    Args:
        policy: What is in force.
        report: Where every budget stands.
        name: The only one that is wanted; ``None`` is all.
        parts: Parts of it.
    """
    statuses = report.decision.statuses
    items = [each for each in statuses if name is None or each.budget.name == name]
    return _BUDGETS.body(_Budgets(policy.enabled, report, items, parts))


def counted(report: StatusReport) -> Spend | None:
    """Return the spend whose calls and tokens are shown: the named session's, else the month's."""
    return report.spends.get("session") or report.spends.get("month")


def budget_state(policy: Policy, report: StatusReport) -> str:
    """Return the state that governs; ``allowed`` while governance is disabled."""
    return report.decision.state.word if policy.enabled else BudgetState.ALLOWED.word


def active(policy: Policy, report: StatusReport, what: Literal["name", "period"]) -> str | None:
    """Return name or period of the governing budget; nothing governs while disabled."""
    governing = report.decision.governing
    if governing is None or not policy.enabled:
        return None
    return str(getattr(governing.budget, what))


def _counts(summary: _Summary) -> Spend:
    return counted(summary.report) or Spend(NOTHING, 0, 0, 0)
