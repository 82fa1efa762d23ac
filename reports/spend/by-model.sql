-- title:   Spend by model
-- summary: Cost and usage of each provider and model, most expensive first, with its share of all known cost.
-- param:   since                  TIMESTAMP     optional  first instant, inclusive, UTC
-- param:   until                  TIMESTAMP     optional  last instant, exclusive, UTC
-- param:   session                VARCHAR       optional  only calls of this session
-- param:   project                VARCHAR       optional  only calls of this project
-- column:  provider               VARCHAR       provider that billed
-- column:  model                  VARCHAR       model that was asked for
-- column:  calls                  BIGINT        calls
-- column:  unpriced_calls         BIGINT        calls, those without a price
-- column:  input_tokens           BIGINT        tokens, neither read from nor written to a cache
-- column:  output_tokens          BIGINT        tokens, without reasoning where it is counted apart
-- column:  cache_read_tokens      BIGINT        tokens
-- column:  cache_write_5m_tokens  BIGINT        tokens
-- column:  cache_write_1h_tokens  BIGINT        tokens
-- column:  reasoning_tokens       BIGINT        tokens
-- column:  web_search_requests    BIGINT        requests
-- column:  cost_nano_usd          BIGINT        nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  share_percent          DECIMAL(5,2)  percent, of the known cost of all rows; NULL when that is 0 or unknown
-- reads:   model_usage_between
-- chart:   x=model y=cost_nano_usd
WITH spent AS (
    SELECT
        provider,
        requested_model AS model,
        SUM(calls)::BIGINT AS calls,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
        SUM(input_tokens)::BIGINT AS input_tokens,
        SUM(output_tokens)::BIGINT AS output_tokens,
        SUM(cache_read_tokens)::BIGINT AS cache_read_tokens,
        SUM(cache_write_5m_tokens)::BIGINT AS cache_write_5m_tokens,
        SUM(cache_write_1h_tokens)::BIGINT AS cache_write_1h_tokens,
        SUM(reasoning_tokens)::BIGINT AS reasoning_tokens,
        SUM(web_search_requests)::BIGINT AS web_search_requests,
        CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT
            AS cost_nano_usd
    FROM model_usage_between($since, $until, $session::VARCHAR IS NOT NULL OR $project::VARCHAR IS NOT NULL)
    WHERE ($session::VARCHAR IS NULL OR session_id = $session)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
    HAVING SUM(calls) > 0
)
SELECT
    provider,
    model,
    calls,
    unpriced_calls,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    reasoning_tokens,
    web_search_requests,
    cost_nano_usd,
    -- Only the ratio is a float; both of its sides are exact integers.
    CAST(100 * (cost_nano_usd / NULLIF(SUM(cost_nano_usd) OVER (), 0)) AS DECIMAL(5, 2)) AS share_percent
FROM spent
ORDER BY cost_nano_usd DESC NULLS LAST, provider, model;
