-- title:   Calls without a price
-- summary: Models whose calls could not be priced, most calls first, with their share of all calls.
-- param:   since           TIMESTAMP     optional  first instant, inclusive, UTC
-- param:   until           TIMESTAMP     optional  last instant, exclusive, UTC
-- column:  provider        VARCHAR       provider that billed
-- column:  model           VARCHAR       model that was asked for
-- column:  unpriced_calls  BIGINT        calls, those without a price
-- column:  tokens          BIGINT        tokens, of all kinds, of these calls
-- column:  first_at        TIMESTAMP     UTC, admission of the first of these calls
-- column:  last_at         TIMESTAMP     UTC, admission of the last of these calls
-- column:  share_percent   DECIMAL(5,2)  percent, of all calls in the time asked for, priced or not
-- reads:   usage_call
-- chart:   x=model y=unpriced_calls
WITH used AS (
    SELECT
        provider,
        requested_model AS model,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)
            FILTER (WHERE cost_nano_usd IS NULL)::BIGINT AS tokens,
        MIN(admitted_at) FILTER (WHERE cost_nano_usd IS NULL) AS first_at,
        MAX(admitted_at) FILTER (WHERE cost_nano_usd IS NULL) AS last_at
    FROM usage_call
    WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
    GROUP BY ALL
),
shared AS (
    SELECT
        provider,
        model,
        unpriced_calls,
        tokens,
        first_at,
        last_at,
        CAST(100 * (unpriced_calls / NULLIF(SUM(calls) OVER (), 0)) AS DECIMAL(5, 2)) AS share_percent
    FROM used
)
SELECT provider, model, unpriced_calls, tokens, first_at, last_at, share_percent
FROM shared
WHERE unpriced_calls > 0
ORDER BY unpriced_calls DESC, provider, model;
