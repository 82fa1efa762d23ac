"""Sessions and missions: how they ended, what they cost, and every call of them."""

from __future__ import annotations

from corvus.base.errors import StoreError
from corvus.gateway.pages.grid import Links, Row, grid_of
from corvus.gateway.pages.ledger import answer
from corvus.gateway.pages.meters import meter_of
from corvus.gateway.pages.page import MISSING, Ask, Page, fault_kind
from corvus.gateway.pages.pager import ROWS, page_asked, pager
from corvus.reporting.table import Table

_MISSIONS_MAX = 10_000
_COLUMNS = ("provider", "model", "cost_nano_usd", "share_percent", "calls", "unpriced_calls")
"""Of what a session cost by model."""


def sessions(ask: Ask) -> Page:
    """Show all sessions, in pages."""
    is_dearest = ask.query.get("order") == "cost"
    table = answer(
        ask,
        "spend/sessions",
        rows=ROWS,
        page=page_asked(ask),
        dearest=is_dearest,
        project=ask.query.get("project") or None,
    )
    data: dict[str, object] = {"order": "cost" if is_dearest else "time", "grid": None}
    if table is not None:
        links: Links = {"session_id": lambda row: _session_link(ask, row)}
        data |= {
            "grid": grid_of(ask, table, without=("sessions",), links=links),
            "pager": pager(ask, len(table.rows), _total(table, "sessions")),
        }
    return Page("sessions", data)


def session(ask: Ask) -> Page:
    """Show one session: its budget, its missions, its models, its calls."""
    name, project = ask.query.get("id", ""), ask.query.get("project") or None
    if not name:
        return MISSING
    data: dict[str, object] = {"name": name, "project": project, "meters": (), "fault": None}
    data["policy"] = None
    try:
        status = ask.desk.governor.status(name, project=project)
        meters = [meter_of(one, status) for one in status.decision.statuses]
        data |= {
            "policy": ask.desk.runtime.policy,
            "meters": [one for one in meters if one.period == "session" and not one.is_off],
            "outcome": status.session.outcome.value if status.session else None,
        }
    except StoreError as error:
        data |= {"fault": fault_kind(error), "outcome": None}
    missions_of = answer(ask, "spend/by-mission", session=name, project=project, top=ROWS)
    models = answer(ask, "spend/by-model", session=name, project=project)
    data |= {
        "missions": _missions_grid(ask, missions_of),
        "models": None if models is None else grid_of(ask, models, only=_COLUMNS),
    }
    return Page("session", data | _calls(ask, name, None, project))


def missions(ask: Ask) -> Page:
    """Show all missions, in pages."""
    table = answer(ask, "spend/by-mission", top=_MISSIONS_MAX)
    data: dict[str, object] = {"grid": None}
    if table is not None:
        begin = (page_asked(ask) - 1) * ROWS
        part = Table(table.columns, table.rows[begin : begin + ROWS])
        data |= {
            "grid": _missions_grid(ask, part),
            "pager": pager(ask, len(part.rows), len(table.rows)),
        }
    return Page("missions", data)


def mission(ask: Ask) -> Page:
    """Show one mission: its limit and its calls."""
    name, of = ask.query.get("id", ""), ask.query.get("session", "")
    project = ask.query.get("project") or None
    if not name or not of:
        return MISSING
    data: dict[str, object] = {"name": name, "session": of, "project": project, "meters": ()}
    data["fault"] = None
    try:
        status = ask.desk.governor.status(of, name, project=project)
        meters = [meter_of(one, status) for one in status.decision.statuses]
        data |= {
            "policy": ask.desk.runtime.policy,
            "record": status.mission,
            "meters": [one for one in meters if one.period == "mission" and not one.is_off],
        }
    except StoreError as error:
        data |= {"fault": fault_kind(error), "record": None, "policy": None}
    return Page("mission", data | _calls(ask, of, name, project))


def _calls(ask: Ask, of: str, mission_id: str | None, project: str | None) -> dict[str, object]:
    given = {"session": of, "mission": mission_id, "project": project}
    table = answer(ask, "spend/calls", rows=ROWS, page=page_asked(ask), **given)
    if table is None:
        return {"calls": None}
    hidden = ("records", "session_id", *(("mission_id",) if mission_id else ()))
    return {
        "calls": grid_of(ask, table, without=hidden),
        "pager": pager(ask, len(table.rows), _total(table, "records")),
        "csv": ask.link("/csv/spend/calls", rows=1000, **given),
    }


def _missions_grid(ask: Ask, table: Table | None) -> object:
    if table is None:
        return None
    links: Links = {
        "session_id": lambda row: _session_link(ask, row),
        "mission_id": lambda row: ask.link(
            "/missions/one",
            session=row["session_id"],
            project=row["project"],
            id=row["mission_id"],
        ),
    }
    return grid_of(ask, table, links=links)


def _session_link(ask: Ask, row: Row) -> str | None:
    name = row["session_id"]
    return None if name is None else ask.link("/sessions/one", id=name, project=row["project"])


def _total(table: Table, column: str) -> int:
    return next(iter(table.counts(column)), 0)
