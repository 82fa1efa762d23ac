"""Takes usage records of another ledger over as they are: each row exactly once (EXP-1).

A row is known by its ``id``. One that the ledger has is left alone; one that says something else
under an id of the ledger is refused, and so is whatever builds on it. Corrections stay whole: a row
that takes a record back needs that record, and one that replaces it needs the row that took it
back, so that after half a file the sums are those of a ledger that once was. A call counts once: no
row makes two records stand for one ``import_key`` or one reservation.

What the store of this very ledger has recorded comes by draining (LED-2), never by a file: a file
cannot take back what was spent under its budgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corvus.ledger.ledger import Ledger
from corvus.model.columns import COLUMNS
from corvus.model.outbox import LedgerTable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

REFUSALS_KEPT = 1_000
"""How many refused rows are named; all of them are counted."""

_NAMES = [column.name for column in COLUMNS]
_FINGERPRINT = f"hash(row({', '.join(_NAMES)}))"
_LINKS = "id, corrects_id, calls, import_key, reservation_id, cost_nano_usd"

_ROWS = f"""
CREATE OR REPLACE TEMP TABLE merge_row AS
SELECT file, n, {_LINKS}, {_FINGERPRINT} AS fingerprint
FROM read_parquet($rows)
"""  # noqa: S608 - made of constants of this package

_KNOWN = f"""
CREATE OR REPLACE TEMP TABLE merge_known AS
SELECT id, {_FINGERPRINT} AS fingerprint
FROM usage_record WHERE id IN (SELECT id FROM temp.merge_row)
"""  # noqa: S608 - made of constants of this package

_NEW = """
CREATE OR REPLACE TEMP TABLE merge_new AS
SELECT * EXCLUDE (fingerprint), NULL::VARCHAR AS reason FROM temp.merge_row
WHERE id NOT IN (SELECT id FROM temp.merge_known)
QUALIFY row_number() OVER (PARTITION BY id ORDER BY file, n) = 1
"""

_CONTRADICTIONS = """
CREATE OR REPLACE TEMP TABLE merge_contradiction AS
WITH first_row AS (
    SELECT id, fingerprint FROM temp.merge_known
    UNION ALL
    SELECT id, fingerprint FROM temp.merge_row SEMI JOIN temp.merge_new USING (file, n)
)
SELECT merge_row.file, merge_row.n, merge_row.id
FROM temp.merge_row JOIN first_row USING (id)
WHERE merge_row.fingerprint <> first_row.fingerprint
"""

_STOOD = f"""
CREATE OR REPLACE TEMP TABLE merge_stood AS
SELECT {_LINKS} FROM usage_record
WHERE id IN (SELECT corrects_id FROM temp.merge_new WHERE corrects_id IS NOT NULL)
    OR corrects_id IN (SELECT corrects_id FROM temp.merge_new WHERE corrects_id IS NOT NULL)
    OR import_key IN (SELECT import_key FROM temp.merge_new WHERE import_key IS NOT NULL)
    OR reservation_id IN (SELECT reservation_id FROM temp.merge_new WHERE reservation_id IS NOT NULL)
"""  # noqa: E501, S608 - made of constants of this package

_STANDING = f"""
(SELECT {_LINKS}, -1 AS file FROM temp.merge_stood
UNION ALL SELECT {_LINKS}, file FROM temp.merge_new WHERE reason IS NULL)
"""  # noqa: S608 - made of constants of this package

_REFUSE_OWN = """
UPDATE temp.merge_new SET reason = 'reservation ' || reservation_id
    || ' is of the store of this ledger, whose records come with `corvus ledger drain`'
WHERE reservation_id IN (SELECT reservation_id FROM reservation_event WHERE store_id = $store)
"""

_REFUSE_TAKEBACK = f"""
UPDATE temp.merge_new AS new SET reason = 'takes back record ' || corrects_id
    || ', which is neither here nor in the ledger as it says'
