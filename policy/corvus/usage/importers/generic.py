"""Reads usage from JSON lines or CSV of any shape, by a map from fields of a record to columns.

Required: an instant, a model, and counts of input and output tokens. A cost that the file states is
recorded as it stands (``source`` = ``provider``), never recomputed. A call is known by its ``id``
with its instant and model, for many exports merely number their rows; without one, by its whole
line and how many equal lines stand before it in the file, so a file can grow and be imported again.

Refuses: fields that do not exist, files without the required columns, and counts that are no whole
numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

from corvus.base.errors import ImportRefused
from corvus.model.columns import STATED
from corvus.model.usage import CONTEXT, COUNTS
from corvus.prices.sql import half_even
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    PARQUET_SUFFIX,
    Importer,
    Layout,
)
from corvus.usage.importers.lines import mended, numbered_lines
from corvus.usage.importers.statements import (
    NUMBER,
    instant,
    statement_of,
)

_STATED = tuple(column.name for column in STATED)
REQUIRED = ("timestamp", "model", "input_tokens", "output_tokens")
_LAST = ("service_tier", "outcome", "provider_request_id", "calls")
_UNMAPPED = ("import_key", "admitted_at", "requested_model", "tags")
OPTIONAL = (
    "id",
    *(name for name in _STATED if name not in {*REQUIRED, *_UNMAPPED, *_LAST}),
    "cost_usd",
    *_LAST,
)
_OWN = ("is_fork",)
FIELDS = (*REQUIRED, *OPTIONAL)
"""What a user may map to a column."""
_READ = (*FIELDS, *_OWN)
_TAG = "tags."
_SAMPLE_LINES = 100


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where each field stands in a file.

    Attributes:
        columns: Column or dotted path by field of ``FIELDS``.
        tags: Column or dotted path by name of the tag.
    """

    columns: Mapping[str, str]
    tags: Mapping[str, str]

    def paths(self) -> list[str]:
        """Return JSON paths: for each field the column of that literal name and the dotted path."""
        columns = [self.columns.get(field, field) for field in _READ]
        columns += self.tags.values()
        return [path for column in columns for path in (_literal(column), _dotted(column))]


def column_map(columns: Mapping[str, str]) -> ColumnMap:
    """Check a map as the user wrote it.

    Raises:
        ImportRefused: A field does not exist.
    """
    tags = {name.removeprefix(_TAG): at for name, at in columns.items() if name.startswith(_TAG)}
    plain = {name: at for name, at in columns.items() if not name.startswith(_TAG)}
    for name in (*plain, *(_TAG for tag in tags if not tag)):
        if name not in FIELDS:
            raise ImportRefused(
                f"--map {name}=…: no such field; choose from {', '.join(FIELDS)} or tags.NAME"
            )
    return ColumnMap(plain, tags)


def check_columns(path: Path, columns: ColumnMap, *, is_csv: bool) -> None:
    """Check that a file has the required columns, and those named by the user.

    Raises:
        ImportRefused: One is missing; names the columns that are there.
        OSError: The file cannot be read.
    """
    sample = _sample(path)
    if not sample:
        return
    seen = list(dict.fromkeys(name for record in sample for name in record))
    wanted = {field: columns.columns.get(field, field) for field in (*REQUIRED, *columns.columns)}
    wanted |= {f"{_TAG}{name}": column for name, column in columns.tags.items()}
    for field, column in wanted.items():
        is_there = any(_has(record, column) for record in sample)
        if not is_there and (is_csv or field in REQUIRED or not _mentions(path, column)):
            raise ImportRefused(
                f"no column {column!r} for {field}; the columns are {', '.join(seen[:40])}. "
                f"Say which one it is with --map {field}=COLUMN"
            )


def _mentions(path: Path, column: str) -> bool:
    """Return whether a key that is rare stands anywhere in a file of JSON lines."""
    key = json.dumps(column.rpartition(".")[2]).encode()
    return any(line is not None and key in line for _, line in numbered_lines(path))


