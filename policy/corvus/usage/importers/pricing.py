"""Prices staged calls in SQL, to the same nano-USD as ``corvus.prices.cost`` (PRC-6).

The price history of each model goes into a temporary table of integer rates, one row for each entry
and tier; a join finds the one that was in force. A used kind without a rate leaves the cost NULL
(PRC-2, PRC-5).

A turn that was billed as several requests pays the tier of each, not that of its whole context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Protocol

import duckdb

from corvus.base.time import naive_utc
from corvus.ledger.ledger import Ledger
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.model.reservation import Source
from corvus.model.usage import TokenKind
from corvus.prices.sql import (
    IN_TIER,
    SEARCH_MILLIONTHS,
    TIER_COLUMNS,
    TOKEN_MILLIONTHS,
    half_even,
    ten_millionths,
    tier_rows,
)
from corvus.usage.importers.claude_code import CREATE_REQUESTS


class PriceHistory(Protocol):
    """Where prices come from: ``corvus.prices.lookup.PriceBooks``."""

    @property
    def version(self) -> str:
        """Hash of all prices."""
        ...

    def history(self, model: str, *, provider: str | None = None) -> Sequence[Price]:
        """Return all entries of a model, or nothing."""
        ...


_CREATE = f"""
CREATE OR REPLACE TEMP TABLE import_rate (
    asked_provider VARCHAR, model VARCHAR, -- as the call names them
    from_day DATE, until_day DATE,
    provider VARCHAR, book VARCHAR, entry VARCHAR, entry_model VARCHAR, source VARCHAR,
    {TIER_COLUMNS}
)
"""
_MODELS = "SELECT DISTINCT provider, price_model FROM temp.import_change ORDER BY ALL"
_INSERT = f"INSERT INTO temp.import_rate VALUES ({', '.join('?' * 18)})"  # noqa: S608 - marks only

_FIRST_DAY = date(1, 1, 1)
_LAST_DAY = date(9999, 12, 31)
_RATE = f"""
    LEFT JOIN temp.import_rate AS rate
        ON rate.asked_provider IS NOT DISTINCT FROM used.provider
        AND rate.model = used.price_model
        AND used.admitted_at::DATE >= rate.from_day AND used.admitted_at::DATE < rate.until_day
        AND {IN_TIER}
"""

_OWN_TOKENS = "if(split.import_key IS NULL, whole.token_millionths, split.token_millionths)"
_PRICED = f"""
CREATE OR REPLACE TEMP TABLE import_priced AS
WITH whole AS (
    SELECT used.*, rate.book AS rate_book, rate.entry AS rate_entry, rate.provider AS rate_provider,
        {TOKEN_MILLIONTHS} AS token_millionths, {SEARCH_MILLIONTHS} AS search_millionths
    FROM temp.import_change AS used {_RATE}
),
split AS (
    SELECT used.import_key,
        if(count(*) = count({TOKEN_MILLIONTHS}), sum({TOKEN_MILLIONTHS}), NULL)
            AS token_millionths
    FROM temp.import_request AS used {_RATE}
    GROUP BY used.import_key
),
rated AS (
    SELECT whole.* EXCLUDE (token_millionths, search_millionths),
        {ten_millionths(_OWN_TOKENS, "search_millionths", "whole.tags['inference_geo'] = 'us'")}
            AS ten_millionths
    FROM whole LEFT JOIN split ON split.import_key = whole.import_key
),
rounded AS (
    SELECT * EXCLUDE (ten_millionths),
        CASE WHEN rate_entry IS NOT NULL THEN {half_even("ten_millionths", 10_000_000)} END
            AS rated_nano_usd
    FROM rated
)
SELECT used.* EXCLUDE (provider, rate_provider, rate_book, rate_entry, rated_nano_usd,
        reported_nano_usd, iterations, keeps_cost),
    coalesce(used.provider, nullif(rate_provider, ''), 'unknown') AS provider,
    CASE WHEN keeps_cost THEN record.cost_nano_usd
        ELSE coalesce(reported_nano_usd, rated_nano_usd) END AS cost_nano_usd,
    CASE WHEN keeps_cost THEN record.price_book
        WHEN reported_nano_usd IS NULL AND rated_nano_usd IS NOT NULL THEN rate_book
        END AS price_book,
    CASE WHEN keeps_cost THEN record.price_entry
        WHEN reported_nano_usd IS NULL AND rated_nano_usd IS NOT NULL THEN rate_entry
        END AS price_entry,
    if(reported_nano_usd IS NULL, '{Source.IMPORTED}', '{Source.PROVIDER}') AS source
