"""The rule that makes one call of all its lines, in pieces and in any order (IMP-1).

A call is known by its ``import_key``. Its place (instant, session, project) is that of its first
line, its counts and a stated cost are those of its last one. A call that was merged, or recorded,
stands for all of its lines: it carries the first instant and the last, so that merging it with more
lines chooses as if all of them were there.
"""

from __future__ import annotations

from corvus.model.columns import STATED
from corvus.model.usage import COUNTS
from corvus.usage.importers.statements import each

LAST = (
    "settled_at",
    "answering_model",
    "outcome",
    "provider_request_id",
    "reported_nano_usd",
    "calls",
)
"""What the last line of a call states, besides its counts."""

_OF_ANY = ("import_key", "provider", "service_tier")
PLACE = tuple(column.name for column in STATED if column.name not in {*LAST, *COUNTS, *_OF_ANY})
"""What the first line of a call states, besides whether it is of a fork."""

# A line of the main conversation counts before its repetition in a sub-agent's log, and one of the
# session it was said in before the copy that a fork of the session begins with. Of two equal ones
# the recorded one stays.
_IS_FIRST = "(agent IS NOT NULL, admitted_at, is_fork, session_id, known_id IS NULL)"
# Output first: it is what grows while a message streams.
_IS_LAST = f"(agent IS NULL, settled_at, output_tokens, {each('{count}', ', ')}, known_id NOT NULL)"


def merged(table: str, where: str = "true") -> str:
    """Return a SELECT of one row for each call among the rows of a table.

    Besides the columns of a call it has ``known_id``, the record of the call in the ledger, and
    whether that record ``keeps_place`` and ``keeps_counts``.

    Args:
        table: A table with the columns of ``import_line``.
        where: Which of its rows are calls.
    """
    return f"""
    WITH call AS (
        SELECT import_key,
            arg_min(rowid, {_IS_FIRST}) AS first_line,
            arg_max(rowid, {_IS_LAST}) AS last_line,
            arg_max(service_tier, {_IS_LAST}) FILTER (WHERE service_tier IS NOT NULL)
                AS service_tier,
            arg_max(iterations, {_IS_LAST}) FILTER (WHERE iterations IS NOT NULL) AS iterations,
            any_value(known_id) AS known_id
        FROM {table} WHERE {where} GROUP BY import_key
    )
    SELECT call.import_key, call.known_id, call.service_tier, call.iterations,
        opening.known_id IS NOT NULL AS keeps_place, latest.known_id IS NOT NULL AS keeps_counts,
        {", ".join(f"opening.{name}" for name in (*PLACE, "is_fork"))},
        coalesce(opening.provider, latest.provider) AS provider,
        {", ".join(f"latest.{name}" for name in (*LAST, *COUNTS))}
    FROM call
    JOIN {table} AS opening ON opening.rowid = call.first_line
    JOIN {table} AS latest ON latest.rowid = call.last_line
    """  # noqa: S608 - made of constants of this package
