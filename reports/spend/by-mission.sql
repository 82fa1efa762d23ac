-- title:   Spend by mission
-- summary: Missions, most expensive first, with what each was allowed, the steps it took and how it ended.
-- param:   since               TIMESTAMP      optional                     first instant, inclusive, UTC
-- param:   until               TIMESTAMP      optional                     last instant, exclusive, UTC
-- param:   session             VARCHAR        optional                     only missions of this session
-- param:   project             VARCHAR        optional                     only missions of this project
-- param:   top                 BIGINT         default=20  range=1..=10000  number of missions
-- column:  session_id          VARCHAR        session of the mission
-- column:  project             VARCHAR        project of that session, NULL without one
-- column:  mission_id          VARCHAR        mission id
-- column:  outcome             VARCHAR        completed, failed, budget_exhausted or sla_exceeded; NULL while it runs
-- column:  first_at            TIMESTAMP      UTC, admission of the first call
-- column:  last_at             TIMESTAMP      UTC, admission of the last call
-- column:  calls               BIGINT         calls
-- column:  unpriced_calls      BIGINT         calls, those without a price
-- column:  tokens              BIGINT         tokens, of all kinds
-- column:  steps               BIGINT         steps taken; NULL while it runs
-- column:  cost_nano_usd       BIGINT         nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  limit_nano_usd      BIGINT         nano-USD, NULL without a limit
-- column:  percent             DECIMAL(18,2)  percent, cost of the limit; NULL without a limit
-- reads:   session_usage_between, mission
-- chart:   x=mission_id y=cost_nano_usd
WITH spent AS (
    SELECT
        session_id,
        project,
        mission_id,
        MIN(first_at) AS first_at,
        MAX(last_at) AS last_at,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT
            AS cost_nano_usd
    FROM session_usage_between($since, $until, false)
    WHERE mission_id IS NOT NULL
      AND denied_calls = 0
      AND ($session::VARCHAR IS NULL OR session_id = $session)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY session_id, project, mission_id
    HAVING SUM(calls) > 0
),
governed AS (
    SELECT
        session_id,
        project,
        mission_id,
        MAX(outcome) FILTER (WHERE event = 'ended') AS outcome,
        MAX(steps) FILTER (WHERE event = 'ended') AS steps,
        NULLIF(MAX(limit_nano_usd), 0) AS limit_nano_usd
    FROM mission
    GROUP BY session_id, project, mission_id
)
SELECT
    spent.session_id,
    spent.project,
    spent.mission_id,
    governed.outcome,
    spent.first_at,
    spent.last_at,
    spent.calls,
    spent.unpriced_calls,
    spent.tokens,
    governed.steps,
    spent.cost_nano_usd,
    governed.limit_nano_usd,
    CAST(100 * (spent.cost_nano_usd / governed.limit_nano_usd) AS DECIMAL(18, 2)) AS percent
FROM spent
LEFT JOIN governed
    ON governed.session_id IS NOT DISTINCT FROM spent.session_id
    AND governed.project IS NOT DISTINCT FROM spent.project
    AND governed.mission_id = spent.mission_id
ORDER BY
    spent.cost_nano_usd DESC NULLS LAST,
    spent.first_at,
    spent.session_id NULLS LAST,
    spent.project NULLS LAST,
    spent.mission_id
LIMIT $top::BIGINT;
