-- title:   Budgets over time
-- summary: Every window of every budget of the config: what was used in it, of what limit, and when it ran out.
-- method:  Each window is that in which the budget is enforced, in its own time zone, with the limit and the matches
--          that the config now in force has; those that ended before the first call are left out. Its use is that of all calls admitted in it, also of those that a reset
--          no longer counts; `resets` says how often one was applied. A budget with `per` has a row for each part that
--          was used or refused in the window, the fullest first. The state is that of the use at the end of the
--          window, without what was only held. The instants at which threshold and limit were passed are those of the
--          quarter of an hour in which they were; where a window opens with a call, those of the call. Session and
--          mission budgets have no windows: see top-sessions and by-mission.
-- param:   as_of                TIMESTAMP      default=now                   calls admitted later are left out, UTC
-- param:   since                TIMESTAMP      optional                      only windows that end later, UTC
-- param:   until                TIMESTAMP      optional                      only windows that begin earlier, UTC
-- param:   windows              BIGINT         default=30  range=1..=366     number of windows of each budget, the present one included
-- param:   budget               VARCHAR        optional                      only this budget
-- param:   part                 VARCHAR        optional                      only this part of budgets with `per`
-- param:   parts                BIGINT         default=20  range=1..=100000  most parts of each window, the fullest first
-- column:  budget               VARCHAR        name of the budget
-- column:  part                 VARCHAR        part of a budget with `per`, else NULL
-- column:  period               VARCHAR        day, week, month, quarter, year, total or window
-- column:  window_start         TIMESTAMP      UTC, inclusive; NULL for total
-- column:  window_end           TIMESTAMP      UTC, exclusive; NULL for total
-- column:  measure              VARCHAR        usd, tokens or calls
-- column:  limit_amount         BIGINT         in the unit of the measure, usd is nano-USD; 0 is no limit
-- column:  used_amount          BIGINT         in the unit of the measure, usd is nano-USD
-- column:  limit_nano_usd       BIGINT         nano-USD, 0 is no limit; NULL where the budget counts no money
-- column:  cost_nano_usd        BIGINT         nano-USD, of the priced calls
-- column:  percent              DECIMAL(18,2)  percent, use of the limit; NULL without a limit
-- column:  state                VARCHAR        allowed, warning or exceeded
-- column:  calls                BIGINT         calls
-- column:  unpriced_calls       BIGINT         calls, those without a price
-- column:  denied_calls         BIGINT         calls, those that this budget refused
-- column:  resets               BIGINT         resets, of this window
-- column:  warned_at            TIMESTAMP      UTC, start of the quarter of an hour in which the threshold was reached
-- column:  exceeded_at          TIMESTAMP      UTC, start of the quarter of an hour in which the limit was exceeded
-- reads:   usage_record, reservation_event, reset, budget, budget_limit, budget_usage, budget_window
-- chart:   x=window_start y=percent
WITH shown AS (
    SELECT
        budget.name,
        budget.place,
        budget.period,
        budget.measure,
        budget.limit_amount,
        budget.warn_at_percent,
        budget.enforce,
        len(budget.per) > 0 AS is_divided,
        budget_window.part AS only_part,
        COALESCE(budget_window.starts_at, TIMESTAMP '0001-01-01') AS starts_at,
        COALESCE(budget_window.ends_at, TIMESTAMP '9999-12-31') AS ends_at
    FROM budget
    JOIN budget_window ON budget_window.budget = budget.name
    WHERE budget_window.number < $windows::BIGINT
      AND (
          (budget_window.number = 0 AND budget.period <> 'window')
          OR budget_window.ends_at > (SELECT MIN(admitted_at) FROM usage_record)
      )
      AND ($budget::VARCHAR IS NULL OR budget.name = $budget)
      AND ($part::VARCHAR IS NULL OR budget_window.part IS NULL OR budget_window.part = $part)
      AND ($since::TIMESTAMP IS NULL OR budget_window.ends_at IS NULL OR budget_window.ends_at > $since)
      AND ($until::TIMESTAMP IS NULL OR budget_window.starts_at IS NULL OR budget_window.starts_at < $until)
),
ranged AS (
    SELECT name, period, MIN(starts_at) AS starts_at, MAX(ends_at) AS ends_at
    FROM shown
    GROUP BY name, period
),
quarter AS (
    SELECT
        ranged.name,
        used.part,
        CASE WHEN ranged.period = 'window' THEN used.admitted_at ELSE time_bucket(INTERVAL 15 MINUTE, used.admitted_at) END
            AS quarter_start,
        COALESCE(SUM(used.cost_nano_usd), 0) AS cost,
        SUM(used.tokens) AS tokens,
        SUM(used.calls) AS calls,
        COALESCE(SUM(used.calls) FILTER (WHERE used.cost_nano_usd IS NULL), 0) AS unpriced_calls
    FROM budget_usage($as_of::TIMESTAMP + INTERVAL 1 MICROSECOND) AS used
    JOIN ranged
        ON used.budget = ranged.name
        AND used.admitted_at >= ranged.starts_at
        AND used.admitted_at < ranged.ends_at
    WHERE ($part::VARCHAR IS NULL OR used.part = $part OR used.part = '')
    GROUP BY ALL
),
refused AS (
    SELECT
        shown.name,
        shown.starts_at,
        COALESCE(event.governing_part, '') AS part,
        SUM(COALESCE(event.times, 1))::BIGINT AS denied_calls
    FROM shown
    JOIN reservation_event AS event
        ON event.governing_budget = shown.name
        AND event.recorded_at >= shown.starts_at
        AND event.recorded_at < shown.ends_at
        AND (shown.only_part IS NULL OR shown.only_part = COALESCE(event.governing_part, ''))
    WHERE event.kind = 'denied' AND event.denial = 'budget_exceeded' AND event.recorded_at <= $as_of
      AND ($part::VARCHAR IS NULL OR COALESCE(event.governing_part, '') IN ($part, ''))
    GROUP BY ALL
),
counted AS (
    SELECT
        shown.name,
        shown.starts_at,
        shown.measure,
        shown.warn_at_percent,
        quarter.part,
        quarter.quarter_start,
        CASE shown.measure WHEN 'tokens' THEN quarter.tokens WHEN 'calls' THEN quarter.calls ELSE quarter.cost END
            AS used,
        quarter.cost,
        quarter.calls,
        quarter.unpriced_calls
    FROM shown
    JOIN quarter
        ON quarter.name = shown.name
        AND quarter.quarter_start >= shown.starts_at
        AND quarter.quarter_start < shown.ends_at
        AND (shown.only_part IS NULL OR shown.only_part = quarter.part)
),
of_part AS ( -- each part of each window, with the limit that counts for it
    SELECT
        seen.name,
        seen.starts_at,
        seen.part,
        COALESCE(arg_min(own.limit_amount, own.place), ANY_VALUE(budget.limit_amount)) AS limit_amount
    FROM (
        SELECT name, starts_at, part FROM counted
        UNION
        SELECT name, starts_at, part FROM refused
    ) AS seen
    JOIN budget ON budget.name = seen.name
    LEFT JOIN budget_limit AS own
        ON own.budget = seen.name
        AND replace(replace(replace(seen.part, '%28', '('), '%2C', ','), '%25', '%') GLOB own.pattern
    GROUP BY seen.name, seen.starts_at, seen.part
),
cumulated AS (
    SELECT
        counted.name,
        counted.starts_at,
        counted.part,
        of_part.limit_amount,
        counted.warn_at_percent,
        counted.quarter_start,
        counted.used,
        counted.cost,
        counted.calls,
        counted.unpriced_calls,
        SUM(counted.used) OVER (
            PARTITION BY counted.name, counted.starts_at, counted.part ORDER BY counted.quarter_start
        ) AS so_far
    FROM counted
    JOIN of_part
        ON of_part.name = counted.name AND of_part.starts_at = counted.starts_at AND of_part.part = counted.part
),
spent AS (
    SELECT
        name,
        starts_at,
        part,
        SUM(used) AS used,
        SUM(cost) AS cost,
        SUM(calls) AS calls,
        SUM(unpriced_calls) AS unpriced_calls,
        MIN(quarter_start) FILTER (WHERE limit_amount > 0 AND so_far * 100 >= warn_at_percent * limit_amount)
            AS warned_at,
        MIN(quarter_start) FILTER (WHERE limit_amount > 0 AND so_far > limit_amount) AS exceeded_at
    FROM cumulated
    GROUP BY name, starts_at, part
),
renewed AS (
    SELECT shown.name, shown.starts_at, COALESCE(reset.part, '') AS part, COUNT(DISTINCT reset.audit_id) AS resets
    FROM shown
    JOIN reset
        ON reset.budget = shown.name
        AND reset.effective_at >= shown.starts_at
        AND reset.effective_at < shown.ends_at
        AND reset.effective_at <= $as_of
        AND (shown.only_part IS NULL OR shown.only_part = COALESCE(reset.part, ''))
    GROUP BY ALL
),
result AS (
    SELECT
        shown.name,
        shown.place,
        shown.period,
        shown.starts_at,
        shown.ends_at,
        shown.measure,
        shown.warn_at_percent,
        shown.enforce,
        CASE WHEN shown.is_divided THEN COALESCE(of_part.part, shown.only_part) ELSE '' END AS part,
        COALESCE(of_part.limit_amount, shown.limit_amount) AS limit_amount,
        shown.is_divided,
        COALESCE(spent.used, 0)::BIGINT AS used,
        COALESCE(spent.cost, 0)::BIGINT AS cost,
        COALESCE(spent.calls, 0)::BIGINT AS calls,
        COALESCE(spent.unpriced_calls, 0)::BIGINT AS unpriced_calls,
        COALESCE(refused.denied_calls, 0) AS denied_calls,
        spent.warned_at,
        spent.exceeded_at
    FROM shown
    LEFT JOIN of_part
        ON of_part.name = shown.name
        AND of_part.starts_at = shown.starts_at
        AND (shown.only_part IS NULL OR shown.only_part = of_part.part)
    LEFT JOIN spent
        ON spent.name = of_part.name AND spent.starts_at = of_part.starts_at AND spent.part = of_part.part
    LEFT JOIN refused
        ON refused.name = of_part.name AND refused.starts_at = of_part.starts_at AND refused.part = of_part.part
),
ranked AS (
    SELECT
        name,
        place,
        period,
        starts_at,
        ends_at,
        measure,
        warn_at_percent,
        enforce,
        part,
        limit_amount,
        is_divided,
        used,
        cost,
        calls,
        unpriced_calls,
        denied_calls,
        warned_at,
        exceeded_at,
        CAST(100 * (used / NULLIF(limit_amount, 0)) AS DECIMAL(18, 2)) AS percent,
        ROW_NUMBER() OVER (
            PARTITION BY name, CASE WHEN period = 'window' THEN NULL ELSE starts_at END
            ORDER BY used / NULLIF(limit_amount, 0) DESC NULLS LAST, part, starts_at
        ) AS rank
    FROM result
)
SELECT
    ranked.name AS budget,
    CASE WHEN ranked.is_divided THEN ranked.part END AS part,
    ranked.period,
    NULLIF(ranked.starts_at, TIMESTAMP '0001-01-01') AS window_start,
    NULLIF(ranked.ends_at, TIMESTAMP '9999-12-31') AS window_end,
    ranked.measure,
    ranked.limit_amount,
    ranked.used AS used_amount,
    CASE ranked.measure WHEN 'usd' THEN ranked.limit_amount END AS limit_nano_usd,
    ranked.cost AS cost_nano_usd,
    ranked.percent,
    CASE
        WHEN ranked.limit_amount = 0 THEN 'allowed'
        WHEN ranked.used > ranked.limit_amount AND ranked.enforce = 'block' THEN 'exceeded'
        WHEN ranked.used > ranked.limit_amount THEN 'warning'
        WHEN ranked.used * 100 >= ranked.warn_at_percent * ranked.limit_amount THEN 'warning'
        ELSE 'allowed'
    END AS state,
    ranked.calls,
    ranked.unpriced_calls,
    ranked.denied_calls,
    COALESCE(renewed.resets, 0) AS resets,
    ranked.warned_at,
    ranked.exceeded_at
FROM ranked
LEFT JOIN renewed
    ON renewed.name = ranked.name AND renewed.starts_at = ranked.starts_at AND renewed.part = COALESCE(ranked.part, '')
WHERE NOT ranked.is_divided OR ranked.rank <= $parts::BIGINT
ORDER BY ranked.place, window_start, ranked.rank, ranked.part;
