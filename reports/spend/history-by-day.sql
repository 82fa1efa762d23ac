-- title:   Spend by day
-- summary: Cost, tokens and calls of each UTC day, ascending; a day without a call shows 0.
-- param:   as_of           TIMESTAMP  default=now                an instant inside the last day, UTC
-- param:   days            BIGINT     default=30  range=1..=366  number of days, the last one included
-- param:   session         VARCHAR    optional                   only calls of this session
-- param:   model           VARCHAR    optional                   only calls that asked for this model
-- param:   project         VARCHAR    optional                   only calls of this project
-- column:  bucket          VARCHAR    YYYY-MM-DD, in UTC
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- reads:   usage_record
-- chart:   x=bucket y=cost_nano_usd
WITH bucket_start AS (
    SELECT CAST(range AS TIMESTAMP) AS starts_at
    FROM range(
        date_trunc('day', $as_of::TIMESTAMP) - to_days(CAST($days AS INTEGER) - 1),
        date_trunc('day', $as_of::TIMESTAMP) + INTERVAL 1 DAY,
        INTERVAL 1 DAY
    )
),
spent AS (
    SELECT
        CAST(date_trunc('day', admitted_at) AS TIMESTAMP) AS starts_at,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) AS priced_calls,
        SUM(cost_nano_usd) AS cost_nano_usd,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens) AS tokens,
        SUM(calls) AS calls,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NULL) AS unpriced_calls
    FROM usage_record
    WHERE admitted_at >= date_trunc('day', $as_of::TIMESTAMP) - to_days(CAST($days AS INTEGER) - 1)
      AND admitted_at < date_trunc('day', $as_of::TIMESTAMP) + INTERVAL 1 DAY
      AND ($session::VARCHAR IS NULL OR session_id = $session)
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
)
SELECT
    strftime(bucket_start.starts_at, '%Y-%m-%d') AS bucket,
    -- A bucket without a call cost nothing; one whose calls all lack a price is unknown.
    CASE
        WHEN COALESCE(spent.calls, 0) = 0 THEN 0
        WHEN spent.priced_calls > 0 THEN spent.cost_nano_usd
    END::BIGINT AS cost_nano_usd,
    COALESCE(spent.tokens, 0)::BIGINT AS tokens,
    COALESCE(spent.calls, 0)::BIGINT AS calls,
    COALESCE(spent.unpriced_calls, 0)::BIGINT AS unpriced_calls
FROM bucket_start
LEFT JOIN spent ON spent.starts_at = bucket_start.starts_at
ORDER BY bucket;
