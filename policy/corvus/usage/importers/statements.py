"""What the statements of all formats share: the table of lines, and how a line gets its number.

NOTE: numbering rows makes DuckDB read a file with one thread and takes twice as long (3.1 s instead
of 1.6 s for 470 MB, measured with 2.0.0), so lines are staged without numbers, and only a file that
has bad lines is read once more to number them.
"""

from __future__ import annotations

from enum import StrEnum

from corvus.model.columns import STATED
from corvus.model.usage import COUNTS
from corvus.usage.importers.importer import Statement

NUMBER = "/* number */ NULL::BIGINT"
"""Stands where a row gets its position among the rows of the file."""


class Remark(StrEnum):
    """What is to be said of the lines of a file; a line may have several."""

    COST = "cost"
    """States a cost that is no amount."""
    UNDECIDED = "undecided"
    """May include cached or reasoning tokens in its other counts, or not."""
    UNUSED = "unused"
    """Has a number that looks like usage, and that no field takes."""
    UNREAD = "unread"
    """Has a count under a name that no table has, and that stands behind a colon: its cost is
    unknown."""


CREATE_LINES = f"""
CREATE OR REPLACE TEMP TABLE import_line (
    file VARCHAR, n BIGINT, kind VARCHAR, reason VARCHAR,
    {", ".join(f"{column.name} {column.type}" for column in STATED if column.name != "calls")},
    calls BIGINT DEFAULT 1, reported_nano_usd BIGINT, estimated_nano_usd BIGINT, is_free BOOLEAN,
    at_least BOOLEAN, unknown_cost BOOLEAN, states_modalities BOOLEAN, iterations VARCHAR,
    is_fork BOOLEAN, known_id UUID, remarks VARCHAR[]
)
"""
"""Lines of all files. ``calls`` is above 1 where an export states a sum. ``kind`` is ``usage``,
``part`` (a call inside another), ``ignored``, ``synthetic``, ``bad`` (with a reason), or
``suspect`` (DuckDB could not read it; ``corvus.usage.importers.lines`` looks). ``reported`` is a
cost that the file states, ``estimated`` one that a client has estimated."""

UNUSABLE_FILES = """
SELECT file, count(*) FROM temp.import_line WHERE kind IN ('suspect', 'bad')
GROUP BY file ORDER BY file
"""
DROP_SUSPECTS = "DELETE FROM temp.import_line WHERE kind = 'suspect'"
FORGET_FILES = "DELETE FROM temp.import_line WHERE list_contains($names, file)"
COUNT_LINES = """
SELECT count(*) FILTER (WHERE kind <> 'part'), count(*) FILTER (WHERE kind = 'usage'),
    count(*) FILTER (WHERE kind = 'synthetic')
FROM temp.import_line
"""
COUNT_CALLS = """
SELECT file, count(*) FROM temp.import_line WHERE kind IN ('usage', 'part') GROUP BY file
"""
COUNT_REMARKS = """
SELECT file, remark, count(*)
FROM (
    SELECT file, unnest(remarks) AS remark FROM temp.import_line
    WHERE kind = 'usage' AND len(remarks) > 0
)
GROUP BY ALL ORDER BY ALL
"""
USAGE_LIKE_KEYS = r"""
SELECT DISTINCT unnest(
    regexp_extract_all(json, '"([^"\\]*(?:token|cache|cost|spend)[^"\\]*)"\s*:', 1, 'i')
)
FROM read_ndjson_objects($files, ignore_errors = true, maximum_object_size = $largest)
"""
"""Names of members that may be counts or amounts, wherever they stand."""


def each(template: str, separator: str = ",\n    ") -> str:
    """Write a piece of SQL once for each count, in place of ``{count}``."""
    return separator.join(template.format(count=count) for count in COUNTS)


def instant(text: str) -> str:
    """Write SQL that reads an ISO 8601 instant as naive UTC; without an offset it is UTC.

    NOTE: a cast to TIMESTAMP drops an offset without a word; it serves only for ``Z``, where it is
    faster than the cast that knows zones (the connection's zone is UTC). That one in turn takes
    ``epoch``, and offsets of more than a day.
    """
    return (
        f"CASE WHEN ends_with({text}, 'Z') THEN TRY_CAST({text} AS TIMESTAMP) "
        f"WHEN regexp_matches({text}, '^[0-9]{{4}}-.*?([+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)?$') "
        f"AND NOT regexp_matches({text}, '[+-](1[6-9]|[2-9][0-9])(:?[0-9][0-9])?$') "
        f"THEN TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END"
    )


def statement_of(lines: str) -> Statement:
    """Return what stages lines, and numbers the unusable ones.

    Args:
        lines: A SELECT of the columns of ``import_line``, with ``NUMBER`` as ``n``.
    """
    numbered = lines.replace(NUMBER, "row_number() OVER ()")
    return Statement(
        f"INSERT INTO temp.import_line BY NAME {lines}",
        f"SELECT n, reason FROM ({numbered}) WHERE kind IN ('suspect', 'bad') ORDER BY n",  # noqa: S608 - made of constants of this package
    )
