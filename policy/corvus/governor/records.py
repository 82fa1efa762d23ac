"""Rows of the ledger about calls: usage records and reservation events (LED-3).

An agent in a loop is refused hundreds of times a second. The first few refusals of a session, a
budget and a minute are rows of the ledger; the others of that minute are counted, and written as
one row when the minute is over, or before anybody reads (REP-2). Nothing is lost but the instant of
each.
"""

from __future__ import annotations

import json
from typing import Any

from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.model.budget import Measure
from corvus.model.columns import SettledCall, request_row, usage_row
from corvus.model.decision import Decision
from corvus.model.outbox import LedgerTable, Row
from corvus.model.price import Price
from corvus.model.request import ALL_RUNGS, Request
from corvus.model.reservation import Outcome, Reservation, Settlement, Source
from corvus.model.usage import Usage
from corvus.store.unit import Unit

_SINGLE_ROWS = 3
_GROUPS_MAX = 20
"""Kinds of refusals that are counted at a time; one more has all of them written."""
_MINUTE_US = 60_000_000
_OF_ONE_CALL = (
    "recorded_at",
    "requested_at",
    "estimate_nano_usd",
    "estimate_tokens",
    "asked_input_nano_usd",
    "asked_output_rate",
    "asked_output_tokens",
    "projected_nano_usd",
    "governing_projected",
    "waited_us",
)


def taken_back_row(settled: Reservation) -> Row:
    """Return the row that takes back what was presumed or recorded of a reservation.

    It carries the time at which that was settled, so that a reset leaves out both.
    """
    source = Source.PRESUMED if settled.cost_nano_usd is not None else Source.UNKNOWN
    usage, outcome = Usage(), Outcome.EXPIRED
    if settled.recorded is not None:
        (source, usage), outcome = settled.recorded, Outcome.COMPLETED
    cost, bound = settled.known_cost_nano_usd, None
    if source is Source.UNKNOWN:
        bound = settled.cost_nano_usd
    stood = Settlement(usage, cost, source, outcome, computed_cost_nano_usd=bound)
    row = usage_row(SettledCall(settled, stood, settled.record_id, calls=-1))
    row["id"] = new_id(microseconds(settled.admitted_at))
    return row


def price_row(unit: Unit, price: Price) -> Row:
    """Return a price entry, so that the ledger says what its costs were computed from."""
    return {
        "recorded_at": unit.now_us,
        "entry": price.entry,
        "book": price.book,
        "provider": price.provider or None,
        "model": price.model,
        "effective_from": price.effective_from.isoformat() if price.effective_from else None,
        "rates": {kind.value: rate for kind, rate in price.rates.items()},
        "source": price.source,
    }


def event_row(unit: Unit, kind: str, request: Request, reservation: Reservation | None) -> Row:
    """Return a row of ``reservation_event`` about a call.

    Args:
        unit: The transaction under way.
        kind: ``reserved``, ``denied``, ``committed``, ``released``, ``expired``, ``extended`` or
            ``replaced``.
        request: The call.
        reservation: Its reservation; a denied call has none.
    """
    row: Row = {
        "recorded_at": unit.now_us,
        "kind": kind,
        **request_row(request),
        "estimate_nano_usd": request.estimate_nano_usd,
        "most_nano_usd": request.most_nano_usd,
        "estimate_tokens": request.estimate_tokens,
    }
    if reservation is not None:
        row["reservation_id"] = reservation.id
        row["override_id"] = reservation.override_id
        row["policy_hash"] = reservation.policy_hash
        row["expires_at"] = microseconds(reservation.expires_at)
    return row


def asked_row(request: Request, passed: Request, turn: int | None) -> Row:
    """Return what the caller of a call asked for, as far as its event does not say so.

    With it a recorded call can be put to another policy.

    Args:
        request: The call as its caller described it.
        passed: The form of it that was decided on.
        turn: When it came, microseconds, if it waited.
    """
    row: Row = {}
    if turn is not None:
        row["requested_at"] = turn
    if passed is not request:
        row["asked_nano_usd"] = request.estimate_nano_usd
        row["asked_tokens"] = request.estimate_tokens
    if request.output_tokens is not None:
        row["asked_input_nano_usd"] = request.input_nano_usd
        row["asked_output_rate"] = request.output_rate
        row["asked_output_tokens"] = request.output_tokens
    if request.rungs != ALL_RUNGS:
        row["asked_rungs"] = ",".join(request.rungs)
    return row