WHERE reason IS NULL AND calls < 0 AND NOT EXISTS (
    SELECT 1 FROM {_STANDING} AS standing
    WHERE standing.id = new.corrects_id AND standing.calls = -new.calls
        AND standing.cost_nano_usd IS NOT DISTINCT FROM -new.cost_nano_usd
        AND standing.import_key IS NOT DISTINCT FROM new.import_key
        AND standing.reservation_id IS NOT DISTINCT FROM new.reservation_id)
"""  # noqa: S608 - made of constants of this package

_REFUSE_SECOND_TAKEBACK = f"""
UPDATE temp.merge_new AS new SET reason = 'takes back record ' || corrects_id
    || ', which record ' || (SELECT min(standing.id) FROM {_STANDING} AS standing
        WHERE standing.calls < 0 AND standing.corrects_id = new.corrects_id
            AND standing.id <> new.id)
    || ' has taken back'
WHERE reason IS NULL AND calls < 0 AND EXISTS (
    SELECT 1 FROM {_STANDING} AS standing
    WHERE standing.calls < 0 AND standing.corrects_id = new.corrects_id AND standing.id <> new.id
        AND (standing.file, standing.id) < (new.file, new.id))
"""  # noqa: S608 - made of constants of this package

_REFUSE_REPLACEMENT = f"""
UPDATE temp.merge_new AS new SET reason = 'replaces record ' || corrects_id
    || ', which no row takes back, here or in the ledger'
WHERE reason IS NULL AND calls > 0 AND corrects_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM {_STANDING} AS standing
    WHERE standing.calls < 0 AND standing.corrects_id = new.corrects_id)
"""  # noqa: S608 - made of constants of this package

_REFUSE_SECOND = """
UPDATE temp.merge_new AS new SET reason = '{words} ' || new.{key} || ' stands as record '
    || rival.id || ' already, which differs'
FROM (
    SELECT {key}, min(file) AS file, arg_min(id, (file, id)) AS id
    FROM {standing} WHERE {key} IS NOT NULL GROUP BY {key} HAVING sum(sign(calls)) > 1
) AS rival
WHERE new.reason IS NULL AND new.{key} = rival.{key}
    AND (new.file > rival.file OR new.id <> rival.id)
"""

_CLOSING = (
    _REFUSE_TAKEBACK,
    _REFUSE_SECOND_TAKEBACK,
    _REFUSE_REPLACEMENT,
    _REFUSE_SECOND.format(words="call", key="import_key", standing=_STANDING),
    _REFUSE_SECOND.format(words="reservation", key="reservation_id", standing=_STANDING),
)
"""What a refusal may bring about in turn; repeated until nothing changes."""

_TAKEN = f"""
(SELECT {", ".join(_NAMES)} FROM read_parquet($rows)
SEMI JOIN (SELECT file, n FROM temp.merge_new WHERE reason IS NULL) USING (file, n))
"""  # noqa: S608 - made of constants of this package

_COUNTED = """
SELECT count(*) FILTER (WHERE calls > 0 AND corrects_id IS NULL),
    count(*) FILTER (WHERE calls > 0 AND corrects_id IS NOT NULL),
    count(*) FILTER (WHERE calls > 0 AND cost_nano_usd IS NULL),
    coalesce(sum(cost_nano_usd), 0)::BIGINT
FROM temp.merge_new WHERE reason IS NULL
"""
_DUPLICATE = """
SELECT count(*) FROM temp.merge_row
WHERE calls > 0 AND (file, n) NOT IN (SELECT (file, n) FROM temp.merge_new)
    AND (file, n) NOT IN (SELECT (file, n) FROM temp.merge_contradiction)
"""
_REFUSED = f"""
SELECT file, n, reason FROM temp.merge_new WHERE reason IS NOT NULL
ORDER BY file, n LIMIT {REFUSALS_KEPT}
"""  # noqa: S608 - made of constants of this package
_COUNT_REFUSED = """
SELECT file, count(*) FROM (
    SELECT file FROM temp.merge_new WHERE reason IS NOT NULL
    UNION ALL SELECT file FROM temp.merge_contradiction
) GROUP BY file
"""
_BOTH = f"""
SELECT merge_contradiction.file, merge_contradiction.n, ours, theirs
FROM (FROM temp.merge_contradiction ORDER BY file, n LIMIT {REFUSALS_KEPT}) AS merge_contradiction
JOIN (SELECT file, n, row({{texts}}) AS theirs FROM read_parquet($rows)) AS other
    USING (file, n)
