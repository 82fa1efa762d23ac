-- title:   Spend by block of hours
-- summary: Calls, tokens and cost of each block of some hours, such as the five-hour windows of subscriptions.
-- method:  The first call opens a block at the start of its hour; the first call after its end opens the next one, so
--          that blocks have gaps between them and none is empty. The last one is open while `as_of` lies in it.
-- param:   as_of           TIMESTAMP  default=now               the present, UTC
-- param:   hours           BIGINT     default=5  range=1..=168  hours, length of a block
-- param:   since           TIMESTAMP  optional                  first instant, inclusive
-- param:   until           TIMESTAMP  optional                  last instant, exclusive
-- param:   zone            ZONE       default=UTC               IANA time zone, whose full hours blocks begin at
-- param:   session         VARCHAR    optional                  only calls of this session
-- param:   project         VARCHAR    optional                  only calls of this project
-- column:  bucket          VARCHAR    YYYY-MM-DD hh:mm, its start in `zone`
-- column:  starts_at       TIMESTAMP  UTC, inclusive
-- column:  ends_at         TIMESTAMP  UTC, exclusive
-- column:  is_open         BOOLEAN    whether the block is not over
-- column:  last_at         TIMESTAMP  UTC, admission of its last call
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- reads:   usage_record
-- chart:   x=bucket y=cost_nano_usd
WITH RECURSIVE used AS (
    SELECT
        admitted_at - (local_time(admitted_at, $zone) - date_trunc('hour', local_time(admitted_at, $zone))) AS starts_at,
        MAX(admitted_at) AS last_at,
        SUM(calls) AS calls,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NULL) AS unpriced_calls,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) AS priced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens) AS tokens,
        SUM(cost_nano_usd) AS cost_nano_usd
    FROM usage_record
    WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
      AND ($session::VARCHAR IS NULL OR session_id = $session)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
    HAVING SUM(calls) > 0
),
block AS (
    SELECT MIN(starts_at) AS starts_at FROM used HAVING COUNT(*) > 0
    UNION ALL
    SELECT (SELECT MIN(used.starts_at) FROM used WHERE used.starts_at >= block.starts_at + to_hours($hours::BIGINT))
    FROM block
    WHERE block.starts_at IS NOT NULL
)
SELECT
    strftime(local_time(block.starts_at, $zone), '%Y-%m-%d %H:%M') AS bucket,
    block.starts_at::TIMESTAMP AS starts_at,
    (block.starts_at + to_hours($hours::BIGINT))::TIMESTAMP AS ends_at,
    block.starts_at + to_hours($hours::BIGINT) > $as_of::TIMESTAMP AS is_open,
    MAX(used.last_at) AS last_at,
    SUM(used.calls)::BIGINT AS calls,
    COALESCE(SUM(used.unpriced_calls), 0)::BIGINT AS unpriced_calls,
    SUM(used.tokens)::BIGINT AS tokens,
    CASE WHEN SUM(used.priced_calls) > 0 THEN SUM(used.cost_nano_usd) END::BIGINT AS cost_nano_usd
FROM block
JOIN used ON used.starts_at >= block.starts_at AND used.starts_at < block.starts_at + to_hours($hours::BIGINT)
GROUP BY block.starts_at
ORDER BY block.starts_at;
