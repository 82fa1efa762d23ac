"""What providers billed, next to what was recorded: the last reconciliations, then day by day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corvus.gateway.pages.grid import causes_of, grid_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.span import span_of
from corvus.gateway.pages.summary import answer

_SPAN = "last-90-days"
_FOUND = 20


@page("/bills", menu=8)
def bills(request: PageRequest) -> Page:
    """Show what was found, of one provider if requested."""
    span = span_of(request, _SPAN)
    provider = request.query.get("provider") or None
    data: dict[str, object] = {
        "span": span,
        "provider": provider or "",
        "providers": (),
        "found": (),
        "compared": None,
        "csv": request.link("/csv/reconcile/reconcile", **span.query, provider=provider),
        "found_csv": request.link("/csv/reconcile/reconciliations", provider=provider),
    }
    if span.mistakes:
        return Page("bills", data, 422)
    found = answer(request, "reconcile/reconciliations", top=_FOUND)
    compared = answer(request, "reconcile/reconcile", **span.bounds, provider=provider)
    if found is not None and compared is not None:
        rows = found.mappings()
        data |= {
            "providers": sorted({str(row["provider"]) for row in rows}),
            "found": [
                {**row, "why": _why(request, row)}
                for row in rows
                if provider in (None, row["provider"])
            ],
            "compared": grid_of(request, compared),
        }
    return Page("bills", data)


def _why(request: PageRequest, row: Mapping[str, Any]) -> list[tuple[str, str]]:
    return causes_of(request, row["causes"] or "")
