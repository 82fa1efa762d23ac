-- title:   Forecast to the end of the month
-- summary: What this month will cost when it goes on like the weeks before, with a range of 80 percent.
-- method:  Each day still to come is expected to cost what its weekday cost on average over the complete days of the
--          last eight weeks, from the first call on; with less than four weeks of them, what any day cost on average.
--          Of today, what is missing to that is added. The range is the forecast plus and minus 1.2816 standard
--          deviations: how far single days were from what was expected of them, times the root of the days to come;
--          it never begins below what is spent. Without a complete day there is no forecast. Calls without a price
--          are not in it.
-- param:   as_of               TIMESTAMP  default=now  the present, an instant of the month to forecast, UTC
-- param:   zone                ZONE       default=UTC  IANA time zone, whose days and month they are
-- param:   session             VARCHAR    optional     only calls of this session
-- param:   model               VARCHAR    optional     only calls that asked for this model
-- param:   project             VARCHAR    optional     only calls of this project
-- column:  bucket              VARCHAR    YYYY-MM, in `zone`
-- column:  spent_nano_usd      BIGINT     nano-USD, in the month so far
-- column:  today_nano_usd      BIGINT     nano-USD, today, part of what is spent
-- column:  rest_nano_usd       BIGINT     nano-USD, expected until the month ends
-- column:  forecast_nano_usd   BIGINT     nano-USD, of the whole month
-- column:  low_nano_usd        BIGINT     nano-USD, lower end of the range
-- column:  high_nano_usd       BIGINT     nano-USD, upper end of the range
-- column:  previous_nano_usd   BIGINT     nano-USD, of the month before
-- column:  basis               VARCHAR    weekday or mean: what a day is expected to cost; none without a complete day
-- column:  basis_days          BIGINT     days, complete, that it rests on
-- column:  days_to_come        BIGINT     days, after today
-- reads:   usage_record
-- chart:   x=bucket y=forecast_nano_usd
WITH present AS (
    SELECT
        CAST(date_trunc('day', local_time($as_of::TIMESTAMP, $zone)) AS TIMESTAMP) AS today,
        CAST(date_trunc('month', local_time($as_of::TIMESTAMP, $zone)) AS TIMESTAMP) AS month_start,
        CAST(date_trunc('month', local_time($as_of::TIMESTAMP, $zone)) + INTERVAL 1 MONTH AS TIMESTAMP) AS month_end
),
first_call AS (
    SELECT MIN(admitted_at) AS admitted_at
    FROM usage_record
    WHERE ($session::VARCHAR IS NULL OR session_id = $session)
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
      AND ($project::VARCHAR IS NULL OR project = $project)
),
spent AS (
    SELECT
        CAST(date_trunc('day', local_time(admitted_at, $zone)) AS TIMESTAMP) AS starts_at,
        COALESCE(SUM(cost_nano_usd), 0) AS cost
    FROM usage_record
    WHERE admitted_at >= date_trunc('month', $as_of::TIMESTAMP) - INTERVAL 2 MONTH - INTERVAL 1 DAY
      AND admitted_at <= $as_of
      AND ($session::VARCHAR IS NULL OR session_id = $session)
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
),
complete AS (
    SELECT day.starts_at, isodow(day.starts_at) AS weekday, COALESCE(spent.cost, 0) AS cost
    FROM (
        SELECT UNNEST(range(
            GREATEST(
                (SELECT date_trunc('day', local_time(admitted_at, $zone)) FROM first_call),
                today - INTERVAL 56 DAY
            ),
            today,
            INTERVAL 1 DAY
        )) AS starts_at
        FROM present
    ) AS day
    LEFT JOIN spent ON spent.starts_at = day.starts_at
),
basis AS (
    SELECT COUNT(*) AS days, COUNT(*) >= 28 AS by_weekday, SUM(cost) // NULLIF(COUNT(*), 0) AS mean FROM complete
),
-- What a day is expected to cost, and how far such days were from it.
expected AS (
    SELECT
        weekday,
        CASE WHEN ANY_VALUE(by_weekday) THEN SUM(cost) // COUNT(*) ELSE ANY_VALUE(mean) END AS cost
    FROM complete
    CROSS JOIN basis
    GROUP BY weekday
),
spread AS (
    SELECT SUM((complete.cost - expected.cost) * (complete.cost - expected.cost)) AS squares
    FROM complete
    JOIN expected ON expected.weekday = complete.weekday
),
rest AS (
    SELECT
        COUNT(*) FILTER (WHERE day.starts_at > today) AS days_to_come,
        SUM(CASE
            WHEN day.starts_at > today THEN COALESCE(expected.cost, mean)
            ELSE GREATEST(COALESCE(expected.cost, mean) - COALESCE(spent.cost, 0), 0)
        END) AS cost
    FROM (SELECT UNNEST(range(today, month_end, INTERVAL 1 DAY)) AS starts_at FROM present) AS day
    CROSS JOIN present
    CROSS JOIN basis
    LEFT JOIN expected ON expected.weekday = isodow(day.starts_at)
    LEFT JOIN spent ON spent.starts_at = day.starts_at
),
summed AS (
    SELECT
        COALESCE(SUM(cost) FILTER (WHERE starts_at >= month_start), 0) AS month_cost,
        COALESCE(SUM(cost) FILTER (WHERE starts_at = today), 0) AS today_cost,
        COALESCE(SUM(cost) FILTER (WHERE starts_at < month_start AND starts_at >= month_start - INTERVAL 1 MONTH), 0)
            AS previous_cost
    FROM spent
    CROSS JOIN present
),
ranged AS (
    SELECT
        month_cost + rest.cost AS forecast,
        -- Whole micro-USD, so that the last digits of a root never differ.
        1000 * CAST(1.2816 * sqrt(spread.squares::DOUBLE / NULLIF(basis.days - 1, 0)) * sqrt(days_to_come + 1) / 1000
            AS HUGEINT) AS deviation
    FROM summed
    CROSS JOIN rest
    CROSS JOIN spread
    CROSS JOIN basis
)
SELECT
    strftime(month_start, '%Y-%m') AS bucket,
    month_cost::BIGINT AS spent_nano_usd,
    today_cost::BIGINT AS today_nano_usd,
    rest.cost::BIGINT AS rest_nano_usd,
    forecast::BIGINT AS forecast_nano_usd,
    GREATEST(forecast - deviation, month_cost)::BIGINT AS low_nano_usd,
    (forecast + deviation)::BIGINT AS high_nano_usd,
    previous_cost::BIGINT AS previous_nano_usd,
    CASE WHEN basis.days = 0 THEN 'none' WHEN by_weekday THEN 'weekday' ELSE 'mean' END AS basis,
    basis.days AS basis_days,
    days_to_come
FROM present
CROSS JOIN summed
CROSS JOIN rest
CROSS JOIN basis
CROSS JOIN ranged
ORDER BY bucket;
