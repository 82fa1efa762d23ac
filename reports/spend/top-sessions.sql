-- title:   Top sessions
-- summary: The most expensive sessions, with their share of all known cost, how far they add up, and what was refused to them.
-- method:  Shares are of the known cost of all calls in the time asked for, those outside any session included.
-- param:   since               TIMESTAMP     optional                     first instant, inclusive, UTC
-- param:   until               TIMESTAMP     optional                     last instant, exclusive, UTC
-- param:   top                 BIGINT        default=10  range=1..=10000  number of sessions
-- column:  place               BIGINT        place, 1 is the most expensive
-- column:  session_id          VARCHAR       session id
-- column:  project             VARCHAR       project of the session, NULL without one
-- column:  outcome             VARCHAR       within_budget, warned or blocked: the worst state so far; NULL when not governed
-- column:  calls               BIGINT        calls
-- column:  denied_calls        BIGINT        calls, refused before they were made
-- column:  cost_per_call_nano_usd  BIGINT    nano-USD, mean of the priced calls
-- column:  cost_nano_usd       BIGINT        nano-USD, of the priced calls; NULL when none of the calls has a price
-- column:  share_percent       DECIMAL(5,2)  percent, of all known cost
-- column:  cumulative_percent  DECIMAL(5,2)  percent, of all known cost, this session and the dearer ones
-- reads:   session_usage_between, session
-- chart:   x=session_id y=cost_nano_usd
WITH spent AS (
    SELECT
        session_id,
        project,
        SUM(calls)::BIGINT AS calls,
        SUM(denied_calls)::BIGINT AS denied_calls,
        SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) AS priced_calls,
        CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT
            AS cost_nano_usd
    FROM session_usage_between($since, $until, false)
    GROUP BY session_id, project
    HAVING SUM(calls) > 0
),
total AS (
    SELECT NULLIF(SUM(cost_nano_usd), 0) AS cost_nano_usd FROM spent
),
ranked AS (
    SELECT
        ROW_NUMBER() OVER (ORDER BY cost_nano_usd DESC NULLS LAST, session_id, project NULLS LAST) AS place,
        session_id,
        project,
        calls,
        denied_calls,
        priced_calls,
        cost_nano_usd,
        SUM(cost_nano_usd) OVER (ORDER BY cost_nano_usd DESC NULLS LAST, session_id, project NULLS LAST) AS cumulative_nano_usd
    FROM spent
    WHERE session_id IS NOT NULL
    ORDER BY place
    LIMIT $top::BIGINT
),
governed AS (
    SELECT session_id, project, arg_max(outcome, (recorded_at, seq)) AS outcome
    FROM session
    GROUP BY session_id, project
)
SELECT
    ranked.place,
    ranked.session_id,
    ranked.project,
    governed.outcome,
    ranked.calls,
    ranked.denied_calls,
    CAST(ranked.cost_nano_usd // NULLIF(ranked.priced_calls, 0) AS BIGINT) AS cost_per_call_nano_usd,
    ranked.cost_nano_usd,
    CAST(100 * (ranked.cost_nano_usd / total.cost_nano_usd) AS DECIMAL(5, 2)) AS share_percent,
    CAST(100 * (ranked.cumulative_nano_usd / total.cost_nano_usd) AS DECIMAL(5, 2)) AS cumulative_percent
FROM ranked
CROSS JOIN total
LEFT JOIN governed
    ON governed.session_id = ranked.session_id
    AND governed.project IS NOT DISTINCT FROM ranked.project
ORDER BY place;
