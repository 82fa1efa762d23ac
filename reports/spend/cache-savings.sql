-- title:   Cache savings
-- summary: What prompt caches saved for each model: reads at a discount, less what writing them cost on top.
-- method:  Each token read from a cache saved the difference between the rate of input and that of a cache read; each
--          token written cost the difference between its rate and that of input. The rates are those of the entry
--          that priced the call, up to its first long-context tier. Calls whose entry is not known here, or lacks one
--          of the rates, are counted apart and save nothing.
-- param:   since                      TIMESTAMP     optional  first instant, inclusive, UTC
-- param:   until                      TIMESTAMP     optional  last instant, exclusive, UTC
-- param:   project                    VARCHAR       optional  only calls of this project
-- column:  provider                   VARCHAR       provider that billed
-- column:  model                      VARCHAR       model that was asked for
-- column:  calls                      BIGINT        calls
-- column:  calls_without_rates        BIGINT        calls, those priced by an entry that lacks a rate or is not known here
-- column:  cache_read_tokens          BIGINT        tokens
-- column:  cache_write_tokens         BIGINT        tokens, kept for 5 minutes or 1 hour
-- column:  read_percent               DECIMAL(5,2)  percent, of all tokens of input those read from a cache
-- column:  read_saving_nano_usd       BIGINT        nano-USD, NULL when no rate is known, like those below
-- column:  write_surcharge_nano_usd   BIGINT        nano-USD
-- column:  saving_nano_usd            BIGINT        nano-USD, of reads less the surcharge; below 0 the cache cost more than it saved
-- reads:   usage_record, price_entry
-- chart:   x=model y=saving_nano_usd
WITH latest AS (
    SELECT entry, arg_max(rates, (recorded_at, seq)) AS rates FROM price_entry GROUP BY entry
),
rate AS (
    SELECT
        entry,
        rates['input'] AS input,
        rates['cache_read'] AS cache_read,
        rates['cache_write_5m'] AS cache_write_5m,
        rates['cache_write_1h'] AS cache_write_1h
    FROM latest
),
used AS (
    SELECT
        provider,
        requested_model AS model,
        price_entry,
        SUM(calls) AS calls,
        SUM(input_tokens) AS input_tokens,
        SUM(cache_read_tokens)::HUGEINT AS cache_read_tokens,
        SUM(cache_write_5m_tokens)::HUGEINT AS cache_write_5m_tokens,
        SUM(cache_write_1h_tokens)::HUGEINT AS cache_write_1h_tokens
    FROM usage_record
    WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY provider, requested_model, price_entry
),
rated AS (
    SELECT
        used.provider,
        used.model,
        used.calls,
        used.input_tokens,
        used.cache_read_tokens,
        used.cache_write_5m_tokens + used.cache_write_1h_tokens AS cache_write_tokens,
        CASE WHEN used.cache_read_tokens = 0 THEN 0
            ELSE used.cache_read_tokens * (rate.input - rate.cache_read) END AS read_saving,
        CASE WHEN used.cache_write_5m_tokens = 0 THEN 0
            ELSE used.cache_write_5m_tokens * (rate.cache_write_5m - rate.input) END
        + CASE WHEN used.cache_write_1h_tokens = 0 THEN 0
            ELSE used.cache_write_1h_tokens * (rate.cache_write_1h - rate.input) END AS write_surcharge
    FROM used
    LEFT JOIN rate ON rate.entry = used.price_entry
)
SELECT
    provider,
    model,
    SUM(calls)::BIGINT AS calls,
    COALESCE(SUM(calls) FILTER (WHERE read_saving IS NULL OR write_surcharge IS NULL), 0)::BIGINT
        AS calls_without_rates,
    SUM(cache_read_tokens)::BIGINT AS cache_read_tokens,
    SUM(cache_write_tokens)::BIGINT AS cache_write_tokens,
    CAST(100 * (SUM(cache_read_tokens)
        / NULLIF(SUM(input_tokens + cache_read_tokens + cache_write_tokens), 0)) AS DECIMAL(5, 2)) AS read_percent,
    CAST(SUM(read_saving) // 1_000_000 AS BIGINT) AS read_saving_nano_usd,
    CAST(SUM(write_surcharge) // 1_000_000 AS BIGINT) AS write_surcharge_nano_usd,
    CAST((SUM(read_saving) - SUM(write_surcharge)) // 1_000_000 AS BIGINT) AS saving_nano_usd
FROM rated
GROUP BY provider, model
HAVING SUM(cache_read_tokens) > 0 OR SUM(cache_write_tokens) > 0
ORDER BY saving_nano_usd DESC NULLS LAST, provider, model;
