"""The parts of a budget with ``per``: a table that can be searched, sorted and paged (DSH-4)."""

from __future__ import annotations

from corvus.base.errors import SteeringRefused, StoreError
from corvus.gateway.pages.meters import part_meter
from corvus.gateway.pages.page import MISSING, Page, PageRequest, fault_kind, page
from corvus.gateway.pages.pager import ROWS, pager, requested_page
from corvus.model.parts import OFFSET_MAX, PartOrder, PartsQuery

_SEARCH_MAX = 200


@page("/parts", live_seconds=5.0)
def parts(request: PageRequest) -> Page:
    """Show the parts of one budget."""
    query = _query(request)
    data: dict[str, object] = {
        "budget": query.budget,
        "search": query.search,
        "order": query.order.value,
        "orders": [order.value for order in PartOrder],
        "session": query.session_id,
        "mission": query.mission_id,
        "project": query.project,
        "fault": None,
        "found": None,
        "meters": (),
    }
    try:
        found = request.service.governor.parts(query)
    except SteeringRefused:
        return MISSING
    except StoreError as error:
        data["fault"] = fault_kind(error)
        return Page("parts", data, headline=request.words("fault.store.title"))
    data |= {
        "found": found,
        "meters": [part_meter(row) for row in found.rows],
        "pager": pager(request, len(found.rows), found.found),
        "policy": request.service.runtime.policy,
    }
    blocking = found.counts.blocking
    state = "parts.blocking" if blocking else "parts.none_blocking"
    return Page("parts", data, headline=request.words(state, budget=query.budget))


def _query(request: PageRequest) -> PartsQuery:
    given = request.query
    order = given.get("order", "")
    return PartsQuery(
        given.get("budget", ""),
        search=given.get("search", "").strip()[:_SEARCH_MAX],
        order=PartOrder(order) if order in set(PartOrder) else PartOrder.USED,
        offset=min(OFFSET_MAX, (requested_page(request) - 1) * ROWS),
        limit=ROWS,
        session_id=given.get("session") or None,
        mission_id=given.get("mission") or None,
        project=given.get("project") or None,
    )
