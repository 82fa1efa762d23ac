-- title:   Spend by agent and sub-agent
-- summary: What each agent, or that of a session, and each of its sub-agents used and cost by itself, and which sub-agent started it.
-- param:   session          VARCHAR       optional  only calls of this session
-- param:   project          VARCHAR       optional  only calls of this project
-- column:  agent            VARCHAR       agent of the calls, NULL for calls that name none
-- column:  subagent         VARCHAR       sub-agent of the calls, NULL for the agent itself
-- column:  parent_subagent  VARCHAR       sub-agent that started it, NULL for the agent itself
-- column:  calls            BIGINT        calls
-- column:  unpriced_calls   BIGINT        calls, those without a price
-- column:  tokens           BIGINT        tokens, of all kinds
-- column:  first_at         TIMESTAMP     UTC, admission of the first call
-- column:  cost_nano_usd    BIGINT        nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  share_percent    DECIMAL(5,2)  percent, of the known cost of all rows; NULL when that is 0 or unknown
-- reads:   usage_record
-- chart:   x=subagent y=cost_nano_usd
WITH spent AS (
    SELECT
        agent,
        subagent,
        arg_max(parent_subagent, (admitted_at, id)) FILTER (WHERE parent_subagent IS NOT NULL) AS parent_subagent,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        MIN(admitted_at) AS first_at,
        CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT
            AS cost_nano_usd
    FROM usage_record
    WHERE ($session::VARCHAR IS NULL OR session_id = $session)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY agent, subagent
    HAVING SUM(calls) > 0
)
SELECT
    agent,
    subagent,
    parent_subagent,
    calls,
    unpriced_calls,
    tokens,
    first_at,
    cost_nano_usd,
    CAST(100 * (cost_nano_usd / NULLIF(SUM(cost_nano_usd) OVER (), 0)) AS DECIMAL(5, 2)) AS share_percent
FROM spent
ORDER BY agent NULLS LAST, first_at, subagent NULLS FIRST;
