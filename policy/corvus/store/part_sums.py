"""Finds the parts of a budget with ``per`` that have a sum, sorted and in pages.

Sorting is done in SQL: a budget may have a hundred thousand parts, and nobody looks at more than a
page of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from corvus.model.budget import Measure
from corvus.model.parts import PartCounts, PartOrder, PartsQuery
from corvus.store.api import Rows, StoredBalance
from corvus.store.codec import Query, Row
from corvus.store.kinds import BALANCE

_USED = {
    Measure.USD: "(spent_nano_usd + held_nano_usd)",
    Measure.TOKENS: "(tokens + held_tokens)",
    Measure.CALLS: "(calls + held_calls)",
}


class _Words(NamedTuple):
    """What the two engines say in different words.

    Attributes:
        limit: The limit of a part: an exception to the limit of the budget, or that.
        search: Whether a part holds a text.
        ratio: ``a * ratio`` is no whole number any more.
    """

    limit: str
    search: str
    ratio: str
    blocking: str
    last_at: str
    needed: str
    refused: str


_SQLITE = _Words(
    limit="CASE WHEN ? THEN coalesce("
    "(SELECT value FROM json_each(?) AS own WHERE own.key = part), ?) ELSE ? END",
    search="(? = '' OR part = ?) AND (? = '' OR instr(lower(part), ?) > 0)",
    ratio="* 1.0",
    blocking="refused ->> 'blocking'",
    last_at="refused ->> 'last_at'",
    needed="coalesce(refused ->> 'needed', 9e18)",
    refused="coalesce(sum(refused ->> 'count'), 0)",
)
_POSTGRES = _Words(
    limit="CASE WHEN ?::int <> 0 THEN coalesce("
    "(SELECT value::bigint FROM json_each_text(?::json) AS own WHERE own.key = part), ?::bigint) "
    "ELSE ?::bigint END",
    search="(?::text = '' OR part = ?) AND (?::text = '' OR strpos(lower(part), ?) > 0)",
    ratio="::double precision",
    blocking="(refused::json ->> 'blocking')::boolean",
    last_at="(refused::json ->> 'last_at')::bigint",
    needed="coalesce((refused::json ->> 'needed')::bigint, 9000000000000000000)",
    refused="coalesce(sum((refused::json ->> 'count')::bigint), 0)::bigint",
)
_OF_BUDGET = (
    "WHERE budget_id = ? AND window_start_us BETWEEN ? AND ? AND session_id = ? "
    "AND mission_id = ? AND project = ? AND part <> ''"
)
_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
"""What ``lower`` does, of SQLite and of PostgreSQL for bytewise text: they know ASCII alone."""
_COUNT: Query[int] = Query(
    f"SELECT count(*) FROM balance {_OF_BUDGET} AND {_SQLITE.search}",  # noqa: S608 - constants
    lambda row: row[0],
    postgres=f"SELECT count(*) FROM balance {_OF_BUDGET} AND {_POSTGRES.search}",  # noqa: S608 - constants
)
_PARTS: Query[str] = Query(
    f"SELECT part FROM balance INDEXED BY balance_part {_OF_BUDGET} AND part GLOB ?",  # noqa: S608 - constants
    lambda row: row[0],
    postgres=f"SELECT part FROM balance {_OF_BUDGET} AND part LIKE "  # noqa: S608 - constants
    "replace(replace(replace(replace(?, E'\\\\', E'\\\\\\\\'), "
    "'%', E'\\\\%'), '_', E'\\\\_'), '*', '%')",
)
_LAST_REFUSED = BALANCE.where(
    f"{_OF_BUDGET} AND refused IS NOT NULL ORDER BY {_SQLITE.last_at} DESC LIMIT 1",
    postgres=f"{_OF_BUDGET} AND refused IS NOT NULL "
    f"ORDER BY {_POSTGRES.last_at} DESC NULLS LAST LIMIT 1",
)


class PartSums(NamedTuple):
    """Which sums of a budget are its parts at present.

    Attributes:
        first_us: The first instant at which a window that counts now may have begun, microseconds.
        last_us: The last such instant.
    """

    budget_id: int
    first_us: int
    last_us: int
    session_id: str = ""
    mission_id: str = ""
    project: str = ""


class PartLimits(NamedTuple):
    """What limits the parts of a budget, in the unit of the measure.

    Attributes:
        own: The limits of parts that have another than the budget's.
    """

    measure: Measure
    limit: int
    own: Mapping[str, int]

    @property
    def given(self) -> tuple[bool, str, int, int]:
        """What ``_LIMIT`` takes."""
        return bool(self.own), json.dumps(dict(self.own)), self.limit, self.limit


def parts_like(rows: Rows, sums: PartSums, glob: str) -> list[str]:
    """Return the parts that have a sum and may match a glob; some of them do not."""
    return rows.find(_PARTS, *sums, _wider(glob))


def page_of_parts(
    rows: Rows, sums: PartSums, limits: PartLimits, query: PartsQuery
) -> Sequence[StoredBalance]:
    """Return the parts of a page."""
    search = query.search.translate(_LOWER)
    wanted = *sums, query.part, query.part, search, search
    order = _page(limits.measure, query.order)
    given = () if query.order is PartOrder.NAME else limits.given
    return rows.find(order, *wanted, *given, query.limit, query.offset)


def count_found(rows: Rows, sums: PartSums, query: PartsQuery) -> int:
    """Return how many parts a query meets, on all pages."""
    search = query.search.translate(_LOWER)
    (found,) = rows.find(_COUNT, *sums, query.part, query.part, search, search)
    return found


def count_parts(rows: Rows, sums: PartSums, limits: PartLimits, recent_us: int) -> PartCounts:
    """Count the parts that have a sum, and those that refuse calls at present.

    Args:
        rows: Where they are.
        sums: Which they are.
        limits: What limits them.
        recent_us: A part refuses, too, if it refused a call since this instant, microseconds, that
            would not fit by now either.
    """
    query = _counts(limits.measure)
    (counts,) = rows.find(query, recent_us, *limits.given, *sums)
    return counts


def last_refused(rows: Rows, sums: PartSums) -> StoredBalance | None:
    """Return the part that refused a call last."""
    return next(iter(rows.find(_LAST_REFUSED, *sums)), None)


@cache
def _page(measure: Measure, order: PartOrder) -> Query[StoredBalance]:
    return BALANCE.where(
        _page_text(measure, order, _SQLITE), postgres=_page_text(measure, order, _POSTGRES)
    )


def _page_text(measure: Measure, order: PartOrder, words: _Words) -> str:
    used = _USED[measure]
    fullest = f"{used} {words.ratio} / nullif({words.limit}, 0) DESC NULLS LAST, part"
    by = {
        PartOrder.USED: fullest,
        PartOrder.REFUSED: f"{words.last_at} DESC NULLS LAST, {fullest}",
        PartOrder.LEFT: f"nullif({words.limit}, 0) - {used} NULLS LAST, part",
        PartOrder.NAME: "part",
    }
    return f"{_OF_BUDGET} AND {words.search} ORDER BY {by[order]} LIMIT ? OFFSET ?"


@cache
def _counts(measure: Measure) -> Query[PartCounts]:
    return Query(
        _counts_text(measure, _SQLITE), _counted, postgres=_counts_text(measure, _POSTGRES)
    )


def _counts_text(measure: Measure, words: _Words) -> str:
    refuses = (
        f"{words.blocking} OR ({words.last_at} >= ? AND "
        f"{words.needed} > {words.limit} - {_USED[measure]})"
    )
    return (
        f"SELECT count(*), count(*) FILTER (WHERE {refuses}), {words.refused} "  # noqa: S608 - constants
        f"FROM balance {_OF_BUDGET}"
    )


def _wider(glob: str) -> str:
    """Return a glob of SQLite for the parts that a glob of ours may match.

    A set, an escape and whatever a part writes in another way (``part_of``) become ``*``.
    """
    return re.sub(r"\\.|\[!?\]?[^\]]*\]|[?%,(\[\]]", "*", glob, flags=re.DOTALL)


def _counted(row: Row) -> PartCounts:
    return PartCounts(*row)
