-- title:   Spend over time by model, provider, project, user or agent
-- summary: Cost of each bucket of time and of each that cost most in the whole range; all others together.
-- method:  A call counts in the bucket of its admission, in `zone`. Those that cost most have the places 1, 2 and so on, and the same
--          place in every bucket; place 0 is what all others cost together.
-- param:   since           TIMESTAMP  optional                first instant, inclusive
-- param:   until           TIMESTAMP  optional                last instant, exclusive
-- param:   period          VARCHAR    default=day             day, week, month, quarter or year
-- param:   by              VARCHAR    default=model           model, provider, project, user or agent
-- param:   top             BIGINT     default=5 range=1..=20  how many have a place of their own
-- param:   zone            ZONE       default=UTC             IANA time zone, whose days, weeks and months are shown
-- column:  bucket          VARCHAR    YYYY-MM-DD, YYYY-Www, YYYY-MM, YYYY-Qn or YYYY, in `zone`
-- column:  place           BIGINT     1 for what cost most in the whole range; 0 for all others together
-- column:  name            VARCHAR    model, provider, project, user or agent; NULL for calls that name none, and for all others
-- column:  cost_nano_usd   BIGINT     nano-USD, of the priced calls
-- column:  calls           BIGINT     calls, those without a price included
-- reads:   model_usage_between, caller_usage_between
WITH named AS (
    SELECT
        admitted_at,
        CASE $by::VARCHAR
            WHEN 'model' THEN requested_model
            WHEN 'provider' THEN provider
            ELSE error('by is model, provider, project, user or agent')
        END AS name,
        cost_nano_usd,
        calls
    FROM model_usage_between($since, $until, false)
    WHERE $by NOT IN ('project', 'user', 'agent')
    UNION ALL
    SELECT
        admitted_at,
        CASE $by::VARCHAR WHEN 'project' THEN project WHEN 'user' THEN user_name ELSE agent END AS name,
        cost_nano_usd,
        calls
    FROM caller_usage_between($since, $until, false)
    WHERE $by IN ('project', 'user', 'agent')
),
spent AS (
    SELECT
        date_trunc($period::VARCHAR, local_time(admitted_at, $zone)) AS starts_at,
        name,
        SUM(cost_nano_usd) AS cost_nano_usd,
        SUM(calls) AS calls
    FROM named
    GROUP BY ALL
),
ranked AS (
    SELECT name, row_number() OVER (ORDER BY SUM(cost_nano_usd) DESC NULLS LAST, name NULLS LAST) AS place
    FROM spent
    GROUP BY name
),
summed AS (
    SELECT
        spent.starts_at,
        CASE WHEN ranked.place <= $top::BIGINT THEN ranked.place ELSE 0 END::BIGINT AS place,
        CASE WHEN ranked.place <= $top::BIGINT THEN spent.name END AS name,
        COALESCE(SUM(spent.cost_nano_usd), 0)::BIGINT AS cost_nano_usd,
        SUM(spent.calls)::BIGINT AS calls
    FROM spent
    JOIN ranked ON ranked.name IS NOT DISTINCT FROM spent.name
    GROUP BY ALL
    HAVING SUM(spent.calls) > 0 OR SUM(spent.cost_nano_usd) <> 0
)
SELECT
    CASE $period::VARCHAR
        WHEN 'day' THEN strftime(starts_at, '%Y-%m-%d')
        WHEN 'week' THEN strftime(starts_at, '%G-W%V')
        WHEN 'month' THEN strftime(starts_at, '%Y-%m')
        WHEN 'quarter' THEN strftime(starts_at, '%Y') || '-Q' || quarter(starts_at)
        WHEN 'year' THEN strftime(starts_at, '%Y')
        ELSE error('period is day, week, month, quarter or year')
    END AS bucket,
    place,
    name,
    cost_nano_usd,
    calls
FROM summed
ORDER BY bucket, place = 0, place;
