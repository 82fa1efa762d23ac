-- title:   Budgets over time
-- summary: Every window of every budget of the config: what was spent in it, of what limit, and when it ran out.
-- method:  Each window is that in which the budget is enforced, in its own time zone, with the limit and the matches
--          that the config now in force has; those that ended before the first call are left out. Its cost is that of all calls admitted in it, also of those that a reset
--          no longer counts; `resets` says how often one was applied. The state is that of the cost at the end of the
--          window, without what was only held. The instants at which threshold and limit were passed are those of the
--          quarter of an hour in which they were. Session and mission budgets have no windows: see top-sessions and
--          by-mission.
-- param:   as_of                TIMESTAMP      default=now                calls admitted later are left out, UTC
-- param:   since                TIMESTAMP      optional                   only windows that end later, UTC
-- param:   until                TIMESTAMP      optional                   only windows that begin earlier, UTC
-- param:   windows              BIGINT         default=30  range=1..=366  number of windows of each budget, the present one included
-- param:   budget               VARCHAR        optional                   only this budget
-- column:  budget               VARCHAR        name of the budget
-- column:  period               VARCHAR        day, week, month or total
-- column:  window_start         TIMESTAMP      UTC, inclusive; NULL for total
-- column:  window_end           TIMESTAMP      UTC, exclusive; NULL for total
-- column:  limit_nano_usd       BIGINT         nano-USD, 0 is no limit
-- column:  cost_nano_usd        BIGINT         nano-USD, of the priced calls
-- column:  percent              DECIMAL(18,2)  percent, cost of the limit; NULL without a limit
-- column:  state                VARCHAR        allowed, warning or exceeded
-- column:  calls                BIGINT         calls
-- column:  unpriced_calls       BIGINT         calls, those without a price
-- column:  denied_calls         BIGINT         calls, those that this budget refused
-- column:  resets               BIGINT         resets, of this window
-- column:  warned_at            TIMESTAMP      UTC, start of the quarter of an hour in which the threshold was reached
-- column:  exceeded_at          TIMESTAMP      UTC, start of the quarter of an hour in which the limit was exceeded
-- reads:   usage_record, reservation_event, reset, budget, budget_window
-- chart:   x=window_start y=percent
WITH shown AS (
    SELECT
        budget.name,
        budget.place,
        budget.period,
        budget.limit_nano_usd,
        budget.warn_at_percent,
        budget.match,
        COALESCE(budget_window.starts_at, TIMESTAMP '0001-01-01') AS starts_at,
        COALESCE(budget_window.ends_at, TIMESTAMP '9999-12-31') AS ends_at
    FROM budget
    JOIN budget_window ON budget_window.budget = budget.name
    WHERE budget_window.number < $windows::BIGINT
      AND (budget_window.number = 0 OR budget_window.ends_at > (SELECT MIN(admitted_at) FROM usage_record))
      AND ($budget::VARCHAR IS NULL OR budget.name = $budget)
      AND ($since::TIMESTAMP IS NULL OR budget_window.ends_at IS NULL OR budget_window.ends_at > $since)
      AND ($until::TIMESTAMP IS NULL OR budget_window.starts_at IS NULL OR budget_window.starts_at < $until)
),
ranged AS (
    SELECT name, ANY_VALUE(match) AS match, MIN(starts_at) AS starts_at, MAX(ends_at) AS ends_at
    FROM shown
    GROUP BY name
),
quarter AS (
    SELECT
        ranged.name,
        time_bucket(INTERVAL 15 MINUTE, used.admitted_at) AS quarter_start,
        COALESCE(SUM(used.cost_nano_usd), 0) AS cost,
        SUM(used.calls) AS calls,
        COALESCE(SUM(used.calls) FILTER (WHERE used.cost_nano_usd IS NULL), 0) AS unpriced_calls
    FROM usage_record AS used
    JOIN ranged ON used.admitted_at >= ranged.starts_at AND used.admitted_at < ranged.ends_at
    WHERE used.admitted_at <= $as_of::TIMESTAMP
      AND (match['model'] IS NULL OR used.requested_model GLOB match['model'])
      AND (match['provider'] IS NULL OR used.provider GLOB match['provider'])
      AND (match['project'] IS NULL OR used.project GLOB match['project'])
      AND (match['user'] IS NULL OR used.user_name GLOB match['user'])
      AND (match['agent'] IS NULL OR used.agent GLOB match['agent'])
      AND (match['surface'] IS NULL OR used.surface GLOB match['surface'])
    GROUP BY ALL
),
counted AS (
    SELECT
        shown.name,
        shown.starts_at,
        shown.limit_nano_usd,
        shown.warn_at_percent,
        quarter.quarter_start,
        quarter.cost,
        quarter.calls,
        quarter.unpriced_calls
    FROM shown
    JOIN quarter
        ON quarter.name = shown.name
        AND quarter.quarter_start >= shown.starts_at
        AND quarter.quarter_start < shown.ends_at
),
cumulated AS (
    SELECT
        name,
        starts_at,
        limit_nano_usd,
        warn_at_percent,
        quarter_start,
        cost,
        calls,
        unpriced_calls,
        SUM(cost) OVER (PARTITION BY name, starts_at ORDER BY quarter_start) AS so_far
    FROM counted
),
spent AS (
    SELECT
        name,
        starts_at,
        SUM(cost) AS cost,
        SUM(calls) AS calls,
        SUM(unpriced_calls) AS unpriced_calls,
        MIN(quarter_start) FILTER (WHERE limit_nano_usd > 0 AND so_far * 100 >= warn_at_percent * limit_nano_usd)
            AS warned_at,
        MIN(quarter_start) FILTER (WHERE limit_nano_usd > 0 AND so_far > limit_nano_usd) AS exceeded_at
    FROM cumulated
    GROUP BY name, starts_at
),
refused AS (
    SELECT shown.name, shown.starts_at, SUM(COALESCE(event.times, 1))::BIGINT AS denied_calls
    FROM shown
    JOIN reservation_event AS event
        ON event.governing_budget = shown.name
        AND event.recorded_at >= shown.starts_at
        AND event.recorded_at < shown.ends_at
    WHERE event.kind = 'denied' AND event.denial = 'budget_exceeded' AND event.recorded_at <= $as_of
    GROUP BY ALL
),
renewed AS (
    SELECT shown.name, shown.starts_at, COUNT(*) AS resets
    FROM shown
    JOIN reset
        ON reset.budget = shown.name
        AND reset.effective_at >= shown.starts_at
        AND reset.effective_at < shown.ends_at
        AND reset.effective_at <= $as_of
    GROUP BY ALL
)
SELECT
    shown.name AS budget,
    shown.period,
    NULLIF(shown.starts_at, TIMESTAMP '0001-01-01') AS window_start,
    NULLIF(shown.ends_at, TIMESTAMP '9999-12-31') AS window_end,
    shown.limit_nano_usd,
    COALESCE(spent.cost, 0)::BIGINT AS cost_nano_usd,
    CAST(100 * (COALESCE(spent.cost, 0) / NULLIF(shown.limit_nano_usd, 0)) AS DECIMAL(18, 2)) AS percent,
    CASE
        WHEN shown.limit_nano_usd = 0 THEN 'allowed'
        WHEN COALESCE(spent.cost, 0) > shown.limit_nano_usd THEN 'exceeded'
        WHEN COALESCE(spent.cost, 0) * 100 >= shown.warn_at_percent * shown.limit_nano_usd THEN 'warning'
        ELSE 'allowed'
    END AS state,
    COALESCE(spent.calls, 0)::BIGINT AS calls,
    COALESCE(spent.unpriced_calls, 0)::BIGINT AS unpriced_calls,
    COALESCE(refused.denied_calls, 0) AS denied_calls,
    COALESCE(renewed.resets, 0) AS resets,
    spent.warned_at,
    spent.exceeded_at
FROM shown
LEFT JOIN spent ON spent.name = shown.name AND spent.starts_at = shown.starts_at
LEFT JOIN refused ON refused.name = shown.name AND refused.starts_at = shown.starts_at
LEFT JOIN renewed ON renewed.name = shown.name AND renewed.starts_at = shown.starts_at
ORDER BY shown.place, window_start;
