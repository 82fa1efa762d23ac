"""How far the recorded cost may be from the truth: its error bar (REC-1).

A cost is exact, an estimate, a lower bound, or unknown. From low to high is what the sum can be;
where a cost is unknown or a lower bound there is no highest sum. Refuses to guess one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from corvus.base.errors import ReportError
from corvus.base.time import naive_utc
from corvus.ledger.connect import clean_message
from corvus.model.error_bar import ErrorBar, LastReconciliation

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

IS_ESTIMATE = "(cost_nano_usd IS NOT NULL AND source IN ('estimated', 'presumed') AND NOT at_least)"
"""Whether the cost of a usage record is an estimate: SQL over its columns."""

_SUMS = f"""
SELECT coalesce(sum(calls), 0)::BIGINT,
    coalesce(sum(cost_nano_usd) FILTER (NOT {IS_ESTIMATE}), 0)::BIGINT,
    coalesce(sum(cost_nano_usd) FILTER ({IS_ESTIMATE}), 0)::BIGINT,
    coalesce(sum(calls) FILTER ({IS_ESTIMATE}), 0)::BIGINT,
    coalesce(sum(calls) FILTER (cost_nano_usd IS NULL), 0)::BIGINT,
    coalesce(sum(calls) FILTER (cost_nano_usd IS NOT NULL AND at_least), 0)::BIGINT
FROM usage_record
WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
  AND ({{condition}})
"""  # noqa: S608 - made of constants of this module
_LATEST = """
SELECT provider, reconciled_at, first_day, last_day, billed_nano_usd, gap_nano_usd, is_within
FROM reconciliation
QUALIFY row_number() OVER (PARTITION BY provider ORDER BY reconciled_at DESC, rowid DESC) = 1
ORDER BY provider
"""


def error_bar(
    connection: DuckDBPyConnection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    condition: str = "true",
    parameters: Mapping[str, object] | None = None,
) -> ErrorBar:
    """Return the error bar of a recorded cost.

    Args:
        connection: To the ledger; reading is enough.
        since: First instant of admission, inclusive, aware; ``None`` is open.
        until: Last instant, exclusive, aware; ``None`` is open.
        condition: SQL over the columns of ``usage_record``, of constants alone.
        parameters: Values that the condition names as ``$name``.

    Raises:
        ReportError: DuckDB could not do it.
    """
    bounds: dict[str, object] = {
        "since": naive_utc(since) if since else None,
        "until": naive_utc(until) if until else None,
    }
    try:
        statement = _SUMS.format(condition=condition)
        row = connection.execute(statement, {**bounds, **(parameters or {})}).fetchone()
        latest = connection.execute(_LATEST).fetchall()
    except duckdb.Error as error:
        raise ReportError(f"no error bar: {clean_message(error)}") from None
    assert row is not None, "a sum has one row"
    return ErrorBar(*row, reconciliations=tuple(LastReconciliation(*one) for one in latest))
