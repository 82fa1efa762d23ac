"""How exact the recorded cost of a month is: its error bar, as every surface writes it (REP-6)."""

from __future__ import annotations

from corvus.answers.shape import (
    Shape,
    count,
    flag,
    instant,
    listing,
    money,
    optional_money,
    text,
)
from corvus.model.error_bar import ErrorBar, LastReconciliation

_RECONCILIATION = Shape[LastReconciliation](
    text("provider", "Whose bill."),
    instant("reconciled_at", "When it was compared."),
    text("first_day", "First day of the bill, UTC.", lambda one: one.first_day.isoformat()),
    text("last_day", "Last day of the bill, UTC.", lambda one: one.last_day.isoformat()),
    optional_money("gap", "Billed less recorded; null where the bill has counts alone."),
    flag("is_within", "Whether it was within the tolerance."),
)
ACCURACY = Shape[ErrorBar](
    count("calls", "Calls of the month."),
    count("estimated_calls", "Calls whose cost is an estimate."),
    count("unknown_calls", "Calls whose cost is unknown."),
    count("at_least_calls", "Calls whose cost is a lower bound."),
    flag("is_exact", "Whether every cost is exact."),
    money("recorded", "Recorded for the month."),
    money("low", "The least that it can be: without estimates."),
    optional_money("high", "The most that it can be; null where some cost has no upper bound."),
    listing(
        "reconciliations", _RECONCILIATION, "The last one of each provider.", "reconciliations"
    ),
)
