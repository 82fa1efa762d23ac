-- title:   Calls on the ladder
-- summary: What was done in place of a refusal: calls that were capped, waited, downgraded or let pass by a person, by day.
-- method:  A call counts in each rung that it was on, on the day on which it was decided, with the budget that governed it. What was refused counts as refused, also after a wait or a question to a person.
-- param:   since                 TIMESTAMP      optional  first instant, inclusive, UTC
-- param:   until                 TIMESTAMP      optional  last instant, exclusive, UTC
-- param:   zone                  ZONE           default=UTC  IANA time zone, whose days are shown
-- param:   budget                VARCHAR        optional  only calls that this budget governed
-- column:  day                   DATE           in `zone`
-- column:  budget                VARCHAR        budget that governed
-- column:  capped_calls          BIGINT         calls, with a lower maximum of output
-- column:  waited_calls          BIGINT         calls, that passed after a wait for other calls
-- column:  downgraded_calls      BIGINT         calls, to a cheaper model
-- column:  asked_calls           BIGINT         calls, that were parked for a person, whatever became of them
-- column:  approved_calls        BIGINT         calls, that a person let pass
-- column:  refused_calls         BIGINT         calls, refused by the budget
-- column:  waited_seconds        DECIMAL(18,3)  seconds, of all calls, for others or for a person
-- column:  longest_wait_seconds  DECIMAL(18,3)  seconds, of one call
-- column:  least_cap_tokens      BIGINT         tokens, the lowest maximum that was stated; NULL when none was
-- column:  held_nano_usd         BIGINT         nano-USD, held for the calls that passed by a rung
-- reads:   reservation_event
-- chart:   x=day y=capped_calls
SELECT
    local_time(recorded_at, $zone)::DATE AS day,
    governing_budget AS budget,
    COUNT(*) FILTER (WHERE list_contains(string_split(rungs, ','), 'cap')) AS capped_calls,
    COUNT(*) FILTER (WHERE list_contains(string_split(rungs, ','), 'wait')) AS waited_calls,
    COUNT(*) FILTER (WHERE list_contains(string_split(rungs, ','), 'downgrade')) AS downgraded_calls,
    COUNT(DISTINCT approval_id) AS asked_calls,
    COUNT(*) FILTER (WHERE list_contains(string_split(rungs, ','), 'ask')) AS approved_calls,
    COALESCE(SUM(COALESCE(times, 1)) FILTER (WHERE kind = 'denied'), 0)::BIGINT AS refused_calls,
    (COALESCE(SUM(waited_us), 0) / 1_000_000)::DECIMAL(18, 3) AS waited_seconds,
    (COALESCE(MAX(waited_us) FILTER (WHERE times IS NULL), 0) / 1_000_000)::DECIMAL(18, 3) AS longest_wait_seconds,
    MIN(output_cap_tokens) AS least_cap_tokens,
    COALESCE(SUM(estimate_nano_usd) FILTER (WHERE kind = 'reserved'), 0)::BIGINT AS held_nano_usd
FROM reservation_event
WHERE governing_budget IS NOT NULL
  AND ((kind = 'reserved' AND rungs IS NOT NULL) OR (kind = 'denied' AND denial = 'budget_exceeded'))
  AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
  AND ($budget::VARCHAR IS NULL OR governing_budget = $budget)
GROUP BY ALL
ORDER BY day, budget;
