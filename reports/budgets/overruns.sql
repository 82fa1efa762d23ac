-- title:   Overruns
-- summary: Models whose calls cost more than was held for them, and by how much; and how much was held for nothing.
-- method:  A settled call is compared with its estimate. A call that was settled again counts with what it cost in the
--          end. Calls without an estimate or without a cost are left out.
-- param:   since                  TIMESTAMP     optional  first settlement, inclusive, UTC
-- param:   until                  TIMESTAMP     optional  last settlement, exclusive, UTC
-- param:   project                VARCHAR       optional  only calls of this project
-- column:  provider               VARCHAR       provider that was asked
-- column:  model                  VARCHAR       model that was asked for
-- column:  calls                  BIGINT        calls, settled
-- column:  overrun_calls          BIGINT        calls, those that cost more than was held
-- column:  overrun_percent        DECIMAL(5,2)  percent, of the calls
-- column:  overrun_nano_usd       BIGINT        nano-USD, above the estimates, of these calls
-- column:  largest_nano_usd       BIGINT        nano-USD, the largest overrun of one call
-- column:  unused_nano_usd        BIGINT        nano-USD, held and not spent, of the other calls
-- column:  estimate_nano_usd      BIGINT        nano-USD, of all these calls
-- column:  cost_nano_usd          BIGINT        nano-USD, of all these calls
-- reads:   reservation_event
-- chart:   x=model y=overrun_nano_usd
WITH known AS NOT MATERIALIZED ( -- or all events would be copied to memory for the few that replace one
    SELECT
        kind,
        seq,
        recorded_at,
        reservation_id,
        provider,
        requested_model AS model,
        estimate_nano_usd,
        cost_nano_usd
    FROM reservation_event
    WHERE kind IN ('committed', 'replaced')
      AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
      AND ($project::VARCHAR IS NULL OR project = $project)
),
replaced AS (
    SELECT
        reservation_id,
        arg_max(ROW(provider, model, estimate_nano_usd, cost_nano_usd), (recorded_at, seq)) AS latest
    FROM known
    WHERE kind = 'replaced'
    GROUP BY reservation_id
),
settled AS (
    SELECT provider, model, estimate_nano_usd, cost_nano_usd
    FROM known
    ANTI JOIN replaced ON replaced.reservation_id = known.reservation_id
    WHERE estimate_nano_usd IS NOT NULL AND cost_nano_usd IS NOT NULL
    UNION ALL
    SELECT latest[1], latest[2], latest[3], latest[4]
    FROM replaced
    WHERE latest[3] IS NOT NULL AND latest[4] IS NOT NULL
)
SELECT
    provider,
    model,
    COUNT(*) AS calls,
    COUNT(*) FILTER (WHERE cost_nano_usd > estimate_nano_usd) AS overrun_calls,
    CAST(100 * (COUNT(*) FILTER (WHERE cost_nano_usd > estimate_nano_usd) / COUNT(*)) AS DECIMAL(5, 2))
        AS overrun_percent,
    SUM(GREATEST(cost_nano_usd - estimate_nano_usd, 0))::BIGINT AS overrun_nano_usd,
    GREATEST(MAX(cost_nano_usd - estimate_nano_usd), 0) AS largest_nano_usd,
    SUM(GREATEST(estimate_nano_usd - cost_nano_usd, 0))::BIGINT AS unused_nano_usd,
    SUM(estimate_nano_usd)::BIGINT AS estimate_nano_usd,
    SUM(cost_nano_usd)::BIGINT AS cost_nano_usd
FROM settled
GROUP BY provider, model
ORDER BY overrun_nano_usd DESC, provider NULLS LAST, model;
