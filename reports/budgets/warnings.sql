-- title:   Warnings and overrides by day
-- summary: For each UTC day and budget: calls that came to its threshold, passed by an override, or were refused.
-- method:  Counted are decisions, by the budget that governed them: that of the highest severity and then of the
--          highest use. Days on which every call was plainly allowed have no row.
-- param:   since                   TIMESTAMP      optional  first instant, inclusive, UTC
-- param:   until                   TIMESTAMP      optional  last instant, exclusive, UTC
-- param:   budget                  VARCHAR        optional  only this budget
-- param:   part                    VARCHAR        optional  only this part of budgets with `per`
-- column:  bucket                  VARCHAR        YYYY-MM-DD, in UTC
-- column:  budget                  VARCHAR        budget that governed the calls
-- column:  warned_calls            BIGINT         calls, admitted at or above the threshold
-- column:  overridden_calls        BIGINT         calls, admitted above the limit by an override
-- column:  denied_calls            BIGINT         calls, refused
-- column:  sessions                BIGINT         sessions of these calls
-- column:  parts                   BIGINT         parts of a budget with `per` that these calls are of, else NULL
-- column:  measure                 VARCHAR        usd, tokens or calls
-- column:  highest_amount          BIGINT         in the unit of the measure, used, held and requested at most, also by refused calls
-- column:  limit_amount            BIGINT         in the unit of the measure, in force at the last of these calls
-- column:  highest_nano_usd        BIGINT         nano-USD, the highest amount where it is money
-- column:  limit_nano_usd          BIGINT         nano-USD, the limit where it is money
-- column:  highest_percent         DECIMAL(18,2)  percent, of the limit then in force, at most
-- reads:   reservation_event
-- chart:   x=bucket y=warned_calls
WITH governed AS (
    SELECT
        store_id,
        seq,
        recorded_at,
        kind,
        state,
        session_id,
        times,
        governing_budget,
        governing_part,
        COALESCE(governing_measure, 'usd') AS measure,
        COALESCE(governing_limit, governing_limit_nano_usd) AS limit_amount,
        COALESCE(governing_projected, projected_nano_usd) AS projected
    FROM reservation_event
    WHERE kind IN ('reserved', 'denied')
      AND state IN ('warning', 'exceeded')
      AND governing_budget IS NOT NULL
      AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
      AND ($budget::VARCHAR IS NULL OR governing_budget = $budget)
      AND ($part::VARCHAR IS NULL OR governing_part = $part)
)
SELECT
    strftime(recorded_at, '%Y-%m-%d') AS bucket,
    governing_budget AS budget,
    COUNT(*) FILTER (WHERE kind = 'reserved' AND state = 'warning') AS warned_calls,
    COUNT(*) FILTER (WHERE kind = 'reserved' AND state = 'exceeded') AS overridden_calls,
    COALESCE(SUM(COALESCE(times, 1)) FILTER (WHERE kind = 'denied'), 0)::BIGINT AS denied_calls,
    COUNT(DISTINCT session_id) AS sessions,
    NULLIF(COUNT(DISTINCT governing_part), 0) AS parts,
    measure,
    MAX(projected) AS highest_amount,
    arg_max(limit_amount, (recorded_at, seq, store_id)) AS limit_amount,
    CASE measure WHEN 'usd' THEN MAX(projected) END AS highest_nano_usd,
    CASE measure WHEN 'usd' THEN arg_max(limit_amount, (recorded_at, seq, store_id)) END AS limit_nano_usd,
    CAST(MAX(100 * (projected / NULLIF(limit_amount, 0))) AS DECIMAL(18, 2)) AS highest_percent
FROM governed
GROUP BY bucket, governing_budget, measure
ORDER BY bucket, budget, measure;
