"""Whether what a statement names explains every window that is over its limit.

The same arithmetic serves whoever makes a statement and whoever checks it offline: what is left out
of one does not add up there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_FIRST, _LAST = "0000", "9999"


def unexplained(statement: Mapping[str, Any]) -> list[str]:
    """Return the windows that are over their limit by more than is named, in words.

    Amounts are in the unit of the measure, USD as nano-USD. A reset lets a window have its limit
    once more.
    """
    return [
        fault for window in statement["windows"] if (fault := _fault(window, statement)) is not None
    ]


def _fault(window: Mapping[str, Any], statement: Mapping[str, Any]) -> str | None:
    limit, used = int(window["limit"]), int(window["used"])
    if not limit or used <= limit:
        return None
    starts, ends = window["starts_at"] or _FIRST, window["ends_at"] or _LAST
    named = _named(statement["exceptions"], window["measure"], starts, ends)
    named += limit * int(window["resets"])
    if used - limit <= named:
        return None
    part = f" of {window['part']}" if window["part"] else ""
    over = f"{used - limit} {window['measure']} over its limit, and {named} of them are named"
    return f"budget {window['budget']}{part} from {starts}: {over}"


def _named(exceptions: Sequence[Mapping[str, Any]], measure: str, starts: str, ends: str) -> int:
    """Return what exceptions of a stretch of time come to; each may belong to the window."""
    return sum(
        int(one[measure])
        for one in exceptions
        if one["last_at"] >= starts and one["first_at"] < ends
    )
