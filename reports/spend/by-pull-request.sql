-- title:   Spend by pull request
-- summary: Cost and usage of each pull request, most expensive first, with its share of all known cost.
-- method:  A call belongs to the pull request in its tag `git.pull_request`, which a job of CI states, as in
--          `corvus agent --tag git.pull_request=17`.
-- param:   since           TIMESTAMP     optional  first instant, inclusive
-- param:   until           TIMESTAMP     optional  last instant, exclusive
-- param:   project         VARCHAR       optional  only calls of this project
-- column:  repository      VARCHAR       address of the repository, NULL for calls that name none
-- column:  pull_request    VARCHAR       pull request of the calls, NULL for calls that name none
-- column:  calls           BIGINT        calls
-- column:  unpriced_calls  BIGINT        calls, those without a price
-- column:  tokens          BIGINT        tokens, of all kinds
-- column:  first_at        TIMESTAMP     UTC, admission of the first call
-- column:  last_at         TIMESTAMP     UTC, admission of the last call
-- column:  cost_nano_usd   BIGINT        nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  share_percent   DECIMAL(5,2)  percent, of the known cost of all rows; NULL when that is 0 or unknown
-- reads:   usage_record
-- chart:   x=pull_request y=cost_nano_usd
WITH spent AS (
    SELECT
        tags['git.repository'] AS repository,
        tags['git.pull_request'] AS pull_request,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens)::BIGINT AS tokens,
        MIN(admitted_at) AS first_at,
        MAX(admitted_at) AS last_at,
        CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT
            AS cost_nano_usd
    FROM usage_record
    WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
    HAVING SUM(calls) > 0
)
SELECT
    repository,
    pull_request,
    calls,
    unpriced_calls,
    tokens,
    first_at,
    last_at,
    cost_nano_usd,
    CAST(100 * (cost_nano_usd / NULLIF(SUM(cost_nano_usd) OVER (), 0)) AS DECIMAL(5, 2)) AS share_percent
FROM spent
ORDER BY cost_nano_usd DESC NULLS LAST, pull_request NULLS LAST, repository NULLS LAST;
