-- title:   Where costs come from
-- summary: How much of the calls and of the cost is exact, estimated, presumed or unknown.
-- method:  provider: the provider stated the cost. priced: its usage, at our prices. imported: usage read from a log, at
--          our prices. estimated: usage that was counted and not reported. presumed: the hold of a call that was never
--          settled. unknown: no price, or nothing known.
-- param:   since                  TIMESTAMP     optional  first instant, inclusive, UTC
-- param:   until                  TIMESTAMP     optional  last instant, exclusive, UTC
-- param:   project                VARCHAR       optional  only calls of this project
-- column:  source                 VARCHAR       where the cost comes from
-- column:  calls                  BIGINT        calls
-- column:  unpriced_calls         BIGINT        calls, those without a price
-- column:  at_least_calls         BIGINT        calls, those whose recorded cost is a lower bound
-- column:  calls_percent          DECIMAL(5,2)  percent, of all calls
-- column:  unpriced_percent       DECIMAL(5,2)  percent, of the calls of the source those without a price
-- column:  tokens                 BIGINT        tokens, of all kinds
-- column:  cost_nano_usd          BIGINT        nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  share_percent          DECIMAL(5,2)  percent, of all known cost; NULL when that is 0 or unknown
-- reads:   model_usage_between
-- chart:   x=source y=calls
WITH spent AS (
    SELECT
        source,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL AND at_least), 0)::BIGINT AS at_least_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT
            AS cost_nano_usd
    FROM model_usage_between($since, $until, $project::VARCHAR IS NOT NULL)
    WHERE ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY source
    HAVING SUM(calls) > 0
)
SELECT
    source,
    calls,
    unpriced_calls,
    at_least_calls,
    CAST(100 * (calls / SUM(calls) OVER ()) AS DECIMAL(5, 2)) AS calls_percent,
    CAST(100 * (unpriced_calls / calls) AS DECIMAL(5, 2)) AS unpriced_percent,
    tokens,
    cost_nano_usd,
    CAST(100 * (cost_nano_usd / NULLIF(SUM(cost_nano_usd) OVER (), 0)) AS DECIMAL(5, 2)) AS share_percent
FROM spent
ORDER BY calls DESC, source;
