-- title:   Week over week
-- summary: What each project cost in this week so far and by the same point of the week before.
-- method:  Both weeks are those of `zone`. The week before counts up to the same point, and never beyond its end; next
--          to it stands what the whole of it cost. Calls without a price are not in the cost.
-- param:   as_of                    TIMESTAMP      default=now  the present, an instant of this week, UTC
-- param:   zone                     ZONE           default=UTC  IANA time zone, whose weeks are compared
-- param:   model                    VARCHAR        optional     only calls that asked for this model
-- column:  project                  VARCHAR        project of the calls, NULL for calls that name none
-- column:  calls                    BIGINT         calls, of this week so far
-- column:  previous_calls           BIGINT         calls, of the week before, to the same point
-- column:  cost_nano_usd            BIGINT         nano-USD, of this week so far
-- column:  previous_nano_usd        BIGINT         nano-USD, of the week before, to the same point
-- column:  difference_nano_usd      BIGINT         nano-USD, this week less the one before, to the same point
-- column:  change_percent           DECIMAL(18,2)  percent, of the week before; NULL where that cost nothing
-- column:  previous_whole_nano_usd  BIGINT         nano-USD, of the whole week before
-- column:  unpriced_calls           BIGINT         calls, those without a price, of both
-- reads:   usage_record
-- chart:   x=project y=cost_nano_usd
WITH present AS (
    SELECT
        local_time($as_of::TIMESTAMP, $zone) AS now,
        date_trunc('week', local_time($as_of::TIMESTAMP, $zone))::TIMESTAMP AS starts_at
),
compared AS (
    SELECT
        now,
        starts_at,
        starts_at - INTERVAL 1 WEEK AS previous_starts_at,
        LEAST(starts_at, starts_at - INTERVAL 1 WEEK + (now - starts_at)) AS previous_now
    FROM present
),
used AS (
    SELECT project, local_time(admitted_at, $zone) AS local_at, calls, cost_nano_usd
    FROM usage_record
    WHERE admitted_at >= $as_of::TIMESTAMP - INTERVAL 2 WEEK - INTERVAL 1 DAY
      AND admitted_at <= $as_of
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
),
summed AS (
    SELECT
        project,
        COALESCE(SUM(calls) FILTER (WHERE local_at >= starts_at), 0) AS calls,
        COALESCE(SUM(calls) FILTER (WHERE local_at < starts_at AND local_at <= previous_now), 0) AS previous_calls,
        COALESCE(SUM(cost_nano_usd) FILTER (WHERE local_at >= starts_at), 0) AS cost,
        COALESCE(SUM(cost_nano_usd) FILTER (WHERE local_at < starts_at AND local_at <= previous_now), 0) AS previous,
        COALESCE(SUM(cost_nano_usd) FILTER (WHERE local_at < starts_at), 0) AS previous_whole,
        COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0) AS unpriced_calls
    FROM used
    JOIN compared ON local_at >= previous_starts_at
    GROUP BY project
)
SELECT
    project,
    calls::BIGINT AS calls,
    previous_calls::BIGINT AS previous_calls,
    cost::BIGINT AS cost_nano_usd,
    previous::BIGINT AS previous_nano_usd,
    (cost - previous)::BIGINT AS difference_nano_usd,
    CAST(100 * ((cost - previous) / NULLIF(previous, 0)) AS DECIMAL(18, 2)) AS change_percent,
    previous_whole::BIGINT AS previous_whole_nano_usd,
    unpriced_calls::BIGINT AS unpriced_calls
FROM summed
ORDER BY cost_nano_usd DESC, previous_nano_usd DESC, project NULLS LAST;
