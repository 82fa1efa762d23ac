-- title:   Spend by project
-- summary: Cost and usage of each project, most expensive first, with its share of all known cost.
-- param:   since           TIMESTAMP     optional  first instant, inclusive, UTC
-- param:   until           TIMESTAMP     optional  last instant, exclusive, UTC
-- param:   model           VARCHAR       optional  only calls that asked for this model
-- column:  project         VARCHAR       project of the calls, NULL for calls that name none
-- column:  calls           BIGINT        calls
-- column:  unpriced_calls  BIGINT        calls, those without a price
-- column:  tokens          BIGINT        tokens, of all kinds
-- column:  last_at         TIMESTAMP     UTC, admission of the last call
-- column:  cost_nano_usd   BIGINT        nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  share_percent   DECIMAL(5,2)  percent, of the known cost of all rows; NULL when that is 0 or unknown
-- reads:   caller_usage_between
-- chart:   x=project y=cost_nano_usd
WITH spent AS (
    SELECT
        project,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        MAX(last_at) AS last_at,
        CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT
            AS cost_nano_usd
    FROM caller_usage_between($since, $until, $model::VARCHAR IS NOT NULL)
    WHERE ($model::VARCHAR IS NULL OR requested_model = $model)
    GROUP BY ALL
    HAVING SUM(calls) > 0
)
SELECT
    project,
    calls,
    unpriced_calls,
    tokens,
    last_at,
    cost_nano_usd,
    CAST(100 * (cost_nano_usd / NULLIF(SUM(cost_nano_usd) OVER (), 0)) AS DECIMAL(5, 2)) AS share_percent
FROM spent
ORDER BY cost_nano_usd DESC NULLS LAST, project NULLS LAST;
