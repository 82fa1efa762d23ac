-- title:   Sessions
-- summary: All sessions, the latest first, with the worst that they met, what was refused to them and what they cost; in pages.
-- method:  A session is there when it has a call, made or refused. Its time is that of its last call.
-- param:   since           TIMESTAMP  optional                     first instant, inclusive, UTC
-- param:   until           TIMESTAMP  optional                     last instant, exclusive, UTC
-- param:   project         VARCHAR    optional                     only calls of this project
-- param:   dearest         BOOLEAN    default=false                the most expensive first instead of the latest
-- param:   rows            BIGINT     default=50 range=1..=1000    sessions on a page
-- param:   page            BIGINT     default=1 range=1..=1000000  number of the page, from 1
-- column:  session_id      VARCHAR    session id, NULL for calls outside any session
-- column:  project         VARCHAR    project of the session, NULL without one
-- column:  outcome         VARCHAR    within_budget, warned or blocked: the worst state so far; NULL when not governed
-- column:  first_at        TIMESTAMP  UTC, its first call, made or refused
-- column:  last_at         TIMESTAMP  UTC, its last call, made or refused
-- column:  calls           BIGINT     calls
-- column:  denied_calls    BIGINT     calls, refused before they were made
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  sessions        BIGINT     sessions, on all pages
-- reads:   usage_call, reservation_event, session
-- chart:   x=session_id y=cost_nano_usd
WITH used AS (
    SELECT
        session_id,
        project,
        MIN(admitted_at) AS first_at,
        MAX(admitted_at) AS last_at,
        SUM(usage_call.calls)::BIGINT AS calls,
        COALESCE(SUM(usage_call.calls) FILTER (WHERE usage_call.cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        SUM(usage_call.cost_nano_usd)::BIGINT AS cost_nano_usd
    FROM usage_call
    WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY session_id, project
),
refused AS (
    SELECT
        session_id,
        project,
        SUM(COALESCE(times, 1))::BIGINT AS denied_calls,
        MIN(recorded_at) AS first_at,
        MAX(recorded_at) AS last_at
    FROM reservation_event
    WHERE kind = 'denied'
      AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY session_id, project
),
known AS (
    SELECT
        COALESCE(used.session_id, refused.session_id) AS session_id,
        CASE WHEN used.calls IS NULL THEN refused.project ELSE used.project END AS project,
        LEAST(used.first_at, refused.first_at) AS first_at,
        GREATEST(used.last_at, refused.last_at) AS last_at,
        COALESCE(used.calls, 0) AS calls,
        COALESCE(refused.denied_calls, 0) AS denied_calls,
        COALESCE(used.unpriced_calls, 0) AS unpriced_calls,
        COALESCE(used.tokens, 0) AS tokens,
        -- Nothing but refusals costs nothing, which is known.
        CASE WHEN used.calls IS NULL THEN 0 ELSE used.cost_nano_usd END AS cost_nano_usd
    FROM used
    FULL JOIN refused
        ON refused.session_id IS NOT DISTINCT FROM used.session_id
        AND refused.project IS NOT DISTINCT FROM used.project
),
governed AS (
    SELECT session_id, project, arg_max(outcome, (recorded_at, seq)) AS outcome
    FROM session
    GROUP BY session_id, project
)
SELECT
    known.session_id,
    known.project,
    governed.outcome,
    known.first_at,
    known.last_at,
    known.calls,
    known.denied_calls,
    known.unpriced_calls,
    known.tokens,
    known.cost_nano_usd,
    COUNT(*) OVER () AS sessions
FROM known
LEFT JOIN governed
    ON governed.session_id = known.session_id
    AND governed.project IS NOT DISTINCT FROM known.project
ORDER BY
    CASE WHEN $dearest::BOOLEAN THEN known.cost_nano_usd END DESC NULLS LAST,
    known.last_at DESC,
    known.session_id NULLS LAST,
    known.project NULLS LAST
LIMIT $rows::BIGINT
OFFSET $rows::BIGINT * $page::BIGINT - $rows::BIGINT;