LEFT JOIN (SELECT id, row({{texts}}) AS ours FROM usage_record
    WHERE id IN (SELECT id FROM temp.merge_contradiction)) AS mine
    ON mine.id = merge_contradiction.id
ORDER BY ALL
""".format(texts=", ".join(f"{name}::VARCHAR" for name in _NAMES))  # noqa: S608 - made of constants of this package

_TABLES = ("merge_row", "merge_known", "merge_new", "merge_contradiction", "merge_stood")


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken over.

    Attributes:
        file: Number of its file, as its row says, and …
        row: … its number in there.
        reason: Why, with both sides named.
    """

    file: int
    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class MergedUsage:
    """What merging changed.

    Attributes:
        new: Records taken over that correct none.
        updated: Those that replace another one.
        duplicate: Records that the ledger has as they are.
        unpriced: Records among ``new`` and ``updated`` whose cost is unknown.
        cost_nano_usd: What the known spend grew by.
        refused: The first ``REFUSALS_KEPT`` rows of each kind that were not taken over.
        refused_by_file: How many there are, by number of the file.
    """

    new: int = 0
    updated: int = 0
    duplicate: int = 0
    unpriced: int = 0
    cost_nano_usd: int = 0
    refused: tuple[RefusedRow, ...] = ()
    refused_by_file: dict[int, int] = field(default_factory=dict[int, int])


def merge_usage(
    ledger: Ledger, rows: Sequence[Path], *, own_store: str | None = None
) -> MergedUsage:
    """Take rows over, in the transaction under way.

    Args:
        ledger: Open for writing, with its archive in sight.
        rows: Parquet files with the columns of ``usage_record``, the number ``file`` of the file
            that a row comes from, and ``n``, the number of the row in there.
        own_store: Id of the store next to the ledger, whose records no file may add.

    Raises:
        LedgerError: The ledger could not be read or written.
    """
    if not rows:
        return MergedUsage()
    connection, values = ledger.connection, {"rows": [str(path) for path in rows]}
    with ledger.explaining():
        connection.execute(_ROWS, values)
        for statement in (_KNOWN, _NEW, _CONTRADICTIONS, _STOOD):
            connection.execute(statement)
        if own_store is not None:
            connection.execute(_REFUSE_OWN, {"store": own_store})
        while sum([_changed(connection, statement) for statement in _CLOSING]):
            pass
        ledger.append(LedgerTable.USAGE_RECORD, _TAKEN, values)
        merged = _merged(connection, values)
        for table in _TABLES:
            connection.execute(f"DROP TABLE temp.{table}")
    return merged


def _changed(connection: DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def _merged(connection: DuckDBPyConnection, values: dict[str, Any]) -> MergedUsage:
    new, updated, unpriced, cost = connection.execute(_COUNTED).fetchone() or (0, 0, 0, 0)
    duplicate = connection.execute(_DUPLICATE).fetchone() or (0,)
    by_file = dict(connection.execute(_COUNT_REFUSED).fetchall())
    refused: list[RefusedRow] = []
    if by_file:
        refused = [RefusedRow(*row) for row in connection.execute(_REFUSED).fetchall()]
        for file, number, ours, theirs in connection.execute(_BOTH, values).fetchall():
            refused.append(RefusedRow(file, number, _contradiction(ours, theirs)))
    return MergedUsage(new, updated, duplicate[0], unpriced, cost, tuple(refused), by_file)


def _contradiction(ours: Sequence[str | None] | None, theirs: Sequence[str | None]) -> str:
    """Return how a row differs from the one that stands under its id."""
    said = dict(zip(_NAMES, theirs, strict=True))
    if ours is None:
        return f"record {said['id']} is there twice, with different values"
    known = dict(zip(_NAMES, ours, strict=True))
    different = [name for name in _NAMES if said[name] != known[name]]
    shown = ", ".join(f"{name} {said[name]} here and {known[name]} there" for name in different[:3])
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    return f"record {said['id']} is in the ledger with other values: {shown}{more}"
