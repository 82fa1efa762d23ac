-- title:   Unusual days
-- summary: How far the cost of each day was from that of the days of its kind before it, and which stood out.
-- method:  A day is compared with the days of its kind, Monday to Friday or the weekend, among the 28 before it. Its
--          score is how far it was above or below their median, in units of 1.4826 times their median absolute
--          deviation, which for an even spread is one standard deviation; a unit is never less than a twentieth of the
--          median, nor than one cent. A day stands out when the score reaches the threshold. With less than 5 days to
--          compare with, counted from the first call on, there is no score. Today is not over and is left out.
-- param:   as_of               TIMESTAMP      default=now                the present, UTC
-- param:   zone                ZONE           default=UTC                IANA time zone, whose days are shown
-- param:   days                BIGINT         default=30  range=1..=366  number of days, yesterday the last one
-- param:   threshold           BIGINT         default=4   range=1..=100  score from which on a day stands out
-- param:   only_unusual        BOOLEAN        default=false              only days that stand out
-- param:   project             VARCHAR        optional                   only calls of this project
-- column:  bucket              VARCHAR        YYYY-MM-DD, in `zone`
-- column:  cost_nano_usd       BIGINT         nano-USD, of the priced calls
-- column:  usual_nano_usd      BIGINT         nano-USD, median of the days before; NULL without enough of them
-- column:  deviation_nano_usd  BIGINT         nano-USD, unit of the score; NULL without enough days
-- column:  score               DECIMAL(18,2)  units above the median, below 0 under it; NULL without enough days
-- column:  is_unusual          BOOLEAN        whether the day stands out
-- column:  calls               BIGINT         calls
-- column:  top_model           VARCHAR        model that cost most on the day
-- column:  top_session_id      VARCHAR        session that cost most on the day
-- reads:   usage_record
-- chart:   x=bucket y=cost_nano_usd
WITH first_call AS (
    SELECT MIN(admitted_at) AS admitted_at FROM usage_record WHERE $project::VARCHAR IS NULL OR project = $project
),
used AS (
    SELECT
        CAST(date_trunc('day', local_time(admitted_at, $zone)) AS TIMESTAMP) AS starts_at,
        requested_model AS model,
        session_id,
        COALESCE(SUM(cost_nano_usd), 0) AS cost,
        SUM(calls) AS calls
    FROM usage_record
    -- A day more at both ends, whatever the zone; what is of no day that is shown falls away below.
    WHERE admitted_at >= $as_of::TIMESTAMP - to_days(CAST($days AS INTEGER) + 30)
      AND admitted_at <= $as_of
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
),
by_model AS (
    SELECT starts_at, arg_max(model, (cost, model)) AS top_model
    FROM (SELECT starts_at, model, SUM(cost) AS cost FROM used GROUP BY ALL)
    WHERE cost > 0
    GROUP BY starts_at
),
by_session AS (
    SELECT starts_at, arg_max(session_id, (cost, session_id)) AS top_session_id
    FROM (SELECT starts_at, session_id, SUM(cost) AS cost FROM used GROUP BY ALL)
    WHERE cost > 0
    GROUP BY starts_at
),
spent AS (
    SELECT starts_at, SUM(cost) AS cost, SUM(calls) AS calls FROM used GROUP BY starts_at
),
daily AS (
    SELECT
        day.starts_at,
        isodow(day.starts_at) >= 6 AS is_weekend,
        COALESCE(spent.cost, 0)::BIGINT AS cost,
        COALESCE(spent.calls, 0)::BIGINT AS calls
    FROM (
        SELECT UNNEST(range(
            GREATEST(
                (SELECT CAST(date_trunc('day', local_time(admitted_at, $zone)) AS TIMESTAMP) FROM first_call),
                CAST(date_trunc('day', local_time($as_of::TIMESTAMP, $zone)) - to_days(CAST($days AS INTEGER) + 28) AS TIMESTAMP)
            ),
            CAST(date_trunc('day', local_time($as_of::TIMESTAMP, $zone)) AS TIMESTAMP),
            INTERVAL 1 DAY
        )) AS starts_at
    ) AS day
    LEFT JOIN spent ON spent.starts_at = day.starts_at
),
compared AS (
    SELECT
        starts_at,
        cost,
        calls,
        list(cost) OVER before AS costs
    FROM daily
    WINDOW before AS (
        PARTITION BY is_weekend ORDER BY starts_at
        RANGE BETWEEN INTERVAL 28 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
    )
),
centred AS (
    SELECT starts_at, cost, calls, costs, list_median(costs)::BIGINT AS usual
    FROM compared
    WHERE starts_at >= date_trunc('day', local_time($as_of::TIMESTAMP, $zone)) - to_days(CAST($days AS INTEGER))
),
scored AS (
    SELECT
        starts_at,
        cost,
        calls,
        CASE WHEN len(costs) >= 5 THEN usual END AS usual,
        CASE WHEN len(costs) >= 5 THEN GREATEST(
            CAST(list_median([abs(one - usual) FOR one IN costs]) * 1.4826 AS BIGINT), usual // 20, 10_000_000
        ) END AS deviation
    FROM centred
)
SELECT
    strftime(scored.starts_at, '%Y-%m-%d') AS bucket,
    cost AS cost_nano_usd,
    usual AS usual_nano_usd,
    deviation AS deviation_nano_usd,
    CAST((cost - usual) / deviation AS DECIMAL(18, 2)) AS score,
    COALESCE(abs(cost - usual) >= $threshold::BIGINT * deviation, false) AS is_unusual,
    calls,
    top_model,
    top_session_id
FROM scored
LEFT JOIN by_model ON by_model.starts_at = scored.starts_at
LEFT JOIN by_session ON by_session.starts_at = scored.starts_at
WHERE is_unusual OR NOT $only_unusual::BOOLEAN
ORDER BY bucket;
