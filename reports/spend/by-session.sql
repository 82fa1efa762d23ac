-- title:   Spend by session
-- summary: Sessions, most expensive first, with when they ran, on what and with which models.
-- param:   since           TIMESTAMP  optional                     first instant, inclusive, UTC
-- param:   until           TIMESTAMP  optional                     last instant, exclusive, UTC
-- param:   model           VARCHAR    optional                     only calls that asked for this model
-- param:   project         VARCHAR    optional                     only calls of this project
-- param:   top             BIGINT     default=20  range=1..=10000  number of sessions
-- column:  session_id      VARCHAR    session id, NULL for calls outside any session
-- column:  project         VARCHAR    project of the session; the same id in another project is another session
-- column:  first_at        TIMESTAMP  UTC, admission of the first call
-- column:  last_at         TIMESTAMP  UTC, admission of the last call
-- column:  models          VARCHAR    models, all that were asked for
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- reads:   session_usage_between, usage_call
-- chart:   x=session_id y=cost_nano_usd
WITH costliest AS (
    SELECT
        session_id,
        project,
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
    FROM session_usage_between($since, $until, $model::VARCHAR IS NOT NULL)
    WHERE denied_calls = 0
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY session_id, project
    HAVING SUM(calls) > 0
    ORDER BY cost_nano_usd DESC NULLS LAST, first_at, session_id NULLS LAST, project NULLS LAST
    LIMIT $top::BIGINT
),
-- The names are collected for the sessions shown alone: for all sessions that would be most of the work.
named AS (
    SELECT
        session_id,
        usage_call.project,
        string_agg(DISTINCT requested_model, ', ' ORDER BY requested_model) AS models
    FROM usage_call
    SEMI JOIN costliest
        ON costliest.session_id IS NOT DISTINCT FROM usage_call.session_id
        AND costliest.project IS NOT DISTINCT FROM usage_call.project
    WHERE admitted_at >= (SELECT MIN(first_at) FROM costliest)
      AND admitted_at <= (SELECT MAX(last_at) FROM costliest)
      AND ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
      AND ($project::VARCHAR IS NULL OR usage_call.project = $project)
    GROUP BY session_id, usage_call.project
)
SELECT
    costliest.session_id,
    costliest.project,
    costliest.first_at,
    costliest.last_at,
    named.models,
    costliest.calls,
    costliest.unpriced_calls,
    costliest.tokens,
    costliest.cost_nano_usd
FROM costliest
JOIN named
    ON named.session_id IS NOT DISTINCT FROM costliest.session_id
    AND named.project IS NOT DISTINCT FROM costliest.project
ORDER BY
    costliest.cost_nano_usd DESC NULLS LAST,
    costliest.first_at,
    costliest.session_id NULLS LAST,
    costliest.project NULLS LAST;
