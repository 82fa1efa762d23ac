"""Learns from recorded calls what a model writes for an agent (``hold = "expected"``)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from corvus.model.expectation import CALLS_MIN, DAYS, PAIRS_MAX, PERCENT, ExpectedOutput

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# The model is the one that was asked for: that is what is known before a call. Only calls of which
# the provider itself said what they used, and whose end was their own.
_LEARN = """
SELECT requested_model, coalesce(agent, '') AS agent,
    quantile_disc(output_tokens + reasoning_tokens, $percent / 100)::BIGINT AS output_tokens,
    count(*) AS calls
FROM usage_call
WHERE admitted_at >= $since AND reservation_id IS NOT NULL
    AND outcome = 'completed' AND source IN ('provider', 'priced')
GROUP BY ALL
HAVING count(*) >= $least
ORDER BY calls DESC, requested_model, agent
LIMIT $most
"""


def expected_outputs(connection: DuckDBPyConnection, now: datetime) -> list[ExpectedOutput]:
    """Return what calls of each model and agent wrote of late, those with the most calls first.

    Args:
        connection: To a ledger.
        now: The present instant, aware.
    """
    since = now.astimezone(UTC).replace(tzinfo=None) - timedelta(days=DAYS)
    given = {"percent": PERCENT, "since": since, "least": CALLS_MIN, "most": PAIRS_MAX}
    return [ExpectedOutput(*row) for row in connection.execute(_LEARN, given).fetchall()]
