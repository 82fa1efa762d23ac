-- title:   Cache hit rate by day
-- summary: What part of the tokens that models read came from a cache, on each day with a call.
-- method:  The rate is what was read from a cache, of all that was read: plain input, cache reads and cache writes.
-- param:   since               TIMESTAMP     optional     first instant, inclusive
-- param:   until               TIMESTAMP     optional     last instant, exclusive
-- param:   zone                ZONE          default=UTC  IANA time zone, whose days are shown
-- param:   model               VARCHAR       optional     only calls that asked for this model
-- param:   project             VARCHAR       optional     only calls of this project
-- column:  bucket              VARCHAR       YYYY-MM-DD, in `zone`
-- column:  calls               BIGINT        calls
-- column:  input_tokens        BIGINT        tokens, neither read from nor written to a cache
-- column:  cache_read_tokens   BIGINT        tokens
-- column:  cache_write_tokens  BIGINT        tokens
-- column:  hit_percent         DECIMAL(5,2)  percent, of all that was read; NULL when nothing was
-- reads:   usage_record
-- chart:   x=bucket y=hit_percent
WITH used AS (
    SELECT
        date_trunc('day', local_time(admitted_at, $zone)) AS starts_at,
        SUM(calls) AS calls,
        SUM(input_tokens + input_audio_tokens + input_image_tokens + input_video_tokens) AS input_tokens,
        SUM(cache_read_tokens + cache_read_audio_tokens + cache_read_image_tokens) AS cache_read_tokens,
        SUM(cache_write_5m_tokens + cache_write_1h_tokens) AS cache_write_tokens
    FROM usage_record
    WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
    HAVING SUM(calls) > 0
)
SELECT
    strftime(starts_at, '%Y-%m-%d') AS bucket,
    calls::BIGINT AS calls,
    input_tokens::BIGINT AS input_tokens,
    cache_read_tokens::BIGINT AS cache_read_tokens,
    cache_write_tokens::BIGINT AS cache_write_tokens,
    CAST(100 * (cache_read_tokens / NULLIF(input_tokens + cache_read_tokens + cache_write_tokens, 0)) AS DECIMAL(5, 2))
        AS hit_percent
FROM used
ORDER BY bucket;