FROM rounded AS used
LEFT JOIN usage_record AS record ON record.id = used.known_id
"""  # noqa: S608 - made of constants of this package


# No store hands these over. An entry is kept again when its rates are others.
_PAIRS = ", ".join(f"{{'kind': '{kind}', 'rate': rate.{kind}}}" for kind in TokenKind)
_KEEP = """
INSERT INTO {table} BY NAME
WITH used AS (
    SELECT DISTINCT rate.entry, rate.book, nullif(rate.provider, '') AS provider,
        rate.entry_model AS model, nullif(rate.from_day, DATE '0001-01-01') AS effective_from,
        {rates} AS rates, rate.source
    FROM temp.import_rate AS rate
    WHERE above_tokens < 0
        AND entry IN (SELECT price_entry FROM temp.import_priced)
),
known AS (
    SELECT entry, arg_max(rates, (recorded_at, seq)) AS rates FROM price_entry GROUP BY entry
)
SELECT used.*, $kept_at::TIMESTAMP AS recorded_at, '{ledger}' AS store_id,
    row_number() OVER (ORDER BY used.entry)
        + (SELECT coalesce(max(seq), 0) FROM price_entry WHERE store_id = '{ledger}') AS seq
FROM used
LEFT JOIN known ON known.entry = used.entry
WHERE known.rates IS DISTINCT FROM used.rates
ORDER BY seq
"""
LEDGER_ITSELF = "00000000-0000-0000-0000-000000000000"
"""Stands for the store of a price that an import used: no store handed it over."""


def price_changes(connection: duckdb.DuckDBPyConnection, books: PriceHistory) -> None:
    """Price the calls of ``import_change`` into ``import_priced``."""
    connection.execute(_CREATE)
    for provider, model in connection.execute(_MODELS).fetchall():
        for row in _rate_rows(_history(books, model, provider)):
            connection.execute(_INSERT, [provider, model, *row])
    connection.execute(CREATE_REQUESTS)
    connection.execute(_PRICED)


def keep_prices(ledger: Ledger, kept_at: datetime) -> None:
    """Keep the entries that have priced the calls, so that the ledger says what costs come from.

    Args:
        ledger: Open for writing, in the transaction of the import.
        kept_at: The present instant, aware.
    """
    ledger.connection.execute(
        _KEEP.format(
            table=ledger.table("price_entry"),
            rates=f"map_from_entries([pair FOR pair IN [{_PAIRS}] IF pair.rate IS NOT NULL])",
            ledger=LEDGER_ITSELF,
        ),
        {"kept_at": naive_utc(kept_at)},
    )


def _history(books: PriceHistory, model: str, provider: str | None) -> Sequence[Price]:
    try:
        return books.history(model, provider=provider)
    except UnpricedModel:
        return ()  # an ambiguous name has no price (PRC-4); the call is counted as unpriced


def _rate_rows(history: Sequence[Price]) -> Iterator[list[object]]:
    """Yield the rows of one model, for each entry and each of its tiers."""
    entries = sorted(history, key=lambda price: price.effective_from or _FIRST_DAY)
    days = [price.effective_from or _FIRST_DAY for price in entries]
    for price, (start, end) in zip(entries, pairwise([*days, _LAST_DAY]), strict=True):
        names = [price.provider, price.book, price.entry, price.model, price.source]
        for tier in tier_rows(price):
            yield [start, end, *names, *tier]
