"""Reads the usage export of Cursor's dashboard: a CSV with one row for each request.

Columns (2026): ``Date``, ``User``, ``Kind``, ``Model``, ``Max Mode``, ``Input (w/ Cache Write)``,
``Input (w/o Cache Write)``, ``Cache Read``, ``Output Tokens``, ``Total Tokens``, ``Cost``; older
exports leave some out, and have ``Requests`` instead of a cost.

- ``Input (w/ Cache Write)`` is either what was written to a cache, or that and plain input. The
  total decides which. Where it fits neither, the cost is unknown.
- Cursor bills. What it charged for usage on demand is stated; of what a plan includes, ``Cost`` is
  the worth at its own prices, which serves as an estimate. A row that was not charged costs 0; what
  a free quota covers has no known cost.
- A row has no id: equal rows of one file count each.

The program sends and gets text, so its tokens are text. Refuses rows without counts by kind.

Source: exports of cursor.com/dashboard and their readers in public repositories, read on
2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    BadRecord,
    Importer,
    Layout,
    Notice,
    Object,
    count_at,
    text_at,
)
from corvus.usage.importers.reading.unread import doubt, unread_counts

_WITH = "Input (w/ Cache Write)"
_WITHOUT = "Input (w/o Cache Write)"
_READ = "Cache Read"
_OUTPUT = "Output Tokens"
_TOTAL = ("Total Tokens", "Tokens")
_COLUMNS = {_WITH, _WITHOUT, _READ, _OUTPUT, *_TOTAL}
_COST = ("Cost", "Cost ($)", "Cost (USD)", "Cost to you", "API Cost")
_AMOUNT = re.compile(r"\$?\s*([0-9][0-9,]*(?:\.[0-9]+)?)")
_NOT_CHARGED = ("no charge", "not charged")
_AMBIGUOUS = (
    "Input (w/ Cache Write) fits the total neither with nor without plain input: "
    "the cost of these calls is unknown"
)


def is_cursor(columns: AbstractSet[str]) -> bool:
    """Return whether a CSV file with these columns is an export of Cursor."""
    is_detailed = {_WITHOUT, _READ} <= columns
    return {"Date", "Model"} <= columns and (is_detailed or {"Kind", "Max Mode"} <= columns)


def request(row: Object) -> Iterator[Object | Notice]:
    """Yield the call of a row.

    Raises:
        BadRecord: A count is none, or there is only a total.
    """
    kind = (text_at(row, "Kind") or "").lower()
    if _WITHOUT not in row:
        raise BadRecord("only a total of tokens; export it again from the dashboard of Cursor")
    used, is_known = _counts(row)
    if not any(used.values()):
        return
    if not is_known:
        yield Notice(_AMBIGUOUS)
    unread = unread_counts(row, _COLUMNS, "")
    yield from map(doubt, unread)
    yield {
        "timestamp": text_at(row, "Date"),
        "model": text_at(row, "Model"),
        "provider": "cursor",
        "user_name": text_at(row, "User"),
        "agent": "cursor",
        "outcome": "failed" if "error" in kind or "abort" in kind else "completed",
        "client": "cursor",
        "kind": text_at(row, "Kind"),
        "max_mode": text_at(row, "Max Mode"),
        "states_modalities": True,
        "unknown_cost": bool(unread) or not is_known or None,
        **_cost(row, kind),
        **used,
    }


def _counts(row: Object) -> tuple[dict[str, int], bool]:
    """Return disjoint counts, and whether it is known which tokens were written to a cache."""
    plain, read = count_at(row, _WITHOUT) or 0, count_at(row, _READ) or 0
    output, stated = count_at(row, _OUTPUT) or 0, count_at(row, _WITH) or 0
    total = count_at(row, *_TOTAL)
    is_apart = stated < plain or total == stated + plain + read + output
    is_known = is_apart or stated == plain or total == stated + read + output
    written = stated if is_apart else stated - plain
    used = {
        "input_tokens": plain,
        "output_tokens": output,
        "cache_read_tokens": read,
        "cache_write_5m_tokens": written,
    }
    return used, is_known


def _cost(row: Object, kind: str) -> dict[str, object]:
    said = text_at(row, *_COST) or ""
    if any(words in f"{kind} {said.lower()}" for words in _NOT_CHARGED):
        return {"cost_usd": "0", "is_free": True}
    amount = _AMOUNT.fullmatch(said)
    if amount is None:
        return {}
    usd = amount[1].replace(",", "")
    is_charged = bool(kind) and "included" not in kind
    return {"cost_usd": usd} if is_charged else {"estimated_cost_usd": usd}


IMPORTER = Importer(
    name="cursor",
    suffixes=CSV_SUFFIXES,
    layouts={Layout.CSV},
    recognise=lambda head: False,
    recognise_columns=is_cursor,
    read=request,
    tags=("client", "kind", "max_mode"),
)
