"""Prices a period as if another model had answered, next to what was recorded (REP-6, PRC-3).

The use of each call stays what it was, token for token, in the service tier that it was served in;
only the rates are those of the other model. A cache is of one model, so the answer is an interval.
Low takes the cache as it was recorded. High takes the cache of the other model for cold where a
session begins: what its first call read from a cache is read, and kept, at the full rate. A call of
no known session may be the first of one.

Refuses to guess: a call that used a kind of token, or a service tier, for which the other model has
no rate is counted as such, and the differences are those of the calls which both sides price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import duckdb

from corvus.base.errors import ReportError
from corvus.base.time import naive_utc
from corvus.ledger.connect import clean_message
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.model.usage import COUNT_OF, COUNTS, TokenKind
from corvus.prices.sql import (
    FEE_MILLIONTHS,
    IN_TIER,
    IS_HOUR_UNKNOWN,
    TIER_COLUMNS,
    TIER_MARKS,
    TOKEN_MILLIONTHS,
    half_even,
    ten_millionths,
    tier_rows,
)
from corvus.reporting.reprice import PriceOn
from corvus.reporting.table import MONEY_UNIT, Column, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class OtherModel:
    """The model that is taken to have answered.

    Attributes:
        name: Its id, as in ``corvus prices show``.
        provider: Who bills, if stated; then no other provider's price is taken.
        on: UTC day whose prices hold.
        glob: Only calls whose requested model matches it; ``None`` takes all. A session begins with
            the first of them.
    """

    name: str
    provider: str | None
    on: date
    glob: str | None = None


COLUMNS = (
    Column("provider", "VARCHAR", "provider that billed"),
    Column("model", "VARCHAR", "model that was asked for"),
    Column("calls", "BIGINT", "calls"),
    Column("recorded_nano_usd", "BIGINT", MONEY_UNIT, "of the calls with a recorded cost"),
    Column("low_nano_usd", "BIGINT", MONEY_UNIT, "with the cache as recorded"),
    Column("high_nano_usd", "BIGINT", MONEY_UNIT, "with a cold cache where a session begins"),
    Column("low_difference_nano_usd", "BIGINT", MONEY_UNIT, "low less recorded, where both are"),
    Column("high_difference_nano_usd", "BIGINT", MONEY_UNIT, "high less recorded, where both are"),
    Column("unpriced_calls", "BIGINT", "calls", "without a recorded cost"),
    Column("unpriced_then_calls", "BIGINT", "calls", "for which the other model has no rate"),
)
"""What is answered for each provider and model that calls were recorded with."""

_CHOOSE = f"""
CREATE OR REPLACE TEMP TABLE other_model_call AS
SELECT id, provider, requested_model AS model, coalesce(service_tier, '') AS served,
    cost_nano_usd,
    row_number() OVER (
        PARTITION BY coalesce(session_id, id::VARCHAR) ORDER BY admitted_at, id
    ) = 1 AS is_first,
    tags['inference_geo'] = 'us' AND provider = $seller AS is_kept_in_us,
    {", ".join(COUNTS)}, calls, admitted_at
FROM usage_call
WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
  AND ($glob::VARCHAR IS NULL OR requested_model GLOB $glob)
