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
-- reads:   session_usage_between, session
-- chart:   x=session_id y=cost_nano_usd
WITH known AS (
    SELECT
        session_id,
        project,
        MIN(first_at) AS first_at,
        MAX(last_at) AS last_at,
        SUM(calls)::BIGINT AS calls,
        SUM(denied_calls)::BIGINT AS denied_calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        CASE
            WHEN SUM(calls) = 0 THEN 0 -- nothing but refusals costs nothing, which is known
            WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd)
        END::BIGINT AS cost_nano_usd
    FROM session_usage_between($since, $until, false)
    WHERE ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY session_id, project
    HAVING SUM(calls) > 0 OR SUM(denied_calls) > 0
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
