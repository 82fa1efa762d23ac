-- title:   Spend by user and day
-- summary: Calls, tokens and cost of each user on each day with a call of the user.
-- param:   since           TIMESTAMP  optional     first instant, inclusive
-- param:   until           TIMESTAMP  optional     last instant, exclusive
-- param:   zone            ZONE       default=UTC  IANA time zone, whose days are shown
-- param:   user            VARCHAR    optional     only calls of this user
-- param:   project         VARCHAR    optional     only calls of this project
-- column:  bucket          VARCHAR    YYYY-MM-DD, in `zone`
-- column:  user_name       VARCHAR    user of the calls, NULL for calls that name none
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- reads:   caller_usage_between
-- chart:   x=bucket y=cost_nano_usd
WITH spent AS (
    SELECT
        date_trunc('day', local_time(admitted_at, $zone)) AS starts_at,
        user_name,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT
            AS cost_nano_usd
    FROM caller_usage_between($since, $until, false)
    WHERE ($user::VARCHAR IS NULL OR user_name = $user)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
    HAVING SUM(calls) > 0
)
SELECT strftime(starts_at, '%Y-%m-%d') AS bucket, user_name, calls, unpriced_calls, tokens, cost_nano_usd
FROM spent
ORDER BY bucket, user_name NULLS LAST;
