-- title:   Warnings and overrides by day
-- summary: For each UTC day and budget: calls that came to its threshold, passed by an override, or were refused.
-- method:  Counted are decisions, by the budget that governed them: that of the highest severity and then of the
--          highest use. Days on which every call was plainly allowed have no row.
-- param:   since                   TIMESTAMP      optional  first instant, inclusive, UTC
-- param:   until                   TIMESTAMP      optional  last instant, exclusive, UTC
-- param:   budget                  VARCHAR        optional  only this budget
-- column:  bucket                  VARCHAR        YYYY-MM-DD, in UTC
-- column:  budget                  VARCHAR        budget that governed the calls
-- column:  warned_calls            BIGINT         calls, admitted at or above the threshold
-- column:  overridden_calls        BIGINT         calls, admitted above the limit by an override
-- column:  denied_calls            BIGINT         calls, refused
-- column:  sessions                BIGINT         sessions of these calls
-- column:  highest_nano_usd        BIGINT         nano-USD, spent, held and asked for at most, also by refused calls
-- column:  limit_nano_usd          BIGINT         nano-USD, in force at the last of these calls
-- column:  highest_percent         DECIMAL(18,2)  percent, of the limit then in force, at most
-- reads:   reservation_event
-- chart:   x=bucket y=warned_calls
SELECT
    strftime(recorded_at, '%Y-%m-%d') AS bucket,
    governing_budget AS budget,
    COUNT(*) FILTER (WHERE kind = 'reserved' AND state = 'warning') AS warned_calls,
    COUNT(*) FILTER (WHERE kind = 'reserved' AND state = 'exceeded') AS overridden_calls,
    COALESCE(SUM(COALESCE(times, 1)) FILTER (WHERE kind = 'denied'), 0)::BIGINT AS denied_calls,
    COUNT(DISTINCT session_id) AS sessions,
    MAX(projected_nano_usd) AS highest_nano_usd,
    arg_max(governing_limit_nano_usd, (recorded_at, seq, store_id)) AS limit_nano_usd,
    CAST(MAX(100 * (projected_nano_usd / NULLIF(governing_limit_nano_usd, 0))) AS DECIMAL(18, 2)) AS highest_percent
FROM reservation_event
WHERE kind IN ('reserved', 'denied')
  AND state IN ('warning', 'exceeded')
  AND governing_budget IS NOT NULL
  AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
  AND ($budget::VARCHAR IS NULL OR governing_budget = $budget)
GROUP BY bucket, governing_budget
ORDER BY bucket, budget;
