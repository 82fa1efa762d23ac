"""Keeps what was refused, without a row for each of a thousand equal refusals (REP-2).

An agent in a loop is refused hundreds of times a second. The first few refusals of a session, a
budget and a minute are rows of the ledger; the others of that minute are counted, and told together
when the minute is over, or before anybody reads. Nothing is lost but the instant of each.
"""

from __future__ import annotations

import json
from typing import Any

from corvus.model.outbox import LedgerTable, Row
from corvus.store.unit import Unit

_TOLD_SINGLY = 3
_GROUPS_MAX = 20
"""Kinds of refusals that are counted at a time; one more has all of them told."""
_MINUTE_US = 60_000_000
_OF_ONE_CALL = ("recorded_at", "estimate_nano_usd", "projected_nano_usd")


def tell_refusal(unit: Unit, row: Row) -> None:
    """Keep a refusal: as a row of its own, or counted with others like it.

    Args:
        unit: The transaction under way.
        row: As the ledger takes it.
    """
    minute = unit.now_us // _MINUTE_US
    counted: dict[str, Any] = _counted(unit)
    key = _key(row)
    if counted and (counted["minute"] != minute or _is_full(counted, key)):
        tell_counted(unit)
        counted = {}
    if not counted:
        counted = {"minute": minute, "groups": dict[str, Any]()}
    groups: dict[str, dict[str, Any]] = counted["groups"]
    group = groups.setdefault(key, {"told": 0, "times": 0})
    if group["told"] < _TOLD_SINGLY:
        group["told"] += 1
        unit.append(LedgerTable.RESERVATION_EVENT, row)
    else:
        _add(group, row)
    unit.touch().refusals = json.dumps(counted, separators=(",", ":"), ensure_ascii=False)


def tell_counted(unit: Unit, *, only_past: bool = False) -> None:
    """Tell the ledger of refusals that were only counted so far.

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
            if group["largest"] is not None:
                row["estimate_nano_usd"] = group["largest"]
                row["estimates_nano_usd"] = group["sum"]
            unit.append(LedgerTable.RESERVATION_EVENT, row)
    unit.touch().refusals = ""


def _counted(unit: Unit) -> dict[str, Any]:
    text = unit.state.refusals
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _is_full(counted: dict[str, Any], key: str) -> bool:
    return key not in counted["groups"] and len(counted["groups"]) >= _GROUPS_MAX


def _key(row: Row) -> str:
    same = {name: value for name, value in row.items() if name not in _OF_ONE_CALL}
    return json.dumps([row.get("estimate_nano_usd") is None, same], sort_keys=True)


def _add(group: dict[str, Any], row: Row) -> None:
    estimate: Any = row.get("estimate_nano_usd")
    group["times"] += 1
    group["row"] = row
    if estimate is None:
        group["largest"] = None
    else:
        group["largest"] = max(group.get("largest", 0), estimate)
        group["sum"] = group.get("sum", 0) + estimate
