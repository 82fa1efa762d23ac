"""Sessions and missions: how they ended, what they cost, and every call of them."""

from __future__ import annotations

from corvus.base.errors import StoreError
from corvus.gateway.pages.agents import agents_of
from corvus.gateway.pages.grid import Links, Row, grid_of
from corvus.gateway.pages.meters import meter_of
from corvus.gateway.pages.page import MISSING, Page, PageRequest, fault_kind, page
from corvus.gateway.pages.pager import ROWS, pager, requested_page
from corvus.gateway.pages.span import Span, span_of
from corvus.gateway.pages.summary import answer
from corvus.reporting.table import Table

_MISSIONS_MAX = 10_000
_CSV_ROWS = 1000
FIRST_OF_CALLS = (
    "admitted_at",
    "model",
    "cost_nano_usd",
    "output_tokens",
    "input_tokens",
    "outcome",
)
_FIRST_OF_MISSIONS = (
    "mission_id",
    "session_id",
    "project",
    "outcome",
    "cost_nano_usd",
    "limit_nano_usd",
)
_COLUMNS = ("provider", "model", "cost_nano_usd", "share_percent", "calls", "unpriced_calls")
"""Of what a session cost by model."""


@page("/sessions", live_seconds=10.0, menu=3)
def sessions(request: PageRequest) -> Page:
    """Show all sessions, in pages."""
    is_costliest = request.query.get("order") == "cost"
    span = span_of(request)
    data: dict[str, object] = {"order": "cost" if is_costliest else "time", "grid": None}
    data["span"] = span
    if span.mistakes:
        return Page("sessions", data, 422)
    given = {"dearest": is_costliest, "project": request.query.get("project") or None}
    page_number = requested_page(request)
    table = answer(request, "spend/sessions", **span.bounds, rows=ROWS, page=page_number, **given)
    if table is not None:
        links: Links = {"session_id": lambda row: _session_link(request, row)}
        data |= {
            "grid": grid_of(request, table, without=("sessions",), links=links),
            "csv": _csv(request, span, "sessions", rows=_CSV_ROWS, **given),
            "pager": pager(request, len(table.rows), _total(table, "sessions")),
        }
    return Page("sessions", data)


@page("/sessions/one", live_seconds=5.0)
def session(request: PageRequest) -> Page:
    """Show one session: its budget, its missions, its models, its calls."""
    name, project = request.query.get("id", ""), request.query.get("project") or None
    if not name:
        return MISSING
    data: dict[str, object] = {"name": name, "project": project, "meters": (), "fault": None}
    data["policy"] = None
    try:
        status = request.service.governor.status(name, project=project)
        meters = [meter_of(one, status) for one in status.decision.statuses]
        data |= {
            "policy": request.service.runtime.policy,
            "meters": [one for one in meters if one.period == "session" and not one.is_off],
            "outcome": status.session.outcome.value if status.session else None,
        }
    except StoreError as error:
        data |= {"fault": fault_kind(error), "outcome": None}
    missions_of = answer(request, "spend/by-mission", session=name, project=project, top=ROWS)
    models = answer(request, "spend/by-model", session=name, project=project)
    tree = answer(request, "spend/session-tree", session=name, project=project)
    data |= {
        "missions": _missions_grid(request, missions_of),
        "models": None if models is None else grid_of(request, models, only=_COLUMNS),
        "agents": agents_of(tree) if tree is not None and len(tree.rows) > 1 else (),
    }
    return Page("session", data | _calls(request, name, None, project))


@page("/missions", live_seconds=10.0, menu=4)
def missions(request: PageRequest) -> Page:
    """Show all missions, in pages."""
    span = span_of(request)
    data: dict[str, object] = {"grid": None, "span": span}
    if span.mistakes:
        return Page("missions", data, 422)
    table = answer(request, "spend/by-mission", top=_MISSIONS_MAX, **span.bounds)
    if table is not None:
        begin = (requested_page(request) - 1) * ROWS
        part = Table(table.columns, table.rows[begin : begin + ROWS])
        data |= {
            "grid": _missions_grid(request, part),
            "pager": pager(request, len(part.rows), len(table.rows)),
            "csv": _csv(request, span, "by-mission", top=_MISSIONS_MAX),
        }
    return Page("missions", data)


@page("/missions/one", live_seconds=5.0)
def mission(request: PageRequest) -> Page:
    """Show one mission: its limit and its calls."""
    name, of = request.query.get("id", ""), request.query.get("session", "")
    project = request.query.get("project") or None
    if not name or not of:
        return MISSING
    data: dict[str, object] = {"name": name, "session": of, "project": project, "meters": ()}
    data["fault"] = None
    try:
        status = request.service.governor.status(of, name, project=project)
        meters = [meter_of(one, status) for one in status.decision.statuses]
        data |= {
            "policy": request.service.runtime.policy,
            "record": status.mission,
            "meters": [one for one in meters if one.period == "mission" and not one.is_off],
        }
    except StoreError as error:
        data |= {"fault": fault_kind(error), "record": None, "policy": None}
    return Page("mission", data | _calls(request, of, name, project))


def _csv(request: PageRequest, span: Span, name: str, **given: object) -> str:
    return request.link(f"/csv/spend/{name}", **span.query, **given)


def _calls(
    request: PageRequest, of: str, mission_id: str | None, project: str | None
) -> dict[str, object]:
    given = {"session": of, "mission": mission_id, "project": project}
    table = answer(request, "spend/calls", rows=ROWS, page=requested_page(request), **given)
    if table is None:
        return {"calls": None}
    hidden = ("records", "session_id", *(("mission_id",) if mission_id else ()))
    return {
        "calls": grid_of(request, table, first=FIRST_OF_CALLS, without=hidden),
        "pager": pager(request, len(table.rows), _total(table, "records")),
        "csv": request.link("/csv/spend/calls", rows=_CSV_ROWS, **given),
    }


def _missions_grid(request: PageRequest, table: Table | None) -> object:
    if table is None:
        return None
    links: Links = {
        "session_id": lambda row: _session_link(request, row),
        "mission_id": lambda row: request.link(
            "/missions/one",
            session=row["session_id"],
            project=row["project"],
            id=row["mission_id"],
        ),
    }
    return grid_of(request, table, first=_FIRST_OF_MISSIONS, links=links)


def _session_link(request: PageRequest, row: Row) -> str | None:
    name = row["session_id"]
    return None if name is None else request.link("/sessions/one", id=name, project=row["project"])


def _total(table: Table, column: str) -> int:
    return next(iter(table.counts(column)), 0)
