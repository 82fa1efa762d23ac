"""The first page: where every budget stands, what was spent lately, and who changed what.

Budgets come from the store at once; what the ledger says is read apart, so that a large ledger
never delays the page, and one of the two failing leaves the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from corvus.base.errors import StoreError
from corvus.gateway.pages.chart import Point, bars_of
from corvus.gateway.pages.meters import BLOCKING, Meter, meter_of
from corvus.gateway.pages.page import Page, PageRequest, fault_kind, page
from corvus.gateway.pages.summary import summary_of
from corvus.gateway.pages.views.shadow import problem_of
from corvus.governor.shadow.marks import ShadowOutcome
from corvus.governor.shadow.tallies import ShadowCount
from corvus.model.policy import Policy
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport

_TILES = ("day", "month", "session")
_REFUSED = 4
"""How many kinds of refusals are listed first."""


@page("", live_seconds=2.0, menu=1)
def overview(request: PageRequest) -> Page:
    """Show where everything stands."""
    policy = request.service.runtime.policy
    session = request.query.get("session") or None
    data: dict[str, object] = {
        "policy": policy,
        "session": session,
        "fault": None,
        "summary": (summary := summary_of(request.service)),
        **_days(request, summary.days.rows or ()),
        "meters": (),
        "tiles": (),
        "unpriced": None,
        "status": None,
        "parked": 0,
        "refused": _refused(summary.refused.rows or ()),
        "shadow": request.service.runtime.shadow,
        "shadow_problem": problem_of(request),
        "shadow_counts": (),
    }
    try:
        status = request.service.governor.status(session)
        data["parked"] = len(request.service.governor.approvals())
    except StoreError as error:
        data["fault"] = fault_kind(error)
        return Page("overview", data, headline=request.words("fault.store.title"))
    meters = [meter_of(one, status) for one in status.decision.statuses]
    governing = next((one.name for one in meters if not one.is_off), None)
    order = {budget.name: place for place, budget in enumerate(policy.budgets)}
    meters.sort(key=lambda one: (-one.severity, -one.percent, order.get(one.name, 0)))
    data |= {
        "status": status,
        "governing": governing,
        "meters": [one for one in meters if not one.is_off],
        "switched_off": [one for one in meters if one.is_off],
        "tiles": _tiles(status),
        "unpriced": _unpriced(status),
        "shadow_counts": _refused_by_shadow(request),
    }
    return Page("overview", data, headline=_headline(request, policy, meters, governing))


def _refused(rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return what was refused today: how many calls, and those refused last."""
    calls = sum(row["denied_calls"] for row in rows)
    return {"calls": calls, "rows": rows[:_REFUSED], "more": max(0, len(rows) - _REFUSED)}


def _headline(
    request: PageRequest, policy: Policy, meters: list[Meter], governing_name: str | None
) -> str:
    """Return the state of things, without figures: each change of it is read out."""
    if not policy.enabled:
        return request.words("overview.disabled")
    governing = next((one for one in meters if one.name == governing_name), None)
    if governing is None:
        return request.words("overview.no_budget")
    refusing = (one for one in meters if one.state == BLOCKING and not one.is_off)
    shown = next(refusing, governing)
    return request.words(f"overview.headline.{shown.state}", budget=shown.name)


def _days(request: PageRequest, rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return the chart of the latest days, and what it says in words."""
    figures = request.figures
    points = [
        Point(
            row["cost_nano_usd"],
            figures.short_day(date.fromisoformat(row["bucket"])),
            f"{figures.bucket(row['bucket'])}: {figures.usd(row['cost_nano_usd'])}",
        )
        for row in rows
    ]
    costliest = max(rows, key=lambda row: row["cost_nano_usd"] or 0, default=None)
    label = (
        ""
        if costliest is None
        else request.words(
            "chart.cost_by_day",
            day=figures.day(date.fromisoformat(costliest["bucket"])),
            amount=figures.usd(costliest["cost_nano_usd"]),
        )
    )
    return {"days": bars_of(points, figures.usd), "days_label": label}


def _refused_by_shadow(request: PageRequest) -> Sequence[ShadowCount]:
    """Return what the shadow policy would have refused; nothing where the store cannot say."""
    with suppress(StoreError):
        counts = request.service.runtime.shadow_counts()
        return [one for one in counts if one.outcome is ShadowOutcome.REFUSED]
    return ()


def _tiles(status: StatusReport) -> list[tuple[str, Spend | None]]:
    return [(name, status.spends[name]) for name in _TILES if name in status.spends]


def _unpriced(status: StatusReport) -> Spend | None:
    """Return the widest spend that has calls without a price."""
    spends = [one for one in status.spends.values() if one is not None and one.unpriced_calls]
    return max(spends, key=lambda one: one.calls, default=None)
