"""Adds merged calls to the ledger exactly once, in one transaction.

One rule makes one call of all its lines, in pieces and in any order (IMP-1). A call is known by its
``import_key``. Its place (instant, session, project) is that of its first line, its counts and a
stated cost are those of its last one. A call that was merged, or recorded, stands for all of its
lines: it carries the first instant and the last, so that merging it with more lines chooses as if
all of them were there.

What the ledger knows of a call joins its new lines, and the rule chooses among all of them. Where
the result differs from what was recorded, the record is taken back by a row of the opposite sign
and a new one is appended; nothing is ever edited or deleted. A call that had no price is priced as
soon as the books have one; a known price is never replaced while the counts stand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from corvus.base.time import naive_utc
from corvus.ledger.ledger import Ledger
from corvus.ledger.merging import MergedUsage, merge_usage
from corvus.model.columns import STATED
from corvus.model.reservation import Source
from corvus.model.usage import CONTEXT, COUNTS, TOKENS
from corvus.prices.belief import TIMES_MAX
from corvus.usage.importers.measured_twins import leave_out_twins
from corvus.usage.importers.model import ImportedFile, Note
from corvus.usage.importers.pricing import Disbelief, PriceHistory, keep_prices, price_changes
from corvus.usage.importers.selection import remember
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


_COMPUTED = ("reported_nano_usd", "estimated_nano_usd", "is_free")
_CANDIDATES = f"""
CREATE OR REPLACE TEMP TABLE import_candidate AS
SELECT * FROM read_parquet($calls)
UNION ALL BY NAME
SELECT id AS known_id, import_key, nullif(provider, 'unknown') AS provider, service_tier,
    if(source = '{Source.PROVIDER}', cost_nano_usd, NULL) AS reported_nano_usd,
    if(source = '{Source.ESTIMATED}', cost_nano_usd, NULL) AS estimated_nano_usd,
    cost_nano_usd = 0 AS is_free, at_least,
    tags['fork'] IS NOT NULL AS is_fork,
    {", ".join(name for name in (*PLACE, *LAST, *COUNTS) if name not in _COMPUTED)}
FROM usage_call
WHERE import_key IN (SELECT import_key FROM read_parquet($calls))
"""  # noqa: S608 - made of constants of this package

_CALLS = "CREATE OR REPLACE TEMP TABLE import_call AS {merged}"

# A session that begins with a copy of another one, without saying so, may come in an import of its
# own. The original went on, or ended, before its copy did.
_MARK_COPIES = """
WITH tied AS (
    SELECT mine.import_key, mine.admitted_at, mine.session_id, theirs.session_id AS other_id
    FROM temp.import_candidate AS mine
    JOIN temp.import_candidate AS theirs
        ON mine.import_key = theirs.import_key AND mine.admitted_at = theirs.admitted_at
    WHERE mine.agent = 'claude-code' AND theirs.agent = 'claude-code'
        AND mine.subagent IS NULL AND theirs.subagent IS NULL
        AND mine.session_id <> theirs.session_id
),
pair AS (
    SELECT session_id, other_id, max(admitted_at) AS shared_until FROM tied GROUP BY ALL
),
said AS (
    SELECT session_id, admitted_at FROM temp.import_candidate
    WHERE session_id IN (SELECT session_id FROM pair)
    UNION ALL
    SELECT session_id, admitted_at FROM usage_call
    WHERE session_id IN (SELECT session_id FROM pair)
),
own AS (
    SELECT pair.session_id, pair.other_id, min(said.admitted_at) AS since
    FROM pair LEFT JOIN said
        ON said.session_id = pair.session_id AND said.admitted_at > pair.shared_until
    GROUP BY ALL
)
UPDATE temp.import_candidate AS candidate SET is_fork = true
FROM tied
JOIN own AS one ON one.session_id = tied.session_id AND one.other_id = tied.other_id
JOIN own AS other ON other.session_id = tied.other_id AND other.other_id = tied.session_id
WHERE candidate.import_key = tied.import_key AND candidate.session_id = tied.session_id
    AND one.since IS NOT NULL AND (other.since IS NULL OR other.since < one.since)
