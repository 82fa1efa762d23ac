-- title:   Denied calls
-- summary: What was refused, by reason, budget and model, and what it would have cost.
-- method:  The cost is what was estimated for the call when it was refused: nothing was spent. A call that was refused
--          and tried again counts each time. A budget lifted by an override refuses nothing.
-- param:   since                   TIMESTAMP  optional  first instant, inclusive, UTC
-- param:   until                   TIMESTAMP  optional  last instant, exclusive, UTC
-- param:   budget                  VARCHAR    optional  only calls that this budget refused
-- param:   part                    VARCHAR    optional  only those of this part of a budget with `per`
-- param:   session                 VARCHAR    optional  only calls of this session
-- column:  reason                  VARCHAR    budget_exceeded, unpriced_model or mission_ended
-- column:  budget                  VARCHAR    budget that refused, NULL when none did
-- column:  part                    VARCHAR    whose sum refused, of a budget with `per`, else NULL
-- column:  measure                 VARCHAR    usd, tokens or calls: what the budget counts, NULL without one
-- column:  provider                VARCHAR    provider that was asked
-- column:  model                   VARCHAR    model that was asked for
-- column:  denied_calls            BIGINT     calls
-- column:  unpriced_calls          BIGINT     calls, those without a price
-- column:  sessions                BIGINT     sessions, all that were refused something
-- column:  first_at                TIMESTAMP  UTC, the first refusal
-- column:  last_at                 TIMESTAMP  UTC, the last refusal
-- column:  avoided_nano_usd        BIGINT     nano-USD, estimates of the calls; NULL when none of them has a price
-- column:  largest_nano_usd        BIGINT     nano-USD, the largest of these estimates
-- reads:   reservation_event
-- chart:   x=model y=avoided_nano_usd
SELECT
    denial AS reason,
    governing_budget AS budget,
    governing_part AS part,
    CASE WHEN governing_budget IS NOT NULL THEN COALESCE(governing_measure, 'usd') END AS measure,
    provider,
    requested_model AS model,
    SUM(COALESCE(times, 1))::BIGINT AS denied_calls,
    COALESCE(SUM(COALESCE(times, 1)) FILTER (WHERE estimate_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
    COUNT(DISTINCT session_id) AS sessions,
    MIN(recorded_at) AS first_at,
    MAX(recorded_at) AS last_at,
    SUM(COALESCE(estimates_nano_usd, estimate_nano_usd))::BIGINT AS avoided_nano_usd,
    MAX(estimate_nano_usd) AS largest_nano_usd
FROM reservation_event
WHERE kind = 'denied'
  AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
  AND ($budget::VARCHAR IS NULL OR governing_budget = $budget)
  AND ($part::VARCHAR IS NULL OR governing_part = $part)
  AND ($session::VARCHAR IS NULL OR session_id = $session)
GROUP BY ALL
ORDER BY avoided_nano_usd DESC NULLS LAST, denied_calls DESC, reason, budget NULLS LAST, part NULLS FIRST, measure NULLS LAST,
    provider NULLS LAST, model;
