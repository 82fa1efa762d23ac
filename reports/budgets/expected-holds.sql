-- title:   Expected holds
-- summary: How good holds at the expected cost are: what was held and what calls cost, how many fitted, and what was freed.
-- method:  Only calls that were held at less than the most that they might cost (hold = "expected") and are settled. A
--          call that was settled again counts with what it cost in the end.
-- param:   since                  TIMESTAMP     optional  first settlement, inclusive, UTC
-- param:   until                  TIMESTAMP     optional  last settlement, exclusive, UTC
-- param:   project                VARCHAR       optional  only calls of this project
-- column:  model                  VARCHAR       model that was asked for
-- column:  agent                  VARCHAR       agent of the calls, NULL for calls that name none
-- column:  calls                  BIGINT        calls, held at what was expected
-- column:  covered_calls          BIGINT        calls, those that cost no more than was held
-- column:  coverage_percent       DECIMAL(5,2)  percent, of the calls
-- column:  overrun_nano_usd       BIGINT        nano-USD, above what was held, of the other calls
-- column:  largest_nano_usd       BIGINT        nano-USD, the largest overrun of one call
-- column:  held_nano_usd          BIGINT        nano-USD, at admission, of all these calls
-- column:  cost_nano_usd          BIGINT        nano-USD, of all these calls
-- column:  most_nano_usd          BIGINT        nano-USD, the most that all these calls might have cost
-- column:  freed_nano_usd         BIGINT        nano-USD, that others could spend meanwhile: the most less what was held
-- reads:   reservation_event
-- chart:   x=model y=freed_nano_usd
WITH known AS (
    SELECT
        reservation_id,
        arg_max(ROW(requested_model, agent, estimate_nano_usd, most_nano_usd, cost_nano_usd), (recorded_at, seq))
            AS latest
    FROM reservation_event
    WHERE kind IN ('committed', 'replaced')
      AND most_nano_usd IS NOT NULL
      AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY reservation_id
),
settled AS (
    SELECT
        latest[1] AS model,
        latest[2] AS agent,
        latest[3] AS held_nano_usd,
        latest[4] AS most_nano_usd,
        latest[5] AS cost_nano_usd
    FROM known
    WHERE latest[3] IS NOT NULL AND latest[5] IS NOT NULL
)
SELECT
    model,
    agent,
    COUNT(*) AS calls,
    COUNT(*) FILTER (WHERE cost_nano_usd <= held_nano_usd) AS covered_calls,
    CAST(100 * (COUNT(*) FILTER (WHERE cost_nano_usd <= held_nano_usd) / COUNT(*)) AS DECIMAL(5, 2))
        AS coverage_percent,
    SUM(GREATEST(cost_nano_usd - held_nano_usd, 0))::BIGINT AS overrun_nano_usd,
    GREATEST(MAX(cost_nano_usd - held_nano_usd), 0) AS largest_nano_usd,
    SUM(held_nano_usd)::BIGINT AS held_nano_usd,
    SUM(cost_nano_usd)::BIGINT AS cost_nano_usd,
    SUM(most_nano_usd)::BIGINT AS most_nano_usd,
    SUM(most_nano_usd - held_nano_usd)::BIGINT AS freed_nano_usd
FROM settled
GROUP BY model, agent
ORDER BY calls DESC, model, agent NULLS LAST;