"""

_SAME_COUNTS = " AND ".join(
    f"record.{name} = call.{name}" for name in ("settled_at", "calls", *COUNTS)
)
_SAME_REST = " AND ".join(
    f"record.{name} IS NOT DISTINCT FROM call.{name}"
    for name in (*PLACE, "answering_model", "outcome", "provider_request_id", "service_tier")
)
# A known price stays while this does.
_SAME_PRICE = " AND ".join(
    (
        "record.cost_nano_usd IS NOT NULL",
        "record.admitted_at::DATE = call.admitted_at::DATE",
        "coalesce(record.provider = call.provider, true)",
        *(
            f"record.{name} IS NOT DISTINCT FROM call.{name}"
            for name in ("requested_model", "answering_model", "service_tier")
        ),
    )
)
_CHANGES = f"""
CREATE OR REPLACE TEMP TABLE import_change AS
WITH compared AS (
    SELECT call.*, record.cost_nano_usd AS known_nano_usd,
        coalesce({_SAME_COUNTS}, false) AS keeps_counts,
        coalesce({_SAME_REST} AND coalesce(record.provider = call.provider, true), false)
            AS keeps_rest,
        coalesce(keeps_counts AND {_SAME_PRICE}, false) AS keeps_price,
        -- a stated cost that is not recorded, or none where one is
        coalesce(CASE record.source
            WHEN '{Source.PROVIDER}' 
                THEN record.cost_nano_usd IS DISTINCT FROM call.reported_nano_usd
            WHEN '{Source.ESTIMATED}' THEN call.reported_nano_usd IS NOT NULL
                OR record.cost_nano_usd IS DISTINCT FROM call.estimated_nano_usd
            ELSE call.reported_nano_usd IS NOT NULL END, false) AS has_other_cost,
        coalesce(call.at_least AND NOT record.at_least AND record.source <> '{Source.PROVIDER}',
            false) AS has_doubt
    FROM temp.import_call AS call
    LEFT JOIN usage_record AS record ON record.id = call.known_id
)
SELECT * EXCLUDE (known_nano_usd, has_other_cost, has_doubt),
    coalesce(answering_model, requested_model) || coalesce('-' || service_tier, '') AS price_model,
    keeps_price AND NOT has_other_cost AS keeps_cost
FROM compared
WHERE known_id IS NULL OR NOT keeps_counts OR NOT keeps_rest OR known_nano_usd IS NULL
    OR has_other_cost OR has_doubt
"""  # noqa: S608 - made of constants of this package

# What has no price, had none before, and is otherwise as recorded, has not changed after all; nor
# has what states a cost that is not believed.
_DROP_UNCHANGED = """
DELETE FROM temp.import_priced AS call
USING usage_record AS record
WHERE record.id = call.known_id AND call.keeps_counts AND call.keeps_rest
    AND call.cost_nano_usd IS NOT DISTINCT FROM record.cost_nano_usd
    AND call.source = record.source AND call.at_least = record.at_least
"""

# A time-ordered UUID: 48 bits of milliseconds, then a hash of what makes the row one of a kind.
_ID = """(lpad(to_hex(epoch_ms({time})), 12, '0') || '8' || substr(md5({text}), 1, 3)
        || '8' || substr(md5({text}), 4, 15))::UUID"""
_NEW = "concat_ws(':', call.import_key, call.known_id)"
_BACK = "concat_ws(':', record.import_key, record.id, 'taken back')"

_TAKEN_BACK = f"""
SELECT {_ID.format(time="record.admitted_at", text=_BACK)} AS id, record.id AS corrects_id,
    -record.calls AS calls, {each("-record.{count} AS {count}")},
    -record.cost_nano_usd AS cost_nano_usd,
    -record.computed_cost_nano_usd AS computed_cost_nano_usd,
    record.* EXCLUDE (id, corrects_id, calls, {each("{count}", ", ")}, cost_nano_usd,
        computed_cost_nano_usd)
FROM usage_record AS record
WHERE record.id IN (
    SELECT known_id FROM temp.import_priced WHERE known_id IS NOT NULL
    UNION
    SELECT known_id FROM temp.import_twin WHERE known_id IS NOT NULL
)
"""  # noqa: S608 - made of constants of this package

_STAGED = f"""
CREATE OR REPLACE TEMP TABLE usage_staged AS
SELECT {_ID.format(time="call.admitted_at", text=_NEW)} AS id, call.known_id AS corrects_id,
    call.* EXCLUDE (known_id, keeps_counts, keeps_rest, price_model, is_fork, disbelief)
