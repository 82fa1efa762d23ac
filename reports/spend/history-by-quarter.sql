-- title:   Spend by quarter
-- summary: Cost, tokens and calls of each quarter, ascending; a quarter without a call shows 0.
-- method:  A call counts in the quarter of its admission, in `zone`.
--          Whole quarters are shown, from the one that holds `since` to the one that holds the last instant asked for.
-- param:   as_of           TIMESTAMP  default=now                an instant inside the last quarter, UTC
-- param:   quarters        BIGINT     default=8   range=1..=40   number of quarters, the last one included
-- param:   since           TIMESTAMP  optional                   an instant inside the first quarter, instead of `quarters`
-- param:   until           TIMESTAMP  optional                   end of the range, exclusive, instead of `as_of`
-- param:   zone            ZONE       default=UTC                IANA time zone, whose quarters are shown
-- param:   session         VARCHAR    optional                   only calls of this session
-- param:   model           VARCHAR    optional                   only calls that asked for this model
-- param:   project         VARCHAR    optional                   only calls of this project
-- span:    40 quarters
-- column:  bucket          VARCHAR    YYYY-Qn, in `zone`
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- reads:   model_usage_between
-- chart:   x=bucket y=cost_nano_usd
WITH last_bucket AS (
    SELECT date_trunc('quarter', local_time(
        LEAST($as_of::TIMESTAMP, $until::TIMESTAMP - INTERVAL 1 MICROSECOND), $zone
    )) AS starts_at
),
bucket_start AS (
    SELECT CAST(UNNEST(range(
        COALESCE(
            date_trunc('quarter', local_time($since::TIMESTAMP, $zone)),
            starts_at - to_months(3 * (CAST($quarters AS INTEGER) - 1))
        ),
        starts_at + INTERVAL 3 MONTH,
        INTERVAL 3 MONTH
    )) AS TIMESTAMP) AS starts_at
    FROM last_bucket
),
spent AS (
    SELECT
        CAST(date_trunc('quarter', local_time(admitted_at, $zone)) AS TIMESTAMP) AS starts_at,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) AS priced_calls,
        SUM(cost_nano_usd) AS cost_nano_usd,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens) AS tokens,
        SUM(calls) AS calls,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NULL) AS unpriced_calls
    FROM model_usage_between(NULL, NULL, $session::VARCHAR IS NOT NULL OR $project::VARCHAR IS NOT NULL)
    -- A day more at both ends: whatever the zone, no call of a bucket is left out.
    WHERE admitted_at >= (SELECT MIN(starts_at) - INTERVAL 1 DAY FROM bucket_start)
      AND admitted_at < (SELECT MAX(starts_at) + INTERVAL 3 MONTH + INTERVAL 1 DAY FROM bucket_start)
      AND ($session::VARCHAR IS NULL OR session_id = $session)
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
)
SELECT
    strftime(bucket_start.starts_at, '%Y') || '-Q' || quarter(bucket_start.starts_at) AS bucket,
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
