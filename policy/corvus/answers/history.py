"""What each day, week, month, session or mission cost, as programs see it (REP-5, CLI-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from corvus.answers.shape import (
    COUNT,
    Member,
    Shape,
    choice,
    count,
    in_usd,
    listing,
    member,
    nested,
    nullable,
    optional,
    optional_money,
    words,
)
from corvus.base.period import HISTORY_PERIODS

Row: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class History:
    """A history of spend.

    Attributes:
        period: What a bucket is.
        rows: The buckets, oldest first, as the report of the period has them.
    """

    period: str
    rows: Sequence[Row] = ()

    @property
    def cost_nano_usd(self) -> int | None:
        """The known cost of all buckets; ``None`` when no bucket has one."""
        costs = [row["cost_nano_usd"] for row in self.rows]
        amounts = [cost for cost in costs if isinstance(cost, int)]
        return sum(amounts) if amounts or not self.rows else None

    def total(self, name: str) -> int:
        """Return the sum of a column."""
        return sum(_integer(row, name) or 0 for row in self.rows)


def _integer(row: Row, name: str) -> int | None:
    value = row[name]
    return value if isinstance(value, int) else None


POINT = Shape[Row](
    member(
        "bucket",
        nullable(words("First day, or the id of its session or mission; null without one.")),
        lambda row: row["bucket"],
    ),
    optional(
        member(
            "session_id", nullable(words("Session of a mission.")), lambda row: row["session_id"]
        ),
        lambda row: "session_id" in row,
    ),
    optional(
        member(
            "project",
            nullable(words("Project of a session or mission.")),
            lambda row: row["project"],
        ),
        lambda row: "project" in row,
    ),
    optional_money("cost", "Known cost.", lambda row: _integer(row, "cost_nano_usd")),
    member("tokens", {**COUNT, "description": "Tokens of all kinds."}, lambda row: row["tokens"]),
    member("requests", {**COUNT, "description": "Calls."}, lambda row: row["calls"]),
    member(
        "unpriced_calls",
        {**COUNT, "description": "Calls whose cost is unknown."},
        lambda row: row["unpriced_calls"],
    ),
)
"""One bucket, from a row of the report."""
_TOTALS = Shape[History](
    optional_money("total_cost", "Known cost of all points.", "cost_nano_usd"),
    count("total_tokens", "Tokens of all points.", lambda history: history.total("tokens")),
    count("total_requests", "Calls of all points.", lambda history: history.total("calls")),
    count(
        "total_unpriced_calls",
        "Calls whose cost is unknown.",
        lambda history: history.total("unpriced_calls"),
    ),
)
_UPSTREAM_TOTALS = Shape[History](
    member(
        "cost_usd",
        nullable({"type": "number", "description": "USD, for reading."}),
        lambda history: in_usd(history.cost_nano_usd),
    ),
    count("tokens", "Tokens of all points.", lambda history: history.total("tokens")),
    count("requests", "Calls of all points.", lambda history: history.total("calls")),
)
_PERIOD: Member[History] = member("period", choice(HISTORY_PERIODS), lambda history: history.period)
HISTORY = Shape[History](
    _PERIOD,
    listing("points", POINT, "Oldest first, zero-filled.", "rows"),
    *_TOTALS.members,
    nested("totals", _UPSTREAM_TOTALS, lambda history: history),
)
"""As the admin API gives it, with the upstream's totals."""
HISTORY_WITH_BUCKETS = Shape[History](
    _PERIOD,
    count("points", "How many buckets there are.", lambda history: len(history.rows)),
    *_TOTALS.members,
    listing("buckets", POINT, "Oldest first, zero-filled.", "rows"),
)
"""As the command line gives it (CLI-2)."""