def decided_row(decision: Decision) -> Row:
    """Return what the event of a call says of its decision."""
    governing = decision.governing
    row: Row = {"state": decision.state.word, "denial": decision.denial}
    if decision.rungs or decision.waited_seconds or decision.approval_id:
        row |= {
            "rungs": ",".join(decision.rungs) or None,
            "output_cap_tokens": decision.output_cap_tokens,
            "downgraded_from": decision.downgraded_from,
            "waited_us": round(decision.waited_seconds * 1_000_000) or None,
            "approval_id": decision.approval_id,
        }
        in_the_way = (each for each in decision.statuses if each.budget.enforce == "block")
        governing = next(in_the_way, governing)  # one that only warns brings nobody on the ladder
    if governing is None:
        return row
    budget = governing.budget
    row |= {
        "governing_budget": budget.name,
        "governing_part": governing.part or None,
        "governing_measure": budget.measure.value,
        "governing_limit": budget.limit,
        "governing_projected": governing.projected,
    }
    if budget.measure is Measure.USD:
        row |= {
            "governing_limit_nano_usd": budget.limit,
            "projected_nano_usd": governing.projected,
        }
    return row


def append_refusal(unit: Unit, row: Row) -> None:
    """Keep a refusal: as a row of its own, or counted with others like it.

    Args:
        unit: The transaction under way.
        row: As the ledger takes it.
    """
    minute = unit.now_us // _MINUTE_US
    counted: dict[str, Any] = _counted(unit)
    key = _key(row)
    if counted and (counted["minute"] != minute or _is_full(counted, key)):
        append_counted_refusals(unit)
        counted = {}
    if not counted:
        counted = {"minute": minute, "groups": dict[str, Any]()}
    groups: dict[str, dict[str, Any]] = counted["groups"]
    group = groups.setdefault(key, {"told": 0, "times": 0})
    if group["told"] < _SINGLE_ROWS:
        group["told"] += 1
        unit.append(LedgerTable.RESERVATION_EVENT, row)
    else:
        _add(group, row)
    unit.touch().refusals = json.dumps(counted, separators=(",", ":"), ensure_ascii=False)


def append_counted_refusals(unit: Unit, *, only_past: bool = False) -> None:
    """Write the refusals that were only counted so far.

    Args:
        unit: The transaction under way.
        only_past: Leave those of the present minute.
    """
    counted = _counted(unit)
    if not counted or (only_past and counted["minute"] == unit.now_us // _MINUTE_US):
        return
    for group in counted["groups"].values():
        if group["times"]:
            row = {**group["row"], "times": group["times"]}
            if group.get("waited"):
                row["waited_us"] = group["waited"]
            if group["largest"] is not None:
                row["estimate_nano_usd"] = group["largest"]
                row["estimates_nano_usd"] = group["sum"]
            unit.append(LedgerTable.RESERVATION_EVENT, row)
    unit.touch().refusals = ""


def _counted(unit: Unit) -> dict[str, Any]:
    text = unit.state.refusals
    counted: dict[str, Any] = json.loads(text) if text else {}
    return counted


def _is_full(counted: dict[str, Any], key: str) -> bool:
    return key not in counted["groups"] and len(counted["groups"]) >= _GROUPS_MAX


def _key(row: Row) -> str:
    same = {name: value for name, value in row.items() if name not in _OF_ONE_CALL}
    return json.dumps([row.get("estimate_nano_usd") is None, same], sort_keys=True)


def _add(group: dict[str, Any], row: Row) -> None:
    estimate: Any = row.get("estimate_nano_usd")
    waited: Any = row.get("waited_us")
    group["times"] += 1
    group["waited"] = group.get("waited", 0) + (waited or 0)
    group["row"] = row
    if estimate is None:
        group["largest"] = None
    else:
        group["largest"] = max(group.get("largest", 0), estimate)
        group["sum"] = group.get("sum", 0) + estimate
