"""The pages, each a view with a template of its name."""

from __future__ import annotations

import re

from corvus.gateway.pages.page import View
from corvus.gateway.pages.views.audit import audit
from corvus.gateway.pages.views.config import config
from corvus.gateway.pages.views.history import history
from corvus.gateway.pages.views.overview import overview
from corvus.gateway.pages.views.reports import report, reports
from corvus.gateway.pages.views.sessions import mission, missions, session, sessions

VIEWS: dict[str, View] = {
    "": overview,
    "/history": history,
    "/sessions": sessions,
    "/sessions/one": session,
    "/missions": missions,
    "/missions/one": mission,
    "/audit": audit,
    "/reports": reports,
    "/reports/{name:path}": report,
    "/config": config,
}
"""Path below the root, as the router writes it, and what answers."""
LIVE_SECONDS = {
    "": 2.0,
    "/history": 15.0,
    "/sessions": 10.0,
    "/sessions/one": 5.0,
    "/missions": 10.0,
    "/missions/one": 5.0,
    "/audit": 5.0,
}
"""How old an open page may get; one that is not here stays as it was loaded."""


def find_view(path: str) -> View | None:
    """Return what answers a path, if anything does."""
    for pattern, view in VIEWS.items():
        if re.fullmatch(re.sub(r"\\\{[^}]*path\\\}", ".+", re.escape(pattern)), path):
            return view
    return None