def _sample(path: Path) -> list[dict[str, object]]:
    texts = (mended(line)[0] for _, line in islice(numbered_lines(path), _SAMPLE_LINES))
    return [cast("dict[str, object]", json.loads(text)) for text in texts if text]


def _has(record: dict[str, object], column: str) -> bool:
    if column in record:
        return True
    inner = record
    *parents, last = column.split(".")
    for name in parents:
        value = inner.get(name)
        if not isinstance(value, dict):
            return False
        inner = cast("dict[str, object]", value)
    return last in inner


def _literal(column: str) -> str:
    return '$."' + column.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _dotted(column: str) -> str:
    return "$" + "".join(_literal(name)[1:] for name in column.split("."))


def _fields() -> Iterator[str]:
    for position, field in enumerate(_READ):
        literal, dotted = 2 * position + 1, 2 * position + 2
        yield f"nullif(trim(coalesce(found[{literal}], found[{dotted}])), '') AS f_{field}"


def _stated(field: str) -> str:
    return f"stated_{field}" if field in {"input_tokens", "output_tokens"} else field


def _instant(field: str) -> str:
    """Write SQL for an instant: ISO 8601 (else UTC), or epoch seconds or milliseconds."""
    return (
        f"CASE WHEN regexp_full_match(f_{field}, '[0-9]{{9,11}}(\\.[0-9]+)?') "
        f"THEN make_timestamp((f_{field}::DECIMAL(30, 6) * 1000000)::BIGINT) "
        f"WHEN regexp_full_match(f_{field}, '[0-9]{{12,14}}') "
        f"THEN make_timestamp(f_{field}::BIGINT * 1000) "
        f"ELSE {instant(f'f_{field}')} END"
    )


def _count(field: str) -> str:
    """Write SQL for a count; ``12.0`` is 12, an absent one 0, and what is no count -1."""
    return (
        f"CASE WHEN f_{field} IS NULL THEN 0 "
        f"WHEN regexp_full_match(f_{field}, '[0-9]{{1,10}}(\\.0*)?') "
        f"THEN split_part(f_{field}, '.', 1)::BIGINT ELSE -1 END AS {_stated(field)}"
    )


_TEXTS = {
    "surface": "coalesce(f_surface, 'import')",
    "provider": "lower(coalesce($provider, f_provider, "
    "if(starts_with(f_model, 'claude'), 'anthropic', NULL)))",
    "requested_model": "f_model",
    "service_tier": "lower(f_service_tier)",
    "project": "coalesce($project, f_project)",
    "outcome": "coalesce(f_outcome, 'completed')",
}
"""Columns of text that are not taken as they stand."""


def _texts() -> Iterator[str]:
    for column in STATED:
        if column.type == "VARCHAR":
            yield f"{_TEXTS.get(column.name, f'f_{column.name}')} AS {column.name}"


_NEWLINE = ",\n        "

