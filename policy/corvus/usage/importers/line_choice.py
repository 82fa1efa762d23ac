"""Makes one call of all its lines, in pieces and in any order (IMP-1).

A call is known by its ``import_key``. Its place (instant, session, project) is that of its first
line, its counts and a stated cost are those of its last one. A call that was merged, or recorded,
stands for all of its lines: it carries the first instant and the last, so that merging it with more
lines chooses as if all of them were there.
"""

from __future__ import annotations

from collections.abc import Collection

from corvus.model.columns import STATED
from corvus.model.usage import CONTEXT, COUNTS, TOKENS
from corvus.usage.importers.statements import each

LAST = (
    "settled_at",
    "answering_model",
    "outcome",
    "provider_request_id",
    "reported_nano_usd",
    "estimated_nano_usd",
    "is_free",
    "calls",
)
"""What the last line of a call states, besides its counts."""

_OF_COUNTS = ("reported_nano_usd", "estimated_nano_usd", "is_free", "calls")
"""What belongs to the counts of a line."""
_READ = " + ".join(CONTEXT)
_WRITTEN = " + ".join(name for name in TOKENS if name not in CONTEXT)

FLAGS = ("at_least", "unknown_cost", "states_modalities")
"""What holds for a call if any of its lines says so."""

_OF_ANY = ("import_key", "provider", "service_tier")
PLACE = tuple(column.name for column in STATED if column.name not in {*LAST, *COUNTS, *_OF_ANY})
"""What the first line of a call states, besides whether it is of a fork."""


def _is_first(options: Collection[str] = ()) -> str:
    """Return what is least of the first line of a call.

    A line of the main conversation counts before its repetition in a sub-agent's log, and one of
    the session it was said in before the copy that a fork of the session begins with. Of equal ones
    what they say decides, the session first, whichever was imported before. Of those that say the
    same the recorded one stays.

    Args:
        options: What an option of the import says in place of its lines; there the recorded one
            stays in any case.
    """
    said = ("session_id", *(name for name in PLACE if name != "session_id"), "provider")
    says = ", ".join(name for name in said if name not in options)
    return f"(subagent IS NOT NULL, admitted_at, is_fork, {says}, known_id IS NULL)"


# Output first: it is what grows while a message streams. Of equal contexts the one that says more
# of its parts: who knows no cached tokens counts all of them as plain input.
_SAYS_COUNTS = f"output_tokens, {_READ}, -input_tokens, {each('{count}', ', ')}, calls"
# Of equal counts the one with a cost, the smallest: the record of a cost that was not believed has
# none, and what is not believed is too large. So it is the same whether that line came first.
_SAYS_COST = ", ".join(
    f"{name} IS NOT NULL, coalesce({name}, 0) > 0, -coalesce({name}, 0)"
    for name in ("reported_nano_usd", "estimated_nano_usd")
)
_SAYS_ANSWER = ", ".join(
    f"coalesce({name}, '')" for name in ("answering_model", "outcome", "provider_request_id")
)
_SAYS_MOST = f"{_SAYS_COUNTS}, {_SAYS_COST}, {_SAYS_ANSWER}, known_id IS NOT NULL"
_IS_LAST = f"(subagent IS NULL, settled_at, {_SAYS_MOST})"


def merged(table: str, where: str = "true", *, options: Collection[str] = ()) -> str:
    """Return a SELECT of one row for each call among the rows of a table.

    Besides the columns of a call it has ``known_id``, the record of the call in the ledger.

    Args:
        table: A table with the columns of ``import_line``.
        where: Which of its rows are calls.
        options: What an option of the import says in place of its lines.
    """
    return f"""
    WITH call AS (
        SELECT import_key,
            arg_min(rowid, {_is_first(options)}) AS first_line,
            arg_max(rowid, {_IS_LAST}) AS last_line,
            max(service_tier) AS service_tier,
            arg_max(iterations, {_IS_LAST}) FILTER (WHERE iterations IS NOT NULL) AS iterations,
            any_value(known_id) AS known_id,
            {", ".join(f"coalesce(bool_or({name}), false) AS {name}" for name in FLAGS)}
        FROM {table} WHERE {where} GROUP BY import_key
    ),
    -- Who knows no cached tokens counts all of them as plain input, whenever it ended.
    divided AS (
        SELECT line.import_key,
            arg_max(line.place, (-line.input_tokens, line.says)) AS place
        FROM (
            SELECT rowid AS place, import_key, input_tokens, ({_SAYS_MOST}) AS says,
                {_READ} AS read_tokens, {_WRITTEN} AS written_tokens
            FROM {table} WHERE {where}
        ) AS line
        JOIN call ON call.import_key = line.import_key
        JOIN (
            SELECT rowid AS place, input_tokens, {_READ} AS read_tokens,
                {_WRITTEN} AS written_tokens
            FROM {table} WHERE {where}
        ) AS latest ON latest.place = call.last_line
        WHERE line.input_tokens < latest.input_tokens
            AND line.read_tokens = latest.read_tokens
            AND line.written_tokens = latest.written_tokens
        GROUP BY line.import_key
    )
    SELECT call.import_key, call.known_id, call.service_tier, call.iterations,
        {", ".join(f"call.{name}" for name in FLAGS)},
        {", ".join(f"opening.{name}" for name in (*PLACE, "is_fork"))},
        coalesce(opening.provider, latest.provider) AS provider,
        {", ".join(f"latest.{name}" for name in LAST if name not in _OF_COUNTS)},
        {", ".join(f"counted.{name}" for name in (*_OF_COUNTS, *COUNTS))}
    FROM call
    JOIN {table} AS opening ON opening.rowid = call.first_line
    JOIN {table} AS latest ON latest.rowid = call.last_line
    LEFT JOIN divided ON divided.import_key = call.import_key
    JOIN {table} AS counted ON counted.rowid = coalesce(divided.place, call.last_line)
    """  # noqa: S608 - made of constants of this package
