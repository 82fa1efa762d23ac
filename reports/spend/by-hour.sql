-- title:   Spend by hour of the week
-- summary: Calls, tokens and cost of each hour of each weekday, for a heat map; an hour without a call shows 0.
-- method:  A call counts in the weekday and hour that a clock in `zone` showed at its admission. Of an hour that a clock
--          shows twice, when summer time ends, both count.
-- param:   since           TIMESTAMP  optional     first instant, inclusive
-- param:   until           TIMESTAMP  optional     last instant, exclusive
-- param:   zone            ZONE       default=UTC  IANA time zone, whose hours are shown
-- param:   model           VARCHAR    optional     only calls that asked for this model
-- param:   project         VARCHAR    optional     only calls of this project
-- column:  weekday         BIGINT     day of the week, Monday is 1
-- column:  hour            BIGINT     hour of the day, 0 to 23
-- column:  calls           BIGINT     calls
-- column:  unpriced_calls  BIGINT     calls, those without a price
-- column:  tokens          BIGINT     tokens, of all kinds
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls; NULL when none of the calls has a price
-- reads:   usage_record
-- chart:   x=hour y=cost_nano_usd
WITH slot AS (
    SELECT days.weekday, hours.hour
    FROM range(1, 8) AS days (weekday)
    CROSS JOIN range(0, 24) AS hours (hour)
),
spent AS (
    SELECT
        isodow(local_time(admitted_at, $zone)) AS weekday,
        hour(local_time(admitted_at, $zone)) AS hour,
        SUM(calls) AS calls,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NULL) AS unpriced_calls,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) AS priced_calls,
        SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
            + cache_write_1h_tokens + reasoning_tokens + input_audio_tokens + input_image_tokens + input_video_tokens
            + cache_read_audio_tokens + cache_read_image_tokens + output_audio_tokens + output_image_tokens
            + output_video_tokens) AS tokens,
        SUM(cost_nano_usd) AS cost_nano_usd
    FROM usage_record
    WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
      AND ($model::VARCHAR IS NULL OR requested_model = $model)
      AND ($project::VARCHAR IS NULL OR project = $project)
    GROUP BY ALL
)
SELECT
    slot.weekday,
    slot.hour,
    COALESCE(spent.calls, 0)::BIGINT AS calls,
    COALESCE(spent.unpriced_calls, 0)::BIGINT AS unpriced_calls,
    COALESCE(spent.tokens, 0)::BIGINT AS tokens,
    CASE
        WHEN COALESCE(spent.calls, 0) = 0 THEN 0
        WHEN spent.priced_calls > 0 THEN spent.cost_nano_usd
    END::BIGINT AS cost_nano_usd
FROM slot
LEFT JOIN spent ON spent.weekday = slot.weekday AND spent.hour = slot.hour
ORDER BY slot.weekday, slot.hour;
