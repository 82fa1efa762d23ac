"""Adds staged calls to the ledger exactly once, in one transaction.

A call is known by its ``import_key``. A new one is appended. A known one whose later snapshot has
other counts is amended by a row with ``corrects_id`` and the signed differences, so that importing
a log in pieces gives the same sums as importing it in one go. Snapshots are ordered by instant,
then by counts: the same one wins whatever the order of files and imports. Nothing is ever edited or
deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.ledger.ledger import Ledger
from policy.reporting.importers.pricing import PriceHistory, price_changes

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "web_search_requests",
)


def _each(template: str, separator: str = ",\n    ") -> str:
    """Write a piece of SQL once for each count."""
    return separator.join(template.format(count=count) for count in _COUNTS)


_CALLS = f"""
CREATE OR REPLACE TEMP TABLE import_call AS
WITH call AS (
    SELECT import_key,
        arg_min(rowid, (admitted_at, agent IS NOT NULL, session_id)) AS first_line,
        -- output first: it is what grows while a message streams
        arg_max(rowid, (settled_at, output_tokens, {_each("{count}", ", ")})) AS last_line
    FROM temp.import_line
    WHERE kind IN ('usage', 'part')
    GROUP BY import_key
)
SELECT opening.* EXCLUDE (file, n, kind, reason, iterations, settled_at, cost_nano_usd,
        {", ".join(_COUNTS)}),
    latest.settled_at, latest.cost_nano_usd AS reported_nano_usd,
    {_each("latest.{count}")}
FROM call
JOIN temp.import_line AS opening ON opening.rowid = call.first_line
JOIN temp.import_line AS latest ON latest.rowid = call.last_line
"""  # noqa: S608 - made of constants of this package
# Attributes are those of the first snapshot, counts and a reported cost those of the last.

_KNOWN = f"""
CREATE OR REPLACE TEMP TABLE import_known AS
SELECT import_key,
    any_value(id) FILTER (WHERE corrects_id IS NULL) AS id,
    min(admitted_at) AS admitted_at,
    max(settled_at) AS settled_at,
    sum(cost_nano_usd)::BIGINT AS cost_nano_usd,
    {_each("sum({count})::BIGINT AS {count}")}
FROM usage_record
WHERE import_key IN (SELECT import_key FROM temp.import_call)
GROUP BY import_key
"""  # noqa: S608 - made of constants of this package

_CHANGES = f"""
CREATE OR REPLACE TEMP TABLE import_change AS
SELECT call.* EXCLUDE (admitted_at),
    coalesce(known.admitted_at, call.admitted_at) AS admitted_at,
    known.id AS known_id,
    known.cost_nano_usd AS known_nano_usd,
    {_each("known.{count} AS known_{count}")}
FROM temp.import_call AS call
LEFT JOIN temp.import_known AS known USING (import_key)
WHERE known.id IS NULL
    OR call.settled_at > known.settled_at
    OR (call.settled_at = known.settled_at
        AND (call.output_tokens, {_each("call.{count}", ", ")})
            > (known.output_tokens, {_each("known.{count}", ", ")}))
"""  # noqa: S608 - made of constants of this package

# A time-ordered UUID: 48 bits of milliseconds, then a hash of what makes the row one of a kind.
_ID = """(lpad(to_hex(epoch_ms({time})), 12, '0') || '8' || substr(md5({text}), 1, 3)
        || '8' || substr(md5({text}), 4, 15))::UUID"""

_AMENDMENT = f"""concat_ws(':', call.import_key, call.settled_at, taken.back,
            {_each("call.{count}", ", ")})"""

_STAGED = f"""
CREATE OR REPLACE TEMP TABLE usage_staged AS
SELECT {_ID.format(time="admitted_at", text="import_key::VARCHAR")} AS id,
    * EXCLUDE (price_model, known_id, known_nano_usd, {_each("known_{count}", ", ")})
FROM temp.import_priced
WHERE known_id IS NULL
UNION ALL BY NAME
SELECT {_ID.format(time="record.admitted_at", text=_AMENDMENT)} AS id,
    call.known_id AS corrects_id, call.import_key, record.requested_at, record.admitted_at,
    record.first_token_at, call.settled_at, record.session_id, record.mission_id, record.surface,
    record.provider, record.requested_model, record.answering_model, record.project,
    record.user_name, record.agent, record.tags,
    {_each("if(taken.back, 0, call.{count} - call.known_{count}) AS {count}")},
    if(taken.back, -call.known_nano_usd, call.cost_nano_usd - coalesce(call.known_nano_usd, 0))
        AS cost_nano_usd,
    call.price_book, call.price_entry, call.source, call.outcome, call.provider_request_id
FROM temp.import_priced AS call
JOIN usage_record AS record ON record.id = call.known_id
-- What was priced and cannot be any more: its cost is taken back, and the rest is unknown.
JOIN (VALUES (false), (true)) AS taken (back)
    ON NOT taken.back OR (call.cost_nano_usd IS NULL AND call.known_nano_usd IS NOT NULL)
"""  # noqa: S608 - made of constants of this package

_CHANGED = f"({_each('{count} <> known_{count}', ' OR ')})"
_COUNTED = f"""
SELECT (SELECT count(*) FROM temp.import_call),
    count(*) FILTER (WHERE known_id IS NULL),
    count(*) FILTER (WHERE known_id IS NOT NULL AND {_CHANGED}),
    count(*) FILTER (WHERE cost_nano_usd IS NULL AND (known_id IS NULL OR {_CHANGED})),
    (SELECT coalesce(sum(cost_nano_usd), 0)::BIGINT FROM temp.usage_staged)
FROM temp.import_priced
"""  # noqa: S608 - made of constants of this package


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording changed; see ``ImportSummary`` for the words."""

    new: int
    updated: int
    duplicate: int
    unpriced: int
    new_cost_nano_usd: int


def record_calls(ledger: Ledger, books: PriceHistory) -> Recorded:
    """Add the calls of ``import_line`` to the ledger.

    Raises:
        LedgerError: The ledger could not be written; nothing of this import was kept.
    """
    connection = ledger.connection
    with ledger.transaction():
        connection.execute(_CALLS)
        connection.execute(_KNOWN)
        connection.execute(_CHANGES)
        price_changes(connection, books)
        connection.execute(_STAGED)
        ledger.append_usage()
        counted = connection.execute(_COUNTED).fetchone() or (0, 0, 0, 0, 0)
    calls, new, updated, unpriced, cost = counted
    return Recorded(new, updated, calls - new - updated, unpriced, cost)
