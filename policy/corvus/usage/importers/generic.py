"""Reads usage from JSON lines or CSV of any shape, by a map from fields of a record to columns.

Required: an instant, a model, and counts of input and output tokens. A cost that the file states is
recorded as it stands (``source`` = ``provider``), unless it is no amount or cannot be right. A call
is known by its ``id`` with its instant and model, for many exports merely number their rows;
without one, by its whole line and how many equal lines stand before it in the file, so a file can
grow and be imported again.

Whether counts include their parts is decided by what the user says, by a total, or by the names of
the columns, for each call; where nothing says so, they are taken as included, which costs least,
and the call is marked as a lower bound.

Refuses: fields that do not exist, files without the required columns, counts that are no whole
numbers, and costs in another currency than USD.
"""

from __future__ import annotations

from collections.abc import Iterator

from corvus.model.columns import STATED
from corvus.model.usage import CONTEXT, COUNTS, TOKENS
from corvus.prices.sql import half_even
from corvus.usage.importers.columns import (
    READ,
)
from corvus.usage.importers.importer import (
    CSV_SUFFIXES,
    LINES_SUFFIXES,
    PARQUET_SUFFIX,
    Importer,
    Layout,
)
from corvus.usage.importers.seller import seller_sql
from corvus.usage.importers.statements import NUMBER, Remark, instant, statement_of
from corvus.usage.importers.synonyms import TOTAL_TOKENS, WRITTEN_TOKENS

_SAMPLE_LINES = 100
_LARGEST_USD = 10_000_000


def _fields() -> Iterator[str]:
    for position, name in enumerate(READ, start=1):
        yield f"nullif(trim(found[{position}]), '') AS f_{name}"


def _stated(name: str) -> str:
    return f"stated_{name}" if name in _CHANGED else name


_CHANGED = ("input_tokens", "output_tokens", "cache_write_5m_tokens")
"""Counts that are not always taken as they stand."""
_READ_PARTS = tuple(name for name in CONTEXT if name != "input_tokens")
_WRITTEN_PARTS = tuple(name for name in TOKENS if name not in {*CONTEXT, "output_tokens"})


def _instant(name: str) -> str:
    """Write SQL for an instant: ISO 8601 (else UTC), or an epoch in a unit that its size says."""
    text = f"f_{name}"
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9]{{9,11}}(\\.[0-9]+)?') "
        f"THEN make_timestamp(({text}::DECIMAL(30, 6) * 1000000)::BIGINT) "
        f"WHEN regexp_full_match({text}, '[0-9]{{12,14}}(\\.[0-9]+)?') "
        f"THEN make_timestamp(({text}::DECIMAL(30, 3) * 1000)::BIGINT) "
        f"WHEN regexp_full_match({text}, '[0-9]{{15,17}}(\\.0*)?') "
        f"THEN make_timestamp(split_part({text}, '.', 1)::BIGINT) "
        f"WHEN regexp_full_match({text}, '[0-9]{{18,19}}(\\.0*)?') "
        f"THEN make_timestamp(split_part({text}, '.', 1)::BIGINT // 1000) "
        f"ELSE {instant(text)} END"
    )


def _count(name: str) -> str:
    """Write SQL for a count; ``12.0`` is 12, an absent one 0, and what is no count -1."""
    return (
        f"CASE WHEN f_{name} IS NULL THEN 0 "
        f"WHEN regexp_full_match(f_{name}, '[0-9]{{1,10}}(\\.0*)?') "
        f"THEN split_part(f_{name}, '.', 1)::BIGINT ELSE -1 END AS {_stated(name)}"
    )


