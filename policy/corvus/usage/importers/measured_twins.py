"""Finds calls of a log that corvus itself has recorded: such a call counts once (IMP-1).

An agent that runs under a budget writes its log all the same. Its calls stand in the ledger as they
were measured, under a reservation, or as its telemetry reported them; what the log says of them is
left out. A call is the same by the provider's id of the request. Where the log or the record has no
such id it is the same by its model, its tokens and its time. What a log brought before the record
was there, while the call was under way, is taken back.

Refuses to look for twins of sums of several calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corvus.model.usage import CONTEXT, TOKENS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_READ = " + ".join(CONTEXT)
_WRITTEN = " + ".join(name for name in TOKENS if name not in CONTEXT)
_BEFORE, _AFTER = "INTERVAL 5 SECOND", "INTERVAL 60 SECOND"
"""How far the time that a log states may lie outside of that of the measured call."""
_CLOCKS_APART = "INTERVAL 1 DAY"
"""How far apart a call and its log may be at all, so that an old ledger is not read through."""
_LOOKED_BACK = "INTERVAL 7 DAY"
"""How old an imported call may be that is taken back."""

# An import may state any surface; nothing that it states was measured here.
_IS_MEASURED = "(reservation_id IS NOT NULL OR surface = 'telemetry')"
_HAS_MEASURED = f"SELECT EXISTS (SELECT 1 FROM usage_record WHERE {_IS_MEASURED})"  # noqa: S608 - constants

_TWINS = f"""
CREATE OR REPLACE TEMP TABLE import_twin AS
WITH imported AS (
    SELECT import_key, known_id, provider_request_id, requested_model, answering_model,
        admitted_at, settled_at, {_READ} AS read_tokens, {_WRITTEN} AS written_tokens
    FROM temp.import_candidate WHERE calls = 1
    UNION ALL BY NAME
    SELECT import_key, id AS known_id, provider_request_id, requested_model, answering_model,
        admitted_at, settled_at, {_READ} AS read_tokens, {_WRITTEN} AS written_tokens
    FROM usage_call
    WHERE surface = 'import' AND calls = 1 AND import_key IS NOT NULL
        AND admitted_at >= $now::TIMESTAMP - {_LOOKED_BACK}
),
measured AS (
    SELECT import_key, provider_request_id, requested_model, answering_model, admitted_at,
        settled_at, {_READ} AS read_tokens, {_WRITTEN} AS written_tokens
    FROM usage_call WHERE {_IS_MEASURED} AND calls = 1
        AND admitted_at >= (SELECT min(admitted_at) - {_CLOCKS_APART} FROM imported)
        AND admitted_at <= (SELECT max(settled_at) + {_CLOCKS_APART} FROM imported)
),
found AS (
    SELECT imported.import_key
    FROM imported
    JOIN measured ON measured.provider_request_id = imported.provider_request_id
    WHERE measured.import_key IS DISTINCT FROM imported.import_key
    UNION
    SELECT imported.import_key
    FROM imported
    JOIN measured ON measured.read_tokens = imported.read_tokens
        AND measured.written_tokens = imported.written_tokens
        AND imported.settled_at >= measured.admitted_at - {_BEFORE}
        AND imported.admitted_at <= measured.settled_at + {_AFTER}
    WHERE measured.import_key IS DISTINCT FROM imported.import_key
        AND (imported.provider_request_id IS NULL OR measured.provider_request_id IS NULL)
        AND imported.read_tokens + imported.written_tokens > 0
        AND (imported.requested_model IN (measured.requested_model, measured.answering_model)
            OR imported.answering_model = measured.answering_model)
)
SELECT DISTINCT imported.import_key, imported.known_id
FROM imported JOIN found ON found.import_key = imported.import_key
"""  # noqa: S608 - made of constants of this package

_NO_TWINS = """
CREATE OR REPLACE TEMP TABLE import_twin AS
SELECT import_key, known_id FROM temp.import_candidate LIMIT 0
"""

_LEAVE_OUT = """
DELETE FROM temp.import_candidate
WHERE import_key IN (SELECT import_key FROM temp.import_twin)
"""


def leave_out_twins(connection: DuckDBPyConnection, now: object) -> int:
    """Drop the candidates that are measured already, and list the records to take back.

    Args:
        connection: With ``import_candidate``; gets ``import_twin``.
        now: The present instant as the ledger writes it.

    Returns:
        How many calls of the import were left out.
    """
    if connection.execute(_HAS_MEASURED).fetchone() != (True,):
        connection.execute(_NO_TWINS)
        return 0
    connection.execute(_TWINS, {"now": now})
    counted = connection.execute(
        "SELECT count(DISTINCT import_key) FROM temp.import_candidate "
        "WHERE import_key IN (SELECT import_key FROM temp.import_twin)"
    ).fetchone()
    connection.execute(_LEAVE_OUT)
    return counted[0] if counted else 0
