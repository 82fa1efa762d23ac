-- title:   Price changes
-- summary: Every rate that calls were priced by, in order of its first use, with the rate before and the difference.
-- method:  A rate is compared with the one that priced the same kind of token of the same model before. What was never
--          used for a call is not here: `corvus policy show` lists the prices in force.
-- param:   since                       TIMESTAMP      optional      first use, inclusive, UTC
-- param:   until                       TIMESTAMP      optional      last use, exclusive, UTC
-- param:   model                       VARCHAR        optional      only this model
-- param:   only_changes                BOOLEAN        default=false leave out the first rate of each kind
-- column:  first_used_at               TIMESTAMP      UTC, when it first priced a call
-- column:  provider                    VARCHAR        provider that bills, NULL when the price is for any
-- column:  model                       VARCHAR        model of the price
-- column:  kind                        VARCHAR        kind of token, or web_search
-- column:  previous_nano_usd           BIGINT         nano-USD, per million tokens, before; NULL for the first
-- column:  rate_nano_usd               BIGINT         nano-USD, per million tokens
-- column:  change_percent              DECIMAL(18,2)  percent, NULL for the first, or when it was 0
-- column:  effective_from              DATE           first day in force, NULL for always
-- column:  book                        VARCHAR        user or bundled
-- column:  entry                       VARCHAR        name of the entry, as in usage_record
-- reads:   price_entry
WITH listed AS (
    SELECT recorded_at, seq, store_id, provider, model, book, entry, effective_from, rates,
        UNNEST(map_keys(rates)) AS kind
    FROM price_entry
    WHERE ($model::VARCHAR IS NULL OR model = $model)
),
priced AS (
    SELECT recorded_at, seq, store_id, provider, model, book, entry, effective_from, kind,
        rates[kind] AS rate_nano_usd
    FROM listed
),
stated AS (
    SELECT
        recorded_at,
        provider,
        model,
        kind,
        LAG(rate_nano_usd) OVER once AS previous_nano_usd,
        rate_nano_usd,
        effective_from,
        book,
        entry,
        seq,
        store_id
    FROM priced
    WINDOW once AS (
        PARTITION BY provider, model, kind
        ORDER BY COALESCE(effective_from, DATE '0001-01-01'), recorded_at, seq, store_id
    )
)
SELECT
    recorded_at AS first_used_at,
    provider,
    model,
    kind,
    previous_nano_usd,
    rate_nano_usd,
    CAST(100 * ((rate_nano_usd - previous_nano_usd) / NULLIF(previous_nano_usd, 0)) AS DECIMAL(18, 2))
        AS change_percent,
    effective_from,
    book,
    entry
FROM stated
-- The same rate stated again, by another store or another entry, is no change.
WHERE (previous_nano_usd IS NULL AND NOT $only_changes::BOOLEAN OR previous_nano_usd <> rate_nano_usd)
  AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
ORDER BY first_used_at, provider NULLS LAST, model, kind, effective_from NULLS FIRST, book, entry, seq, store_id;
