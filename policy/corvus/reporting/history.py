"""The history of spend as one body for every surface, and how far it may reach (REP-5)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from corvus.base.errors import ReportParameterInvalid
from corvus.base.money import usd_text

if TYPE_CHECKING:
    from corvus.reporting.table import Table

DEFAULT_WINDOW = 30
"""Buckets asked for when none are named, for every period, as upstream."""


class Bucket(StrEnum):
    """What one bucket of the history is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    SESSION = "session"
    MISSION = "mission"


_LARGEST = {
    Bucket.DAY: 366,
    Bucket.WEEK: 260,
    Bucket.MONTH: 60,
    Bucket.SESSION: 1000,
    Bucket.MISSION: 1000,
}


def check_window(period: Bucket, window: int) -> None:
    """Refuse a window before any work is done (REP-5, UP-HIS-1).

    Raises:
        ReportParameterInvalid: The window is 0 or less, or larger than the period allows.
    """
    largest = _LARGEST[period]
    allowed = f"--period {period}: 1..={largest}"
    if window <= 0:
        raise ReportParameterInvalid(
            f"history window must be greater than zero, got {window} ({allowed})"
        )
    if window > largest:
        raise ReportParameterInvalid(f"history window is too large, got {window} ({allowed})")


def total_nano_usd(table: Table) -> int | None:
    """Return the known cost of all buckets; ``None`` when no bucket has one."""
    known = table.counts("cost_nano_usd")
    return sum(known) if known or not table.rows else None


def history_body(period: Bucket, table: Table) -> dict[str, object]:
    """Return the history as data: USD as numbers for reading, nano-USD as exact strings (API-1)."""
    total = total_nano_usd(table)
    names = [column.name for column in table.columns]
    buckets = [_bucket_json(dict(zip(names, row, strict=True))) for row in table.rows]
    return {
        "period": period.value,
        "points": len(table.rows),
        "total_cost_usd": _number(total),
        "total_cost_nano_usd": None if total is None else str(total),
        "total_tokens": sum(table.counts("tokens")),
        "total_requests": sum(table.counts("calls")),
        "total_unpriced_calls": sum(table.counts("unpriced_calls")),
        "buckets": buckets,
    }


def _bucket_json(row: dict[str, object]) -> dict[str, object]:
    cost = row["cost_nano_usd"] if isinstance(row["cost_nano_usd"], int) else None
    named = {name: row[name] for name in ("session_id", "project") if name in row}
    return {
        "bucket": row["bucket"],
        **named,
        "cost_usd": _number(cost),
        "cost_nano_usd": None if cost is None else str(cost),
        "tokens": row["tokens"],
        "requests": row["calls"],
        "unpriced_calls": row["unpriced_calls"],
    }


def _number(amount_nano_usd: int | None) -> float | None:
    return None if amount_nano_usd is None else float(usd_text(amount_nano_usd, 9))
