"""The first page: where every budget stands, what was spent lately, and who changed what.

Budgets come from the store at once; what the ledger says is read beside, so that a large ledger
never delays the page, and one of the two failing leaves the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from corvus.base.errors import StoreError
from corvus.gateway.pages.chart import Point, bars_of
from corvus.gateway.pages.meters import BLOCKING, Meter, meter_of
from corvus.gateway.pages.page import Ask, Page, fault_kind
from corvus.gateway.pages.summary import digest_of
from corvus.model.policy import Policy
from corvus.model.spend import Spend
from corvus.model.status import StatusReport

_TILES = ("day", "month", "session")


def overview(ask: Ask) -> Page:
    """Show where everything stands."""
    policy = ask.desk.runtime.policy
    session = ask.query.get("session") or None
    data: dict[str, object] = {
        "policy": policy,
        "session": session,
        "fault": None,
        "digest": (digest := digest_of(ask.desk)),
        **_days(ask, digest.days.rows or ()),
        "meters": (),
        "tiles": (),
        "unpriced": None,
        "status": None,
    }
    try:
        status = ask.desk.governor.status(session)
    except StoreError as error:
        data["fault"] = fault_kind(error)
        return Page("overview", data, headline=ask.words("fault.store.title"))
    meters = [meter_of(one, status) for one in status.decision.statuses]
    data |= {
        "status": status,
        "meters": [one for one in meters if not one.is_off],
        "switched_off": [one for one in meters if one.is_off],
        "tiles": _tiles(status),
        "unpriced": _unpriced(status),
    }
    return Page("overview", data, headline=_headline(ask, policy, meters))


def _headline(ask: Ask, policy: Policy, meters: list[Meter]) -> str:
    """Return the state of things, without figures: each change of it is read out."""
    if not policy.enabled:
        return ask.words("overview.disabled")
    governing = next((one for one in meters if not one.is_off), None)
    if governing is None:
        return ask.words("overview.no_budget")
    refusing = (one for one in meters if one.state == BLOCKING and not one.is_off)
    shown = next(refusing, governing)
    return ask.words(f"overview.headline.{shown.state}", budget=shown.name)


def _days(ask: Ask, rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return the chart of the latest days, and what it says in words."""
    figures = ask.figures
    points = [
        Point(
            row["cost_nano_usd"],
            figures.short_day(date.fromisoformat(row["bucket"])),
            f"{row['bucket']}: {figures.usd(row['cost_nano_usd'])}",
        )
        for row in rows
    ]
    dearest = max(rows, key=lambda row: row["cost_nano_usd"] or 0, default=None)
    label = (
        ""
        if dearest is None
        else ask.words(
            "chart.cost_by_day",
            day=figures.day(date.fromisoformat(dearest["bucket"])),
            amount=figures.usd(dearest["cost_nano_usd"]),
        )
    )
    return {"days": bars_of(points, figures.usd), "days_label": label}


def _tiles(status: StatusReport) -> list[tuple[str, Spend | None]]:
    return [(name, status.spends[name]) for name in _TILES if name in status.spends]


def _unpriced(status: StatusReport) -> Spend | None:
    """Return the widest spend that has calls without a price."""
    spends = [one for one in status.spends.values() if one is not None and one.unpriced_calls]
    return max(spends, key=lambda one: one.calls, default=None)
