"""Every page and form of the dashboard, in a place where much has happened, to be looked at."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.gateway.conftest import Served
from tests.gateway.pages.scenery import Record, busy_place
from tests.governor.ladder.climbing import Aside, until

PAGES = {
    "overview": "",
    "overview of a session": "?session=a",
    "parts": "/parts?budget=each-session-agent",
    "parts searched in vain": "/parts?budget=each-session-agent&search=nobody",
    "history": "/history",
    "history by week": "/history?since=last-12-weeks&period=week&by=project",
    "history of no time": "/history?since=someday&until=2026-13",
    "sessions": "/sessions",
    "session": "/sessions/one?id=a",
    "missions": "/missions",
    "mission": "/missions/one?session=a&id=mend-the-tests",
    "approvals": "/approvals",
    "audit": "/audit",
    "bills": "/bills",
    "shadow policy": "/shadow",
    "reports": "/reports",
    "report by model": "/reports/spend/by-model",
    "report of calls": "/reports/spend/calls",
    "report of budgets": "/reports/budgets/warnings",
    "report drawn": "/reports/spend/by-session?chart=line&chart_x=session_id&chart_y=calls",
    "report of days": "/reports/spend/history-by-day?since=last-7-days",
    "report with a wrong number": "/reports/spend/sessions?rows=0",
    "report with a mistake": "/reports/spend/by-model?since=someday",
    "shadow": "/shadow",
    "tokens": "/tokens",
    "new token": "/token-new",
    "configuration": "/config",
    "limits": "/limits",
    "reset": "/reset?budget=day",
    "override": "/override",
    "log-in": "/login",
    "missing page": "/nowhere",
}
"""What is looked at, by the name of its pictures."""
OF_A_ROW = {
    "approve": ("/approvals", "a[href*='/approve?']"),
    "rotate token": ("/tokens", "a[href*='token-rotate']"),
    "revoke token": ("/tokens", "a[href*='token-revoke']"),
    "reset a part": ("/parts?budget=each-session-agent", "a[href*='/reset?']"),
}
"""Forms whose address names something of a row: the page that leads there, and the link."""
OPENED = {
    "picker": ("/history", "#span summary"),
    "data of the chart": ("/history", "#data summary"),
    "choice of a chart": ("/reports/spend/by-model", "#draw summary"),
    "bindings of a token": ("/token-new", "details summary"),
}
"""What opens on a page: the page, and what is pressed."""
STATUSES = {
    "history of no time": 422,
    "report with a wrong number": 422,
    "report with a mistake": 422,
    "missing page": 404,
}


@contextmanager
def busy_gateway(folder: Path, record: Record) -> Generator[Served]:
    """Serve a place where much has happened, and where a call is refused and another one waits."""
    served = Served(busy_place(folder, record))
    call = {"model": "m", "estimate_usd": 0.9, "project": "lab", "agent": "ben"}
    refused: dict[str, object] = {"model": "m", "estimate_usd": 9, "session_id": "a", "rungs": []}

    def park() -> None:
        with served.client("reserve") as client:
            client.post("/web/reservations", json=call, timeout=3600)

    try:
        with served.client("reserve") as client:
            client.post("/web/reservations", json=refused)
        waiting = Aside(park)
        with served.client("read") as client:
            until(lambda: len(client.get("/web/approvals").json()["approvals"]) == 1)
            parked = client.get("/web/approvals").json()["approvals"][0]
        yield served
        with served.client() as client:
            client.post(f"/web/admin/approvals/{parked['id']}", json={"decision": "deny"})
        waiting.join()
    finally:
        served.stop()