"""  # noqa: S608 - made of constants of this module
_SERVED = "SELECT DISTINCT served FROM temp.other_model_call ORDER BY ALL"
_CREATE_RATES = f"CREATE OR REPLACE TEMP TABLE other_model_rate (served VARCHAR, {TIER_COLUMNS})"
_INSERT = f"INSERT INTO temp.other_model_rate VALUES (?, {TIER_MARKS})"  # noqa: S608 - marks only

_WRITES = (
    f"if(used.{COUNT_OF[TokenKind.CACHE_WRITE_1H]} > 0 "
    f"AND used.{COUNT_OF[TokenKind.CACHE_WRITE_5M]} = 0, "
    f"rate.{TokenKind.CACHE_WRITE_1H}, rate.{TokenKind.CACHE_WRITE_5M})"
)
_COLD = {
    TokenKind.CACHE_READ: f"rate.{TokenKind.INPUT}, {_WRITES}",
    TokenKind.CACHE_READ_AUDIO: f"rate.{TokenKind.INPUT_AUDIO}",
    TokenKind.CACHE_READ_IMAGE: f"rate.{TokenKind.INPUT_IMAGE}",
}
"""Rates of what a cold cache does not hold, by the kind it would be read as: the dearest holds.
``greatest`` passes over a rate that the price lacks."""

_COLD_MILLIONTHS = " + ".join(
    f"if(used.{COUNT_OF[kind]} = 0, 0, used.{COUNT_OF[kind]}::HUGEINT "
    f"* (greatest({rates}, rate.{kind}) - rate.{kind}))"
    for kind, rates in _COLD.items()
)
_HIGH_MILLIONTHS = f"{TOKEN_MILLIONTHS} + if(used.is_first, {_COLD_MILLIONTHS}, 0)"


def _cost(tokens: str) -> str:
    return ten_millionths(tokens, FEE_MILLIONTHS, "used.is_kept_in_us")


_PRICE = f"""
CREATE OR REPLACE TEMP TABLE other_model_cost AS
WITH millionths AS (
    SELECT used.id, used.provider, used.model, used.cost_nano_usd, used.calls,
        {_cost(TOKEN_MILLIONTHS)} AS low, {_cost(_HIGH_MILLIONTHS)} AS high,
        rate.above_tokens IS NOT NULL AND NOT {IS_HOUR_UNKNOWN} AS is_priced
    FROM temp.other_model_call AS used
    LEFT JOIN temp.other_model_rate AS rate ON rate.served = used.served AND {IN_TIER}
)
SELECT id, provider, model, cost_nano_usd, calls,
    CASE WHEN is_priced THEN {half_even("low", 10_000_000)} END AS low_nano_usd,
    CASE WHEN is_priced THEN {half_even("high", 10_000_000)} END AS high_nano_usd
FROM millionths
"""  # noqa: S608 - made of constants of this package
_ANSWER = """
SELECT provider, model, sum(calls)::BIGINT AS calls,
    sum(cost_nano_usd)::BIGINT AS recorded_nano_usd,
    sum(low_nano_usd)::BIGINT AS low_nano_usd,
    sum(high_nano_usd)::BIGINT AS high_nano_usd,
    sum(low_nano_usd - cost_nano_usd)::BIGINT AS low_difference_nano_usd,
    sum(high_nano_usd - cost_nano_usd)::BIGINT AS high_difference_nano_usd,
    coalesce(sum(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
    coalesce(sum(calls) FILTER (WHERE low_nano_usd IS NULL), 0)::BIGINT AS unpriced_then_calls
FROM temp.other_model_cost
GROUP BY ALL
ORDER BY abs(low_difference_nano_usd) DESC NULLS LAST, provider, model
"""


def reprice_as(
    connection: DuckDBPyConnection,
    books: PriceOn,
    other: OtherModel,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Table:
    """Price the calls of a period as if another model had answered them.

    What each call cost and would have cost stays in the temporary table ``other_model_cost``.

    Args:
        connection: To the ledger; reading is enough.
        books: The price books.
        other: The model that is taken to have answered, and the day whose prices hold.
        since: First instant of admission, inclusive, aware; ``None`` is open.
        until: Last instant, exclusive, aware; ``None`` is open.

    Returns:
        A row for each provider and model of the record, the largest difference first.

    Raises:
        ReportError: The other model has no price on that day, or several, or DuckDB could not do
            it.
    """
    price = _price(books, other)
    bounds = {
        "since": naive_utc(since) if since else None,
        "until": naive_utc(until) if until else None,
    }
    try:
        chosen = {**bounds, "seller": price.provider, "glob": other.glob}
        connection.execute(_CHOOSE, chosen)
        connection.execute(_CREATE_RATES)
        for (served,) in connection.execute(_SERVED).fetchall():
            served_at = _served_at(books, other, served) if served else price
            for row in tier_rows(served_at) if served_at else ():
                connection.execute(_INSERT, [served, *row])
        connection.execute(_PRICE)
        rows = connection.execute(_ANSWER).fetchall()
    except duckdb.Error as error:
        raise ReportError(f"cannot reprice: {clean_message(error)}") from None
    return Table(COLUMNS, tuple(tuple(row) for row in rows))


def _price(books: PriceOn, other: OtherModel) -> Price:
    try:
        price = books.find(other.name, provider=other.provider, on=other.on)
    except UnpricedModel as ambiguous:
        raise ReportError(str(ambiguous)) from None
    if price is None:
        seller = f" of {other.provider}" if other.provider else ""
        raise ReportError(
            f"{other.name}{seller} has no price on {other.on}; `corvus prices search` finds names"
        )
    return price


def _served_at(books: PriceOn, other: OtherModel, service_tier: str) -> Price | None:
    try:
        return books.find(f"{other.name}-{service_tier}", provider=other.provider, on=other.on)
    except UnpricedModel:
        return None  # an ambiguous name has no price (PRC-4)
