"""Adds merged calls to the ledger exactly once, in one transaction.

What the ledger knows of a call joins its new lines, and one rule (``line_choice``) chooses among
all of them. Where the result differs from what was recorded, the record is taken back by a row of
the opposite sign and a new one is appended; nothing is ever edited or deleted. A call that had no
price is priced as soon as the books have one; a known price is never replaced while the counts
stand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from corvus.base.time import naive_utc
from corvus.governor.shadow.marks import MARK
from corvus.ledger.ledger import Ledger
from corvus.ledger.merging import MergedUsage, merge_usage
from corvus.model.outbox import LedgerTable
from corvus.model.reservation import Source
from corvus.model.usage import COUNTS
from corvus.prices.belief import TIMES_MAX
from corvus.usage.importers.agents.claude_code_copies import MARK_KNOWN_COPIES
from corvus.usage.importers.line_choice import LAST, PLACE, merged
from corvus.usage.importers.measured_twins import leave_out_twins
from corvus.usage.importers.model import ImportedFile, Note
from corvus.usage.importers.pricing import Disbelief, PriceHistory, keep_prices, price_changes
from corvus.usage.importers.selection import remember
from corvus.usage.importers.statements import each

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


_IS_KNOWN = """
import_key IN (SELECT import_key FROM temp.import_candidate WHERE known_id IS NOT NULL)"""


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
WITH found AS (
    SELECT * FROM (/* known calls */)
    UNION ALL BY NAME
    SELECT * FROM temp.import_candidate WHERE NOT ({_IS_KNOWN})
),
compared AS (
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
    FROM found AS call
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

# What a shadow policy would have done is known of calls that were admitted here, and of no other.
_OWN_TAGS = f"""CASE WHEN call.tags['{MARK}'] IS NULL THEN call.tags
        WHEN cardinality(call.tags) > 1 THEN map_from_entries(
            list_filter(map_entries(call.tags), lambda entry: entry.key <> '{MARK}')) END"""
_STAGED = f"""
CREATE OR REPLACE TEMP TABLE usage_staged AS
SELECT {_ID.format(time="call.admitted_at", text=_NEW)} AS id, call.known_id AS corrects_id,
    call.* EXCLUDE (known_id, keeps_counts, keeps_rest, price_model, is_fork, disbelief)
        REPLACE ({_OWN_TAGS} AS tags)
FROM temp.import_priced AS call
UNION ALL BY NAME
{_TAKEN_BACK}
"""  # noqa: S608 - made of constants of this package

_COUNTED = """
SELECT (SELECT count(DISTINCT import_key) FROM temp.import_candidate),
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


def _changes(options: Collection[str]) -> str:
    """Return what compares calls with their records: only those that have one are merged again."""
    known = merged("temp.import_candidate", _IS_KNOWN, options=options)
    return _CHANGES.replace("/* known calls */", known)


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
        for statement in (MARK_KNOWN_COPIES, _changes(batch.options)):
            connection.execute(statement)
        price_changes(connection, books)
        for statement in (_DROP_UNCHANGED, _STAGED):
            connection.execute(statement)
        keep_prices(ledger, now)
        ledger.append(LedgerTable.USAGE_RECORD, "temp.usage_staged")
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