_LINES = f"""
WITH line AS (
    SELECT filename AS file, {NUMBER} AS n, json,
        json_extract_string(json, $paths) AS found
    FROM read_ndjson_objects($files, ignore_errors = true, filename = true,
        maximum_object_size = $largest)
),
field AS (
    SELECT file, n, json,
        map_from_entries(list_filter(
            list_transform($tags, lambda tag, i: {{
                'key': tag,
                'value': coalesce(
                    found[{2 * len(_READ)} + 2 * i - 1], found[{2 * len(_READ)} + 2 * i]
                )
            }}),
            lambda entry: entry.value <> '')) AS tags,
        {_NEWLINE.join(_fields())}
    FROM line
),
read AS (
    SELECT *,
        f_input_tokens IS NULL OR f_output_tokens IS NULL AS uncounted,
        {_instant("timestamp")} AS admitted_at,
        {_instant("requested_at")} AS requested_at, {_instant("first_token_at")} AS first_token_at,
        {_instant("settled_at")} AS settled_at, {_NEWLINE.join(_count(field) for field in COUNTS)},
        TRY_CAST(f_cost_usd AS DECIMAL(38, 18)) AS cost_usd,
        if(f_calls IS NULL, 1, if(regexp_full_match(f_calls, '[0-9]{{1,9}}'), f_calls::BIGINT, 0))
            AS calls,
        coalesce(f_is_fork = 'true', false) AS is_fork
    FROM field
),
disjoint AS (
    SELECT *,
        if($inclusive, {" - ".join(map(_stated, CONTEXT))}, stated_input_tokens)
            AS input_tokens,
        if($inclusive, stated_output_tokens - reasoning_tokens, stated_output_tokens)
            AS output_tokens
    FROM read
),
judged AS (
    SELECT *, CASE
        WHEN json IS NULL THEN NULL
        WHEN json_type(json) <> 'OBJECT' THEN 'not a JSON object'
        WHEN f_timestamp IS NULL THEN 'no timestamp'
        WHEN admitted_at IS NULL THEN 'timestamp is no instant: ' || f_timestamp
        WHEN admitted_at < TIMESTAMP '1970-01-01' OR admitted_at >= TIMESTAMP '2200-01-01'
            THEN 'timestamp lies outside 1970..2199: ' || f_timestamp
        WHEN f_model IS NULL THEN 'no model'
        WHEN uncounted THEN 'no count of input or output tokens'
        WHEN least({", ".join(COUNTS)}) < 0
            THEN if($inclusive AND least(stated_input_tokens, stated_output_tokens) >= 0,
                'its parts are more than the count of tokens that includes them',
                'a count is no whole number of at most 10 digits, >= 0')
        WHEN calls = 0 THEN 'calls is no whole number in 1..10^9'
        WHEN f_cost_usd IS NOT NULL AND coalesce(cost_usd, -1) NOT BETWEEN 0 AND 10000000
            THEN 'cost_usd is no amount in 0..=10000000: ' || f_cost_usd
    END AS reason
    FROM disjoint
)
SELECT file, n,
    CASE WHEN json IS NULL THEN 'suspect' WHEN reason IS NULL THEN 'usage' ELSE 'bad' END AS kind,
    reason,
    CASE WHEN f_id IS NOT NULL AND $origin IS NOT NULL THEN md5($origin || ':id:' || f_id)
        WHEN f_id IS NOT NULL THEN md5(concat_ws(':', 'generic:id', f_id, f_timestamp, f_model))
        ELSE md5(coalesce($origin, 'generic') || ':content:' || md5(json) || ':'
            || row_number() OVER (PARTITION BY file, md5(json)))
    END::UUID AS import_key,
    coalesce(requested_at, admitted_at) AS requested_at,
    admitted_at, first_token_at,
    coalesce(settled_at, admitted_at) AS settled_at,
    {_NEWLINE.join(_texts())},
    if(cardinality(tags) > 0, tags, NULL) AS tags, is_fork, calls,
    {", ".join(COUNTS)},
    -- the digits of the amount are a whole number of 1e-18 USD: no rounding but this one
    {half_even("replace(cost_usd::VARCHAR, '.', '')::HUGEINT", 1_000_000_000)} AS reported_nano_usd
FROM judged
"""  # noqa: S608 - made of constants of this package

STATEMENT = statement_of(_LINES)
"""Stages lines by ``$paths`` and ``$tags``; ``$project`` overrides the column. It serves the
records of every format that has no statement of its own."""

IMPORTER = Importer(
    name="generic",
    suffixes=LINES_SUFFIXES | CSV_SUFFIXES | {PARQUET_SUFFIX},
    layouts=set(Layout),
    recognise=lambda head: True,
    recognise_columns=lambda columns: True,
    statement=STATEMENT,
)
"""Takes what no other format does."""
