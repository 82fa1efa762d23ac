-- title:   Spend of the latest missions
-- summary: Cost, tokens and calls of the missions used last, ascending by their first call.
-- param:   as_of           TIMESTAMP  default=now                 calls admitted later are left out, UTC
-- param:   missions        BIGINT     default=30  range=1..=1000  number of missions
-- column:  bucket          VARCHAR    mission id, NULL for all calls outside any mission
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- column:  first_at        TIMESTAMP  UTC, admission of the first call
-- column:  session_id      VARCHAR    session of the mission
-- column:  project         VARCHAR    project of that session, NULL without one
-- reads:   usage_call
-- chart:   x=bucket y=cost_nano_usd
WITH latest AS (
    SELECT
        mission_id,
        -- A mission is an id inside a session of a project (MIS-1); the calls outside any mission are one row.
        CASE WHEN mission_id IS NOT NULL THEN session_id END AS mission_session_id,
        CASE WHEN mission_id IS NOT NULL THEN project END AS mission_project,
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
    GROUP BY mission_id, mission_session_id, mission_project
    ORDER BY
        last_at DESC, mission_session_id NULLS LAST, mission_id NULLS LAST, mission_project NULLS LAST
    LIMIT $missions::BIGINT
)
SELECT
    mission_id AS bucket,
    cost_nano_usd,
    tokens,
    calls,
    unpriced_calls,
    first_at,
    mission_session_id AS session_id,
    mission_project AS project
FROM latest
ORDER BY first_at, bucket NULLS FIRST, session_id NULLS FIRST, project NULLS FIRST;
