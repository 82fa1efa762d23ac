"""Routes of the reports: the catalogue, and one report as JSON (REP-3)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from corvus.answers.schema import REPORT, REPORTS
from corvus.base.errors import ReportInvalid, ReportParameterInvalid
from corvus.gateway.api.responses import json_response
from corvus.gateway.service import Service
from corvus.reporting.catalog import Report, load_catalog


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(prefix="/reports", tags=["reports"])
    catalog = load_catalog()

    @router.get("", responses=json_response(REPORTS, "The catalogue"))
    def reports() -> dict[str, Any]:
        """List every report with what it tells."""
        return {"reports": [_entry(report) for report in catalog.reports.values()]}

    @router.get("/{name:path}", responses=json_response(REPORT, "The report"))
    def report(name: str, request: Request) -> Response:
        """Run a report; its parameters are those of the query."""
        from corvus.reporting.formats import json_text

        found = catalog.find(name)
        given: dict[str, object] = {}
        for key, value in request.query_params.multi_items():
            if key in given:
                raise ReportParameterInvalid(f"parameter {key} is given twice")
            given[key] = value
        table = service.run_report(found, given)
        text = json_text(table, {"report": found.name, "title": found.header.title})
        return Response(text, media_type="application/json")

    return router


def _entry(report: Report) -> dict[str, Any]:
    try:
        header = report.header
    except ReportInvalid:
        return {"report": report.name, "summary": "broken", "parameters": []}
    names = [parameter.name for parameter in header.parameters]
    return {"report": report.name, "summary": header.summary, "parameters": names}