FROM temp.import_priced AS call
UNION ALL BY NAME
{_TAKEN_BACK}
"""  # noqa: S608 - made of constants of this package

_COUNTED = """
SELECT (SELECT count(*) FROM temp.import_call),
    count(*) FILTER (WHERE known_id IS NULL),
    count(*) FILTER (WHERE known_id IS NOT NULL),
    count(*) FILTER (WHERE cost_nano_usd IS NULL),
    (SELECT coalesce(sum(cost_nano_usd), 0)::BIGINT FROM temp.usage_staged)
FROM temp.import_priced
"""
_UNPRICED = """
SELECT provider, price_model, count(*) FROM temp.import_priced WHERE cost_nano_usd IS NULL
GROUP BY ALL ORDER BY ALL
"""


_DISBELIEVED = """
SELECT disbelief, count(*) FROM temp.import_priced WHERE disbelief IS NOT NULL
GROUP BY disbelief ORDER BY disbelief
"""
_DISBELIEF_TEXTS = {
    Disbelief.FREE: "the stated cost is 0, and nothing else says that the call is free: not "
    "believed",
    Disbelief.ABSURD: f"the stated cost is beyond {TIMES_MAX:,} times what the books expect: not "
    "believed",
}


@dataclass(frozen=True, slots=True)
class Changes:
    """What recording changed; see ``ImportSummary`` for the words.

    Attributes:
        unpriced_models: Provider, model and calls of what has no price.
        notes: What else is to be known, and of how many calls.
        merged: What came of records of other ledgers; the numbers above count it, too.
    """

    new: int
    updated: int
    duplicate: int
    unpriced: int
    new_cost_nano_usd: int
    unpriced_models: tuple[tuple[str, str, int], ...]
    notes: tuple[Note, ...] = ()
    merged: MergedUsage = field(default_factory=MergedUsage)


@dataclass(frozen=True, slots=True)
class Batch:
    """What an import brings.

    Attributes:
        calls: A Parquet file of merged calls.
        files: What is to be remembered of the files that they were read from.
        records: Records of other ledgers, as ``corvus.ledger.merging`` takes them.
        origins: The files of these records, as they are remembered, by their number.
        own_store: Id of the store next to the ledger.
        options: What an option says in place of the lines: ``project``, ``provider``.
    """

    calls: Path
    files: tuple[ImportedFile, ...] = ()
    records: tuple[Path, ...] = ()
    origins: Mapping[int, str] = field(default_factory=dict[int, str])
    own_store: str | None = None
    options: frozenset[str] = frozenset()


def record_calls(ledger: Ledger, batch: Batch, books: PriceHistory, now: datetime) -> Changes:
    """Add merged calls to the ledger.

    Args:
        ledger: Open for writing.
        batch: The calls, and their files.
        books: Where prices come from.
        now: The present instant, aware.

    Raises:
        LedgerError: The ledger could not be written; nothing of this import was kept.
    """
    connection = ledger.connection
    with ledger.transaction():
        from_others = merge_usage(ledger, batch.records, own_store=batch.own_store)
        connection.execute(_CANDIDATES, {"calls": str(batch.calls)})
        twins = leave_out_twins(connection, naive_utc(now))
        calls = merged("temp.import_candidate", options=batch.options)
        for statement in (_MARK_COPIES, _CALLS.format(merged=calls), _CHANGES):
            connection.execute(statement)
        price_changes(connection, books)
        for statement in (_DROP_UNCHANGED, _STAGED):
            connection.execute(statement)
        keep_prices(ledger, now)
        ledger.append_usage()
        # A file with a row that was refused is read again: what the row needs may have come.
        refused = {batch.origins[number] for number in from_others.refused_by_file}
        remember(ledger, (file for file in batch.files if file.file not in refused), now)
        counted = connection.execute(_COUNTED).fetchone() or (0, 0, 0, 0, 0)
        unpriced_models = connection.execute(_UNPRICED).fetchall()
        disbelieved = connection.execute(_DISBELIEVED).fetchall()
    total, new, updated, unpriced, cost = counted
    notes = tuple(Note(None, _DISBELIEF_TEXTS[Disbelief(why)], calls) for why, calls in disbelieved)
    return Changes(
        new + from_others.new,
        updated + from_others.updated,
        total - new - updated + twins + from_others.duplicate,
        unpriced + from_others.unpriced,
        cost + from_others.cost_nano_usd,
        tuple(unpriced_models),
        notes,
        from_others,
    )
