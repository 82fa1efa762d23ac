-- title:   Spend on a branch
-- summary: What the calls for one branch cost: in all, then by model, with sessions and the share read from cache.
-- method:  A call belongs to the branch that it names, or to that of the checkout in which its agent ran. A call without a
--          repository counts for each.
-- param:   branch          VARCHAR       optional  name of the branch; every call counts when it is left out
-- param:   repository      VARCHAR       optional  address of the repository
-- param:   pull_request    VARCHAR       optional  calls of this pull request count as well
-- param:   since           TIMESTAMP     optional  first instant, inclusive, UTC
-- param:   until           TIMESTAMP     optional  last instant, exclusive, UTC
-- column:  whole           BOOLEAN       whether the row is of all models together
-- column:  provider        VARCHAR       provider of the calls; NULL for all
-- column:  model           VARCHAR       model that was asked for; NULL for all
-- column:  calls           BIGINT        calls
-- column:  unpriced_calls  BIGINT        calls, those without a price
-- column:  sessions        BIGINT        sessions, all that had such a call
-- column:  tokens          BIGINT        tokens, of all kinds
-- column:  hit_percent     DECIMAL(5,2)  percent, of the input that was read from cache; NULL without input
-- column:  first_at        TIMESTAMP     UTC, admission of the first call
-- column:  last_at         TIMESTAMP     UTC, admission of the last call
-- column:  cost_nano_usd   BIGINT        nano-USD, of the priced calls; NULL when none of the calls has a price
-- reads:   usage_record
-- chart:   x=model y=cost_nano_usd
WITH mine AS (
    SELECT
        provider,
        requested_model AS model,
        calls,
        session_id,
        admitted_at,
        cost_nano_usd,
        input_tokens + input_audio_tokens + input_image_tokens + input_video_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens AS fresh_tokens,
        cache_read_tokens + cache_read_audio_tokens + cache_read_image_tokens AS cached_tokens,
        output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens + output_video_tokens
            AS made_tokens
    FROM usage_record
    WHERE (
            $branch::VARCHAR IS NULL
            OR COALESCE(branch, tags['git.branch']) = $branch
            OR ($pull_request::VARCHAR IS NOT NULL AND tags['git.pull_request'] = $pull_request)
        )
      AND ($repository::VARCHAR IS NULL OR COALESCE(tags['git.repository'], $repository) = $repository)
      AND ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
)
SELECT
    GROUPING(provider, model) > 0 AS whole,
    provider,
    model,
    COALESCE(SUM(calls), 0)::BIGINT AS calls,
    COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
    COUNT(DISTINCT session_id) AS sessions,
    COALESCE(SUM(fresh_tokens + cached_tokens + made_tokens), 0)::BIGINT AS tokens,
    CAST(100 * (SUM(cached_tokens) / NULLIF(SUM(fresh_tokens + cached_tokens), 0)) AS DECIMAL(5, 2)) AS hit_percent,
    MIN(admitted_at) AS first_at,
    MAX(admitted_at) AS last_at,
    CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT AS cost_nano_usd
FROM mine
GROUP BY GROUPING SETS ((), (provider, model))
HAVING GROUPING(provider, model) > 0 OR SUM(calls) > 0
ORDER BY whole DESC, cost_nano_usd DESC NULLS LAST, model NULLS LAST, provider NULLS LAST;
