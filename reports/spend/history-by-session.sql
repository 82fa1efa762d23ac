-- title:   Spend of the latest sessions
-- summary: Cost, tokens and calls of the sessions used last, ascending by their first call.
-- param:   as_of           TIMESTAMP  default=now                 calls admitted later are left out, UTC
-- param:   sessions        BIGINT     default=30  range=1..=1000  number of sessions
-- column:  bucket          VARCHAR    session id, NULL for calls outside any session
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- column:  first_at        TIMESTAMP  UTC, admission of the first call
-- column:  project         VARCHAR    project of the session, NULL without one
-- reads:   usage_call
-- chart:   x=bucket y=cost_nano_usd
WITH latest AS (
    SELECT
        session_id,
        project,
        SUM(cost_nano_usd)::BIGINT AS cost_nano_usd,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        MIN(admitted_at) AS first_at,
        MAX(admitted_at) AS last_at
    FROM usage_call
    WHERE admitted_at <= $as_of::TIMESTAMP
    GROUP BY session_id, project
    ORDER BY last_at DESC, session_id NULLS LAST, project NULLS LAST
    LIMIT $sessions::BIGINT
)
SELECT session_id AS bucket, cost_nano_usd, tokens, calls, unpriced_calls, first_at, project
FROM latest
ORDER BY first_at, bucket NULLS FIRST, project NULLS FIRST;
