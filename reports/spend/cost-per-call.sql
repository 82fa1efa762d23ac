-- title:   Cost per call
-- summary: How the cost of single calls is spread for each model: median, 90th and 99th percentile, and the most expensive.
-- method:  Percentiles are costs that really occurred: the smallest that at least so many percent of the calls do not
--          exceed. Calls without a price are left out and counted apart; records that are sums of several calls, as
--          exports of providers have them, are left out altogether.
-- param:   since           TIMESTAMP  optional  first instant, inclusive, UTC
-- param:   until           TIMESTAMP  optional  last instant, exclusive, UTC
-- param:   project         VARCHAR    optional  only calls of this project
-- column:  provider        VARCHAR    provider that billed
-- column:  model           VARCHAR    model that was asked for
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- column:  p50_nano_usd    BIGINT     nano-USD, NULL when none of the calls has a price, like all below
-- column:  p90_nano_usd    BIGINT     nano-USD
-- column:  p99_nano_usd    BIGINT     nano-USD
-- column:  max_nano_usd    BIGINT     nano-USD
-- column:  mean_nano_usd   BIGINT     nano-USD, rounded down
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls
-- reads:   usage_call
-- chart:   x=model y=p90_nano_usd
WITH spread AS (
    SELECT
        provider,
        requested_model AS model,
        COUNT(*) AS calls,
        COUNT(cost_nano_usd) AS priced_calls,
        quantile_disc(cost_nano_usd, [0.5, 0.9, 0.99]) AS percentiles,
        MAX(cost_nano_usd) AS max_nano_usd,
        SUM(cost_nano_usd) AS cost_nano_usd
    FROM usage_call
    WHERE calls = 1
      AND ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY provider, requested_model
)
SELECT
    provider,
    model,
    calls,
    calls - priced_calls AS unpriced_calls,
    percentiles[1] AS p50_nano_usd,
    percentiles[2] AS p90_nano_usd,
    percentiles[3] AS p99_nano_usd,
    max_nano_usd,
    CAST(cost_nano_usd // NULLIF(priced_calls, 0) AS BIGINT) AS mean_nano_usd,
    cost_nano_usd::BIGINT AS cost_nano_usd
FROM spread
ORDER BY cost_nano_usd DESC NULLS LAST, provider, model;
