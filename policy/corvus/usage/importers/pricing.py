"""Prices staged calls in SQL, to the same nano-USD as ``corvus.prices.cost`` (PRC-6).

The price history of each model goes into a temporary table of integer rates, one row for each entry
and tier; a join finds the one that was in force. A used kind without a rate leaves the cost NULL
(PRC-2, PRC-5).

A turn that was billed as several requests pays the tier of each, not that of its whole context.

A cost that a file states is recorded instead, with what the books make of the call next to it,
unless it cannot be right: 0 without another sign of a free call, or far beyond any price (PRC-9).
What a client estimates serves only where the books have no price.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Protocol

import duckdb

from corvus.base.time import naive_utc
from corvus.ledger.ledger import Ledger
from corvus.ledger.outbox import LEDGER_ITSELF
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.model.reservation import Source
from corvus.model.usage import COUNTS, TokenKind
from corvus.prices.belief import ALONE_MAX_NANO_USD, ALWAYS_BELIEVED_NANO_USD, TIMES_MAX
from corvus.prices.modality import Doubt
from corvus.prices.sql import (
    DOUBT,
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
from corvus.usage.importers.claude_code import CREATE_REQUESTS


class Disbelief(StrEnum):
    """Why a stated cost is not believed."""

    FREE = "free"
    ABSURD = "absurd"


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
_INSERT = f"INSERT INTO temp.import_rate VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {TIER_MARKS})"  # noqa: S608 - marks only

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
_USED_NOTHING = " AND ".join(f"{name} = 0" for name in COUNTS)
# Another sign of a free call than a stated 0: a free variant, a price of 0, or nothing used.
_IS_FREE = f"is_free OR rated_nano_usd = 0 OR ({_USED_NOTHING})"
_MOST = (
    f"if(rated_nano_usd IS NULL, {ALONE_MAX_NANO_USD}::HUGEINT * calls, "
    f"greatest({ALWAYS_BELIEVED_NANO_USD}, rated_nano_usd::HUGEINT * {TIMES_MAX}))"
)
_PRICED = f"""
CREATE OR REPLACE TEMP TABLE import_priced AS
WITH whole AS (
    SELECT used.*, rate.book AS rate_book, rate.entry AS rate_entry, rate.provider AS rate_provider,
        {DOUBT} AS doubt, {IS_HOUR_UNKNOWN} AS is_hour_unknown,
        {TOKEN_MILLIONTHS} AS token_millionths, {FEE_MILLIONTHS} AS fee_millionths
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
    SELECT whole.* EXCLUDE (token_millionths, fee_millionths),
        {ten_millionths(_OWN_TOKENS, "fee_millionths", "whole.tags['inference_geo'] = 'us'")}
            AS ten_millionths
    FROM whole LEFT JOIN split ON split.import_key = whole.import_key
),
rounded AS (
    SELECT * EXCLUDE (ten_millionths),
        CASE WHEN rate_entry IS NOT NULL AND doubt < {Doubt.UNKNOWN.value}
            AND NOT is_hour_unknown AND NOT coalesce(unknown_cost, false)
            THEN {half_even("ten_millionths", 10_000_000)} END AS rated_nano_usd
    FROM rated
),
judged AS (
    SELECT * EXCLUDE (reported_nano_usd, estimated_nano_usd, keeps_cost, keeps_price), CASE
            WHEN keeps_cost OR reported_nano_usd IS NULL THEN NULL
            WHEN reported_nano_usd = 0 AND NOT coalesce({_IS_FREE}, false) THEN '{Disbelief.FREE}'
            WHEN reported_nano_usd > {_MOST} THEN '{Disbelief.ABSURD}'
        END AS disbelief,
        -- what is not believed replaces no known price
        keeps_cost OR (keeps_price AND disbelief IS NOT NULL) AS keeps_cost,
        if(disbelief IS NULL, reported_nano_usd, NULL) AS reported_nano_usd,
        -- a client writes 0, too, for what it has no price for
        if(rated_nano_usd IS NULL AND (estimated_nano_usd > 0 OR is_free), estimated_nano_usd, NULL)
            AS estimated_nano_usd
    FROM rounded
)
SELECT used.* EXCLUDE (provider, rate_provider, rate_book, rate_entry, rated_nano_usd,
        reported_nano_usd, estimated_nano_usd, iterations, keeps_cost, is_free, unknown_cost,
        states_modalities, doubt, is_hour_unknown, at_least),
    coalesce(used.provider, nullif(rate_provider, ''), 'unknown') AS provider,
    CASE WHEN keeps_cost THEN record.cost_nano_usd
        ELSE coalesce(reported_nano_usd, rated_nano_usd, estimated_nano_usd) END AS cost_nano_usd,
    CASE WHEN keeps_cost THEN record.computed_cost_nano_usd
        WHEN reported_nano_usd IS NOT NULL THEN rated_nano_usd END AS computed_cost_nano_usd,
    CASE WHEN keeps_cost THEN record.price_book
        WHEN reported_nano_usd IS NULL AND rated_nano_usd IS NOT NULL THEN rate_book
        END AS price_book,
    CASE WHEN keeps_cost THEN record.price_entry
        WHEN reported_nano_usd IS NULL AND rated_nano_usd IS NOT NULL THEN rate_entry
        END AS price_entry,
    CASE WHEN keeps_cost THEN record.source
        WHEN reported_nano_usd IS NOT NULL THEN '{Source.PROVIDER}'
        WHEN rated_nano_usd IS NULL AND estimated_nano_usd IS NOT NULL THEN '{Source.ESTIMATED}'
        ELSE '{Source.IMPORTED}' END AS source,
    CASE WHEN keeps_cost THEN record.at_least
            OR (coalesce(used.at_least, false) AND record.source <> '{Source.PROVIDER}')
        ELSE reported_nano_usd IS NULL
            AND coalesce(rated_nano_usd, estimated_nano_usd) IS NOT NULL
            AND (coalesce(used.at_least, false)
                OR (rated_nano_usd IS NOT NULL AND doubt = {Doubt.AT_LEAST.value}))
        END AS at_least
FROM judged AS used
LEFT JOIN usage_record AS record ON record.id = used.known_id
"""  # noqa: S608 - made of constants of this package


# No store hands these over. An entry is kept again when its rates are others.
# Of a price that differs by the hour the highest rate of each kind, as its entry has it.
_PAIRS = ", ".join(f"{{'kind': '{kind}', 'rate': max(rate.{kind})}}" for kind in TokenKind)
_KEEP = """
INSERT INTO {table} BY NAME
WITH used AS (
    SELECT rate.entry, rate.book, nullif(rate.provider, '') AS provider,
        rate.entry_model AS model, nullif(rate.from_day, DATE '0001-01-01') AS effective_from,
        {rates} AS rates, rate.source
    FROM temp.import_rate AS rate
    WHERE above_tokens < 0
        AND entry IN (SELECT price_entry FROM temp.import_priced)
    GROUP BY rate.entry, rate.book, rate.provider, rate.entry_model, rate.from_day, rate.source
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
