"""Prices a period again with the book of another day, next to what was recorded (PRC-3, PRC-4).

Each call is priced as it would have been: by the model that answered, at the way it was served,
with the tier of its own context, rounded once, half to even. Nothing is written; the recorded cost
stays what it was. Refuses to guess: a call that the book of that day does not price is counted as
such, and the difference is that of the calls which both sides price.

One thing the ledger no longer knows: a turn of Claude Code that was billed as several requests paid
the tier of each, and pays here the tier of the whole.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

import duckdb

from corvus.base.errors import ReportError
from corvus.base.time import naive_utc
from corvus.ledger.connect import clean_message
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.model.usage import COUNTS
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
from corvus.reporting.table import MONEY_UNIT, Column, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class PriceOn(Protocol):
    """Where prices come from: ``corvus.prices.lookup.PriceBooks``."""

    def find(
        self, model: str, *, provider: str | None = None, on: date | None = None
    ) -> Price | None:
        """Return the price of a model on a day, or nothing."""
        ...


COLUMNS = (
    Column("provider", "VARCHAR", "provider that billed"),
    Column("model", "VARCHAR", "model that was asked for"),
    Column("calls", "BIGINT", "calls"),
    Column("recorded_nano_usd", "BIGINT", MONEY_UNIT, "of the calls with a recorded cost"),
    Column("repriced_nano_usd", "BIGINT", MONEY_UNIT, "of the calls that the book prices"),
    Column("difference_nano_usd", "BIGINT", MONEY_UNIT, "repriced less recorded, where both are"),
    Column("unpriced_calls", "BIGINT", "calls", "without a recorded cost"),
    Column("unpriced_then_calls", "BIGINT", "calls", "without a price in the book"),
)
"""What a repricing tells of each provider and model."""

_SERVED = "coalesce('-' || service_tier, '')"

_CHOOSE = f"""
CREATE OR REPLACE TEMP TABLE reprice_call AS
SELECT nullif(provider, 'unknown') AS asked_provider, provider,
    coalesce(answering_model, requested_model) || {_SERVED} AS answered,
    requested_model || {_SERVED} AS requested, requested_model AS model, cost_nano_usd,
    tags['inference_geo'] = 'us' AS is_kept_in_us,
    {", ".join(COUNTS)}, calls, admitted_at
FROM usage_call
WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
"""  # noqa: S608 - made of constants of this module
_NAMES = """
SELECT DISTINCT asked_provider, answered, requested FROM temp.reprice_call ORDER BY ALL
"""
_CREATE_RATES = f"""
CREATE OR REPLACE TEMP TABLE reprice_rate (
    asked_provider VARCHAR, answered VARCHAR, requested VARCHAR, -- as the call names them
    {TIER_COLUMNS}
)
"""
_INSERT = f"INSERT INTO temp.reprice_rate VALUES (?, ?, ?, {TIER_MARKS})"  # noqa: S608 - marks only
_ANSWER = f"""
WITH millionths AS (
    SELECT used.provider, used.model, used.cost_nano_usd, used.calls,
        {ten_millionths(TOKEN_MILLIONTHS, FEE_MILLIONTHS, "used.is_kept_in_us")} AS ten,
        rate.above_tokens IS NOT NULL AS is_listed, {IS_HOUR_UNKNOWN} AS is_hour_unknown
    FROM temp.reprice_call AS used
    LEFT JOIN temp.reprice_rate AS rate
        ON rate.asked_provider IS NOT DISTINCT FROM used.asked_provider
        AND rate.answered = used.answered AND rate.requested = used.requested
        AND {IN_TIER}
),
repriced AS (
    SELECT provider, model, cost_nano_usd, calls,
        CASE WHEN is_listed AND NOT is_hour_unknown THEN {half_even("ten", 10_000_000)} END
            AS then_nano_usd
    FROM millionths
)
SELECT provider, model, sum(calls)::BIGINT AS calls,
    sum(cost_nano_usd)::BIGINT AS recorded_nano_usd,
    sum(then_nano_usd)::BIGINT AS repriced_nano_usd,
    sum(then_nano_usd - cost_nano_usd)::BIGINT AS difference_nano_usd,
    coalesce(sum(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
    coalesce(sum(calls) FILTER (WHERE then_nano_usd IS NULL), 0)::BIGINT AS unpriced_then_calls
FROM repriced
GROUP BY ALL
ORDER BY abs(difference_nano_usd) DESC NULLS LAST, provider, model
"""  # noqa: S608 - made of constants of this package


def reprice(
    connection: DuckDBPyConnection,
    books: PriceOn,
    on: date,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Table:
    """Price the calls of a period with the book of a day.

    Args:
        connection: To the ledger; reading is enough.
        books: The price books.
        on: UTC day whose prices hold.
        since: First instant of admission, inclusive, aware; ``None`` is open.
        until: Last instant, exclusive, aware; ``None`` is open.

    Returns:
        A row for each provider and model, the largest difference first.

    Raises:
        ReportError: DuckDB could not do it.
    """
    bounds = {
        "since": naive_utc(since) if since else None,
        "until": naive_utc(until) if until else None,
    }
    try:
        connection.execute(_CHOOSE, bounds)
        connection.execute(_CREATE_RATES)
        for provider, answered, requested in connection.execute(_NAMES).fetchall():
            price = _find(books, answered, provider, on) or _find(books, requested, provider, on)
            for row in tier_rows(price) if price else ():
                connection.execute(_INSERT, [provider, answered, requested, *row])
        rows = connection.execute(_ANSWER).fetchall()
    except duckdb.Error as error:
        raise ReportError(f"cannot reprice: {clean_message(error)}") from None
    return Table(COLUMNS, tuple(tuple(row) for row in rows))


def _find(books: PriceOn, model: str, provider: str | None, on: date) -> Price | None:
    try:
        return books.find(model, provider=provider, on=on)
    except UnpricedModel:
        return None  # an ambiguous name has no price (PRC-4)
