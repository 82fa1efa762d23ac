"""What the shadow policy would have done: so far by the store, then by model by the ledger."""

from __future__ import annotations

from corvus.gateway.pages.grid import grid_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.span import span_of
from corvus.gateway.pages.summary import answer

_SPAN = "last-30-days"


@page("/shadow")
def shadow(request: PageRequest) -> Page:
    """Show what the shadow policy would have refused or changed."""
    service = request.service
    span = span_of(request, _SPAN)
    reported = None if span.mistakes else answer(request, "budgets/shadow", **span.bounds)
    data: dict[str, object] = {
        "span": span,
        "shadow": service.runtime.shadow,
        "problem": problem_of(request),
        "counts": service.runtime.shadow_counts(),
        "reported": grid_of(request, reported) if reported is not None and reported.rows else None,
        "csv": request.link("/csv/budgets/shadow", **span.query),
    }
    return Page("shadow", data, 422 if span.mistakes else 200)


def problem_of(request: PageRequest) -> str | None:
    """Return why the shadow policy is not counted, in words or as the command that says it."""
    problem, shadow = request.service.shadow_problem, request.service.runtime.shadow
    if problem is None or shadow is None:
        return problem
    return request.words.said(problem) or f"`corvus check {shadow.path}`"