_TEXTS = {
    "surface": "coalesce(f_surface, 'import')",
    "provider": "lower(coalesce($provider, f_provider, "
    f"{seller_sql('f_model')}, if(starts_with(f_model, 'claude'), 'anthropic', NULL)))",
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


def _flag(name: str) -> str:
    return f"coalesce(lower(f_{name}) IN ('true', '1'), false)"


def _amount(name: str) -> str:
    """Write SQL for an amount in USD, exact to 1e-18; NULL is none that can be believed."""
    read = f"TRY_CAST(ltrim(f_{name}, '$') AS DECIMAL(38, 18))"
    return f"if({read} BETWEEN 0 AND {_LARGEST_USD}, {read}, NULL) AS {name}"


def _nano(amount: str) -> str:
    """Write SQL for nano-USD: the digits of an amount are a whole number of 1e-18 USD."""
    return half_even(f"replace({amount}::VARCHAR, '.', '')::HUGEINT", 1_000_000_000)


def _inside(parts: str, whole: str, known: str, named: str) -> str:
    """Write SQL for whether a count includes its parts; NULL is undecided.

    Args:
        parts: SQL for the sum of the parts.
        whole: SQL for the count.
        known: SQL for the totals that are right if it does, and those if it does not.
        named: The parameter for what the names of the columns say.
    """
    within, beside = known.split("|")
    return (
        f"CASE WHEN {parts} = 0 THEN false "
        "WHEN $inclusive::BOOLEAN IS NOT NULL THEN $inclusive::BOOLEAN "
        f"WHEN {parts} > {whole} THEN false "
        f"WHEN all_tokens IN ({within}) AND all_tokens NOT IN ({beside}) THEN true "
        f"WHEN all_tokens IN ({beside}) AND all_tokens NOT IN ({within}) THEN false "
        f"ELSE {named}::BOOLEAN END"
    )


_NEWLINE = ",\n        "
_BOTH = "whole_read + whole_written"
_TOTALS = {
    "read": f"{_BOTH}, {_BOTH} + parts_written|"
    f"{_BOTH} + parts_read, {_BOTH} + parts_read + parts_written",
    "written": f"{_BOTH}, {_BOTH} + parts_read|"
    f"{_BOTH} + parts_written, {_BOTH} + parts_read + parts_written",
}

_LINES = f"""
WITH line AS (
    SELECT filename AS file, {NUMBER} AS n, json,
        json_extract_string(json, $paths) AS found,
        CASE WHEN len($doubtful::VARCHAR[]) > 0
            THEN json_extract_string(json, $doubtful::VARCHAR[]) END AS doubted,
        CASE WHEN len($stating::VARCHAR[]) > 0
            THEN list_count(json_extract_string(json, $stating::VARCHAR[])) > 0
            ELSE false END AS is_stating
    FROM read_ndjson_objects($files, ignore_errors = true, filename = true,
        maximum_object_size = $largest)
),
field AS (
    SELECT file, n, json, is_stating,
        -- a number that looks like usage, and that no other column says as well
        coalesce(list_count(list_filter(
            list_transform(doubted, lambda value, i: if(
                coalesce(TRY_CAST(value AS DOUBLE), 0) <> 0
                    AND (CAST($twins AS INTEGER[])[i] = 0 OR TRY_CAST(value AS DOUBLE)
                        IS DISTINCT FROM TRY_CAST(found[CAST($twins AS INTEGER[])[i]] AS DOUBLE)),
                true, NULL)),
            lambda is_one: is_one)) > 0, false) AS is_doubtful,
        map_from_entries(list_filter(
            list_transform($tags::VARCHAR[],
                lambda tag, i: {{'key': tag, 'value': found[{len(READ)} + i]}}),
            lambda entry: entry.value <> '')) AS own_tags,
        {_NEWLINE.join(_fields())}
    FROM line
),
read AS (
    SELECT *,
        f_input_tokens IS NULL OR f_output_tokens IS NULL AS uncounted,
        {_instant("timestamp")} AS admitted_at,
        {_instant("requested_at")} AS requested_at, {_instant("first_token_at")} AS first_token_at,
        {_instant("settled_at")} AS settled_at, {_NEWLINE.join(_count(name) for name in COUNTS)},
        {_count(WRITTEN_TOKENS)}, nullif(TRY_CAST(f_{TOTAL_TOKENS} AS BIGINT), -1) AS all_tokens,
        {_amount("cost_usd")}, {_amount("estimated_cost_usd")},
        if(f_calls IS NULL, 1, if(regexp_full_match(f_calls, '[0-9]{{1,9}}'), f_calls::BIGINT, 0))
            AS calls,
        {_flag("is_fork")} AS is_fork, {_flag("at_least")} AS stated_at_least,
        {_flag("unknown_cost")} AS unknown_cost,
        {_flag("is_free")} OR coalesce(ends_with(f_model, ':free'), false)
            OR coalesce(ends_with(f_answering_model, ':free'), false) AS is_free,
        is_stating OR {_flag("states_modalities")} AS states_modalities,
        CASE WHEN starts_with(f_tags, '{{')
            THEN map_from_entries(list_filter(
                map_entries(from_json(f_tags, '"MAP(VARCHAR, VARCHAR)"')),
                lambda entry: entry.value <> '')) END AS given_tags
    FROM field
),
written AS (
    SELECT *,
        if(f_cache_write_5m_tokens IS NULL AND f_{WRITTEN_TOKENS} IS NOT NULL,
            if({WRITTEN_TOKENS} < 0, -1,
                greatest({WRITTEN_TOKENS} - cache_write_1h_tokens, 0)),
            stated_cache_write_5m_tokens) AS cache_write_5m_tokens
    FROM read
),
whole AS (
    SELECT *, stated_input_tokens AS whole_read, stated_output_tokens AS whole_written,
        {" + ".join(_READ_PARTS)} AS parts_read, {" + ".join(_WRITTEN_PARTS)} AS parts_written
    FROM written
),
decided AS (
    SELECT *,
        {_inside("parts_read", "whole_read", _TOTALS["read"], "$input_includes")} AS read_inside,
        {_inside("parts_written", "whole_written", _TOTALS["written"], "$output_includes")}
            AS written_inside
    FROM whole
),
disjoint AS (
    SELECT *,
        read_inside IS NULL OR written_inside IS NULL AS is_undecided,
        if(coalesce(read_inside, true), whole_read - parts_read, whole_read) AS input_tokens,
        if(coalesce(written_inside, true), whole_written - parts_written, whole_written)
            AS output_tokens
    FROM decided
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
            THEN if(least(stated_input_tokens, stated_output_tokens,
                    {", ".join((*_READ_PARTS, *_WRITTEN_PARTS))}) >= 0,
                'its parts are more than the count of tokens that includes them',
                'a count is no whole number of at most 10 digits, >= 0')
        WHEN calls = 0 THEN 'calls is no whole number in 1..10^9'
        WHEN coalesce(f_cost_usd, f_estimated_cost_usd) IS NOT NULL
                AND upper(f_currency) NOT IN ('USD', 'US$', '$')
            THEN 'its cost is in ' || f_currency || ', not in USD'
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
    CASE WHEN cardinality(given_tags) > 0 THEN map_concat(given_tags, own_tags)
        WHEN cardinality(own_tags) > 0 THEN own_tags END AS tags,
    is_fork, calls,
    {", ".join(COUNTS)},
    {_nano("cost_usd")} AS reported_nano_usd,
    {_nano("estimated_cost_usd")} AS estimated_nano_usd,
    is_free, unknown_cost, states_modalities,
    stated_at_least OR is_undecided OR is_doubtful AS at_least,
    list_filter([
        if(f_cost_usd IS NOT NULL AND cost_usd IS NULL, '{Remark.COST}', NULL),
        if(is_undecided, '{Remark.UNDECIDED}', NULL),
        if(is_doubtful, '{Remark.UNUSED}', NULL)], lambda remark: remark IS NOT NULL) AS remarks
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
