"""What the shadow policy would have done: so far by the store, then by model by the ledger."""

from __future__ import annotations

from datetime import timedelta

from corvus.gateway.pages.grid import grid_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.summary import answer

_DAYS = 31


@page("/shadow")
def shadow(request: PageRequest) -> Page:
    """Show what the shadow policy would have refused or changed."""
    service = request.service
    since = service.runtime.clock.now() - timedelta(days=_DAYS)
    given = {"since": f"{since:%Y-%m-%d}"}
    reported = answer(request, "budgets/shadow", **given)
    data: dict[str, object] = {
        "days": _DAYS,
        "shadow": service.runtime.shadow,
        "problem": service.shadow_problem,
        "counts": service.runtime.shadow_counts(),
        "reported": grid_of(request, reported) if reported is not None and reported.rows else None,
        "csv": request.link("/csv/budgets/shadow", **given),
    }
    return Page("shadow", data)
