"""Routes that answer for spend: summary, budgets, history, audit (API-1, UP-HTTP-10)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from corvus.answers.history import HISTORY, History
from corvus.answers.status import BUDGETS, SUMMARY, budgets_body, upstream_summary_body
from corvus.answers.steering import EVENTS
from corvus.base.errors import LedgerError
from corvus.base.period import HISTORY_PERIODS, listed
from corvus.gateway.api.responses import json_response
from corvus.gateway.service import Service
from corvus.model.steering import AuditKind
from corvus.reporting.history import (
    DEFAULT_BUCKET,
    DEFAULT_WINDOW,
    Bucket,
    check_window,
    history_of,
)

Id = Annotated[str | None, Query(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]*$")]


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(prefix="/cost", tags=["cost"])

    @router.get("/summary", responses=json_response(SUMMARY, "Spend and limits"))
    def summary(session_id: Id = None, mission_id: Id = None) -> dict[str, Any]:
        """Return where every budget stands; the upstream's fields first."""
        status = service.governor.status(session_id, mission_id if session_id else None)
        return upstream_summary_body(service.runtime.policy, status)

    @router.get("/budgets", responses=json_response(BUDGETS, "Every budget"))
    def budgets(session_id: Id = None, mission_id: Id = None) -> dict[str, Any]:
        """Return every budget with what is spent, held and left."""
        status = service.governor.status(session_id, mission_id if session_id else None)
        return budgets_body(service.runtime.policy, status)

    @router.get(
        "/history",
        responses=json_response(HISTORY.schema, "Cost over time"),
        description=f"Return what each {listed(HISTORY_PERIODS, 'or')} cost, zero-filled.",
    )
    def history(
        period: Bucket = DEFAULT_BUCKET,
        window: Annotated[int, Query(ge=1, le=1000)] = DEFAULT_WINDOW,
    ) -> dict[str, Any]:
        """Return what each bucket cost; the description above names them."""
        from corvus.reporting.catalog import load_catalog

        check_window(period, window)
        report = load_catalog().find(f"spend/history-by-{period}")
        try:
            table = service.run_report(report, {f"{period}s": window})
        except LedgerError:
            if service.runtime.policy.enabled:
                raise
            return HISTORY.body(History(period.value))
        return HISTORY.body(history_of(period, table))

    @router.get("/audit", responses=json_response(EVENTS, "Audit events"))
    def audit(
        limit: Annotated[int, Query(ge=0, le=10_000)] = 50,
        kind: Annotated[list[AuditKind] | None, Query()] = None,
    ) -> dict[str, Any]:
        """Return who changed what, when and why; the newest last."""
        return {"events": service.audit(limit, [wanted.value for wanted in kind or ()])}

    return router
