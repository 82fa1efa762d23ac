"""Routes that tell of spend: summary, budgets, history, audit (API-1, UP-HTTP-10)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from corvus.base.errors import LedgerError
from corvus.base.money import usd_text
from corvus.gateway import answers
from corvus.gateway.service import Service
from corvus.governor.status import StatusReport
from corvus.governor.summary import active, budget_json, summary_body
from corvus.model.policy import Policy
from corvus.model.steering import AuditKind
from corvus.reporting.history import DEFAULT_WINDOW, Bucket, check_window, history_body

_LEGACY = {"session": "session", "day": "daily", "month": "monthly"}
Id = Annotated[str | None, Query(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]*$")]


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(prefix="/cost", tags=["cost"])

    @router.get("/summary", responses=answers.answers(answers.SUMMARY, "Spend and limits"))
    def summary(session_id: Id = None, mission_id: Id = None) -> dict[str, Any]:
        """Tell where every budget stands; the upstream's fields first."""
        runtime = service.runtime
        status = service.governor.status(session_id, mission_id if session_id else None)
        body = summary_body(runtime.policy, runtime.config_shown, status)
        body.pop("config")  # a path of the server
        return {
            "summary": {**_legacy_summary(runtime.policy, status), **body},
            "config": config_body(runtime.policy),
        }

    @router.get("/budgets", responses=answers.answers(answers.BUDGETS, "Every budget"))
    def budgets(session_id: Id = None, mission_id: Id = None) -> dict[str, Any]:
        """Tell every budget with what is spent, held and left."""
        status = service.governor.status(session_id, mission_id if session_id else None)
        return {
            "enabled": service.runtime.policy.enabled,
            "as_of": status.now.isoformat(),
            "budgets": [budget_json(one, status) for one in status.decision.statuses],
        }

    @router.get("/history", responses=answers.answers(answers.HISTORY, "Cost over time"))
    def history(
        period: Bucket = Bucket.DAY,
        window: Annotated[int, Query(ge=1, le=1000)] = DEFAULT_WINDOW,
    ) -> dict[str, Any]:
        """Tell what each day, week, month, session or mission cost, zero-filled."""
        from corvus.reporting.catalog import load_catalog

        check_window(period, window)
        report = load_catalog().find(f"spend/history-by-{period}")
        try:
            body = history_body(period, service.run_report(report, {f"{period}s": window}))
        except LedgerError:
            if service.runtime.policy.enabled:
                raise
            body = _no_history(period)
        body["points"] = body.pop("buckets")
        body["totals"] = {
            "cost_usd": body["total_cost_usd"],
            "tokens": body["total_tokens"],
            "requests": body["total_requests"],
        }
        return body

    @router.get("/audit", responses=answers.answers(answers.AUDIT, "Audit events"))
    def audit(
        limit: Annotated[int, Query(ge=0, le=10_000)] = 50,
        kind: Annotated[list[AuditKind] | None, Query()] = None,
    ) -> dict[str, Any]:
        """Tell who changed what, when and why; the newest last."""
        return {"events": service.audit(limit, [one.value for one in kind or ()])}

    return router


def config_body(policy: Policy) -> dict[str, object]:
    """Return the config echo with the upstream's names (UP-HTTP-10)."""
    limits = {one.name: one.limit_nano_usd for one in policy.budgets}
    named = {_LEGACY[name]: limits.get(name, 0) for name in _LEGACY}
    day = next((one for one in policy.budgets if one.name == "day"), None)
    return {
        "enabled": policy.enabled,
        **{f"{name}_limit_usd": float(usd_text(one, 9)) for name, one in named.items()},
        **{f"{name}_limit_nano_usd": str(one) for name, one in named.items()},
        "warn_at_percent": day.warn_at_percent if day else 80,
        "allow_override": policy.allow_override,
        "unpriced_models": policy.unpriced_models,
        "default_output_tokens": policy.default_output_tokens,
        "reservation_ttl_seconds": policy.reservation_ttl_seconds,
    }


def _legacy_summary(policy: Policy, status: StatusReport) -> dict[str, object]:
    named = {one.budget.name: one for one in status.decision.statuses}
    told: dict[str, object] = {}
    for name, word in _LEGACY.items():
        one = named.get(name)
        told[f"{word}_cost_usd"] = float(usd_text(one.spent_nano_usd, 9)) if one else 0.0
        told[f"percent_used_{word}"] = round(float(one.percent_used), 2) if one else 0.0
    return {**told, "period": active(policy, status, "period")}


def _no_history(period: Bucket) -> dict[str, Any]:
    return {
        "period": period.value,
        "total_cost_usd": 0.0,
        "total_cost_nano_usd": "0",
        "total_tokens": 0,
        "total_requests": 0,
        "total_unpriced_calls": 0,
        "buckets": [],
    }
