"""Where the budgets stand, for every surface: command line and admin API (API-1, CLI-1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from corvus.answers.amounts import match_body
from corvus.answers.denial import STATES
from corvus.answers.policy import COST_CONFIG, LEGACY, WARNS
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
    instant_words,
    listing,
    member,
    money,
    nullable,
    optional,
    optional_instant,
    optional_money,
    optional_nested,
    optional_text,
    parts_of,
    percent,
    text,
    texts,
    word,
)
from corvus.answers.steering import mission_state
from corvus.base.money import NOTHING
from corvus.base.period import Period, window_at
from corvus.model.decision import BudgetState, BudgetStatus
from corvus.model.policy import Policy
from corvus.model.refusals import Refusals
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport
from corvus.model.steering import MissionRecord, Override

_OF_BUDGET = {**STATES, "description": "Of the budget."}


@dataclass(frozen=True, slots=True)
class _Budget:
    """A budget's status within a report."""

    item: BudgetStatus
    report: StatusReport

    @property
    def spend(self) -> Spend | None:
        return self.report.spends[self.item.budget.name]

    @property
    def refusals(self) -> Refusals | None:
        return self.report.refusals.get(self.item.budget.name)


@dataclass(frozen=True, slots=True)
class _Summary:
    """A report with the policy that it is of.

    Attributes:
        config: The config as a person reads it; ``None`` where it must not be shown.
    """

    policy: Policy
    report: StatusReport
    config: str | None = None


_LAST_REFUSAL = Shape[Refusals](
    instant("at", "When.", "last_at"),
    text("model", "The model that was asked for."),
    optional_money("needed", "Estimate of the call.", "needed"),
    money("left", "What the budget had left.", "left"),
)
_REFUSALS = Shape[Refusals | None](
    count(
        "refusals",
        "Calls that it refused in the window.",
        lambda refusals: refusals.count if refusals else 0,
    ),
    optional_nested("last_refusal", _LAST_REFUSAL, lambda refusals: refusals),
)
_STANDING = Shape[_Budget](
    text("name", "Name of the budget.", "item.budget.name"),
    word("period", Period, "What its window is.", "item.budget.period"),
    member(
        "match",
        {"type": "object", "description": "Which calls count; empty is all."},
        lambda budget: match_body(budget.item.budget),
    ),
    text("timezone", "IANA zone in which its windows begin.", "item.budget.timezone"),
    member("state", _OF_BUDGET, "item.state.word"),
    money("spent", "Cost of settled calls.", "item.spent"),
    money("held", "Sum of open reservations.", "item.held"),
    money("limit", "The hard ceiling; 0 is off.", "item.budget.limit"),
    optional_money("headroom", "Most expensive call that would still fit.", "item.headroom"),
    percent("percent_used", "Percent of the limit.", "item.percent_used"),
    count(
        "calls",
        "Settled calls in the window.",
        lambda budget: budget.spend.calls if budget.spend else 0,
    ),
    count(
        "unpriced_calls",
        "Calls among them whose cost is unknown.",
        lambda budget: budget.spend.unpriced_calls if budget.spend else 0,
    ),
    member("warn_at_percent", WARNS, "item.budget.warn_at_percent"),
    member(
        "window_start",
        nullable(instant_words("Start of the window, inclusive.")),
        lambda budget: window_start(budget.item, budget.report),
    ),
    optional_instant("resets_at", "End of the window, exclusive.", "item.resets_at"),
    text("config_key", "The key that sets the limit.", "item.budget.config_key"),
)
"""What the ledger alone knows of a budget as well."""
_REFUSED: list[Member[_Budget]] = parts_of(_REFUSALS, "refusals")
BUDGET = Shape[_Budget](
    *_STANDING.members,
    flag(
        "blocking",
        "Whether its last call was refused, and none was admitted since.",
        lambda budget: budget.report.is_blocking(budget.item.budget.name),
    ),
    *_REFUSED,
)
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
    member(
        "budget_state", _OF_BUDGET, lambda summary: budget_state(summary.policy, summary.report)
    ),
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


_BUDGETS = Shape[_Budgets](
    flag("enabled", "Whether budgets are enforced."),
    instant("as_of", "Of which this is true.", "report.now"),
    member(
        "budgets",
        array(BUDGET.schema, "By precedence, the governing one first."),
        lambda budgets: budget_bodies(budgets.report),
    ),
)
BUDGETS = _BUDGETS.schema


def summary_body(policy: Policy, config: str, report: StatusReport) -> dict[str, object]:
    """Return the summary as data, as the command line gives it (CLI-1)."""
    return _SUMMARY.body(_Summary(policy, report, config))


def upstream_summary_body(policy: Policy, report: StatusReport) -> dict[str, object]:
    """Return the summary as the admin API gives it, with the config that it is of (UP-HTTP-10)."""
    summary = _UPSTREAM_SUMMARY.body(_Summary(policy, report))
    return {"summary": summary, "config": COST_CONFIG.body(policy)}


def budgets_body(policy: Policy, report: StatusReport) -> dict[str, object]:
    """Return every budget as the admin API gives them."""
    return _BUDGETS.body(_Budgets(policy.enabled, report))


def budget_bodies(
    report: StatusReport, items: Iterable[BudgetStatus] | None = None
) -> list[dict[str, object]]:
    """Return budgets as data.

    Args:
        report: Where they stand; of refusals, a ledger alone says nothing.
        items: Which of them, in order; ``None`` is all, the governing one first.
    """
    shape = _STANDING if report.is_recorded else BUDGET
    statuses = report.decision.statuses if items is None else items
    return shape.bodies(_Budget(item, report) for item in statuses)


def refusals_body(refusals: Refusals | None) -> dict[str, object]:
    """Return how many calls a budget refused in its window, and what the last of them needed."""
    return _REFUSALS.body(refusals)


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


def window_start(item: BudgetStatus, report: StatusReport) -> str | None:
    """Return the first instant of the window that a budget counts now; ``None`` without one."""
    window = window_at(item.budget.period, report.now, item.budget.timezone)
    return window.start.isoformat() if window else None


def _counts(summary: _Summary) -> Spend:
    return counted(summary.report) or Spend(NOTHING, 0, 0, 0)
