"""What providers billed, next to what was recorded: the last reconciliations, then day by day."""

from __future__ import annotations

from datetime import timedelta

from corvus.gateway.pages.grid import grid_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.summary import answer

_DAYS = 92
_FOUND = 20


@page("/bills", menu=8)
def bills(request: PageRequest) -> Page:
    """Show what was found, of one provider if requested."""
    since = request.service.runtime.clock.now() - timedelta(days=_DAYS)
    provider = request.query.get("provider") or None
    given = {"since": f"{since:%Y-%m-%d}", "provider": provider}
    data: dict[str, object] = {
        "days": _DAYS,
        "provider": provider or "",
        "found": None,
        "compared": None,
        "csv": request.link("/csv/reconcile/reconcile", **given),
        "found_csv": request.link("/csv/reconcile/reconciliations", provider=provider),
    }
    found = answer(request, "reconcile/reconciliations", provider=provider, top=_FOUND)
    compared = answer(request, "reconcile/reconcile", **given)
    if found is not None and found.rows and compared is not None:
        data |= {
            "found": grid_of(request, found, without=("high_nano_usd",)),
            "compared": grid_of(request, compared),
        }
    return Page("bills", data)
