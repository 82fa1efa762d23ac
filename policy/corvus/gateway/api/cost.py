"""Routes that answer for spend: summary, budgets, history, audit (API-1, UP-HTTP-10)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, StringConstraints

from corvus.answers.history import HISTORY, History
from corvus.answers.status import BUDGETS, SUMMARY, budgets_body, upstream_summary_body
from corvus.answers.steering import EVENTS
from corvus.answers.tree import TREE, session_tree
from corvus.base.errors import LedgerError
from corvus.base.period import HISTORY_PERIODS, Period, listed
from corvus.gateway.api.responses import json_response
from corvus.gateway.service import Service
from corvus.model.budget import part_named
from corvus.model.parts import OFFSET_MAX, PARTS_MAX, PartOrder, PartsPage, PartsQuery
from corvus.model.status_report import StatusReport
from corvus.model.steering import AuditKind
from corvus.reporting.history import (
    DEFAULT_BUCKET,
    DEFAULT_WINDOW,
    Bucket,
    check_window,
    history_of,
)

Known = Annotated[str, Query(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]*$")]
Id = Annotated[str | None, Query(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]*$")]
_Word = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x1f]*$")]


class BudgetsQuery(BaseModel):
    """Which budgets are shown, and of one with `per` which parts.

    Attributes:
        budget: Only this one.
        part: Only this part of it: its value, or several with a comma between.
        search: Only parts with this text.
        sort: By what parts are sorted.
        offset: How many parts are passed over.
        limit: How many parts.
        session_id: Whose session budgets are shown.
        mission_id: Whose mission budget is shown, in that session.
    """

    budget: Annotated[_Word, StringConstraints(min_length=1)] | None = None
    part: _Word = ""
    search: _Word = ""
    sort: PartOrder = PartOrder.USED
    offset: Annotated[int, Field(ge=0, le=OFFSET_MAX)] = 0
    limit: Annotated[int, Field(ge=1, le=PARTS_MAX)] = 50
    session_id: Annotated[_Word, StringConstraints(min_length=1)] | None = None
    mission_id: Annotated[_Word, StringConstraints(min_length=1)] | None = None


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(prefix="/cost", tags=["cost"])

    @router.get("/summary", responses=json_response(SUMMARY, "Spend and limits"))
    def summary(session_id: Id = None, mission_id: Id = None) -> dict[str, Any]:
        """Return where every budget stands; the upstream's fields first."""
        status = service.governor.status(session_id, mission_id if session_id else None)
        return upstream_summary_body(service.runtime.policy, status)

    @router.get("/budgets", responses=json_response(BUDGETS, "Every budget"))
    def budgets(wanted: Annotated[BudgetsQuery, Query()]) -> dict[str, Any]:
        """Return budgets with what is spent, held and left; of one with `per`, its parts, too."""
        mission = wanted.mission_id if wanted.session_id else None
        status = service.governor.status(wanted.session_id, mission)
        parts = _parts(service, wanted, status)
        return budgets_body(service.runtime.policy, status, wanted.budget, parts)

    @router.get(
        "/history",
        responses=json_response(HISTORY.schema, "Cost over time"),
        description=f"Return what each {listed(HISTORY_PERIODS, 'or')} cost, zero-filled.",
    )
    def history(
        period: Bucket = DEFAULT_BUCKET,
        window: Annotated[int | None, Query(ge=1, le=1000)] = None,
        zone: Annotated[str | None, Query(max_length=100)] = None,
    ) -> dict[str, Any]:
        """Return what each bucket cost; the description above names them."""
        from corvus.reporting.catalog import load_catalog

        wanted = _window(period, window)
        report = load_catalog().find(f"spend/history-by-{period}")
        try:
            table = service.run_report(
                report, {f"{period}s": wanted} | ({"zone": zone} if zone else {})
            )
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

    _add_tree(router, service)
    return router


def _parts(service: Service, wanted: BudgetsQuery, status: StatusReport) -> PartsPage | None:
    """Return the parts of the budget that is wanted, where it has some."""
    budgets = (each.budget for each in status.decision.statuses)
    budget = next((each for each in budgets if each.name == wanted.budget), None)
    if budget is None or not budget.per:
        return None
    return service.governor.parts(
        PartsQuery(
            budget.name,
            part_named(budget.per, wanted.part) if wanted.part else "",
            wanted.search,
            wanted.sort,
            wanted.offset,
            wanted.limit,
            status.session_id,
            status.mission_id,
            status.project,
        )
    )


def _add_tree(router: APIRouter, service: Service) -> None:
    @router.get("/tree", responses=json_response(TREE.schema, "Who spent what"))
    def tree(session_id: Known, project: Id = None) -> dict[str, Any]:
        """Return what each agent of a session and each of its sub-agents used and cost (SES-3)."""
        from corvus.reporting.catalog import load_catalog

        report = load_catalog().find("spend/session-tree")
        try:
            table = service.run_report(report, {"session": session_id, "project": project})
        except LedgerError:
            if service.runtime.policy.enabled:
                raise
            return TREE.body(session_tree(session_id, ()))
        return TREE.body(session_tree(session_id, table.mappings()))


def _window(period: Bucket, window: int | None) -> int:
    """Return how many buckets are shown: as many as the period allows, where none are named."""
    wanted = min(DEFAULT_WINDOW, Period(period).buckets_max) if window is None else window
    check_window(period, wanted)
    return wanted
