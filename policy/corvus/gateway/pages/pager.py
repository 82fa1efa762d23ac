"""Pages of a long list: which one is shown, and where the others are."""

from __future__ import annotations

from dataclasses import dataclass

from corvus.gateway.pages.page import PageRequest

ROWS = 50
PAGE_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Pager:
    """Where in a list a page stands.

    Attributes:
        first: Number of its first row, from 1; 0 when there is none.
        last: Number of its last row.
        total: Rows on all pages; ``None`` when nobody counted them.
        before: Address of the page before.
        after: Address of the page after.
    """

    first: int
    last: int
    total: int | None
    before: str | None
    after: str | None


def requested_page(request: PageRequest) -> int:
    """Return the number of the requested page; 1 for anything that is no number."""
    text = request.query.get("page", "1")
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(PAGE_MAX))
    return min(PAGE_MAX, max(1, int(text))) if is_number else 1


def pager(
    request: PageRequest,
    shown: int,
    total: int | None,
    *,
    has_more: bool | None = None,
    rows: int = ROWS,
) -> Pager:
    """Return where a page stands.

    Args:
        request: Which page.
        shown: How many rows it has.
        total: How many all pages have, where it is known.
        has_more: Whether there is a page after it; by ``total`` when left out.
        rows: How many a full page has.
    """
    page = requested_page(request)
    before = (page - 1) * rows
    more = has_more if has_more is not None else before + shown < (total or 0)
    return Pager(
        before + 1 if shown else 0,
        before + shown,
        total,
        request.link(page=page - 1) if page > 1 else None,
        request.link(page=page + 1) if more else None,
    )
