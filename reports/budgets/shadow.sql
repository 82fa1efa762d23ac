-- title:   Calls that a shadow policy would not have let pass
-- summary: What the policy of `governance.shadow` would have refused or changed of the calls that passed, and what they cost.
-- method:  A call has its mark in the tag `corvus.shadow` from its admission on, and is here once it is settled. What the
--          shadow would have refused counts in none of its budgets. No report can know what an agent would have done
--          after a refusal; calls that were refused in truth are in `budgets/denied`.
-- param:   since          TIMESTAMP  optional  first instant of admission, inclusive, UTC
-- param:   until          TIMESTAMP  optional  last instant of admission, exclusive, UTC
-- param:   budget         VARCHAR    optional  only calls that this budget of the shadow would have stopped
-- column:  policy         VARCHAR    shadow policy, the first digits of its hash
-- column:  verdict        VARCHAR    refused, capped, waited, downgraded or asked
-- column:  budget         VARCHAR    budget of the shadow that governs, or another reason to refuse
-- column:  provider       VARCHAR    provider that was asked
-- column:  model          VARCHAR    model that was asked for
-- column:  calls          BIGINT     calls
-- column:  sessions       BIGINT     sessions, all that had such a call
-- column:  users          BIGINT     users, all that had such a call and are named
-- column:  first_at       TIMESTAMP  UTC, admission of the first call
-- column:  last_at        TIMESTAMP  UTC, admission of the last call
-- column:  first_session  VARCHAR    session of the first call
-- column:  cost_nano_usd  BIGINT     nano-USD, of the calls whose cost is known; NULL when none has one
-- reads:   usage_record
-- chart:   x=budget y=cost_nano_usd
WITH marked AS (
    SELECT
        string_split(tags['corvus.shadow'], ':') AS mark,
        provider,
        requested_model AS model,
        calls,
        session_id,
        user_name,
        admitted_at,
        cost_nano_usd
    FROM usage_record
    WHERE tags['corvus.shadow'] IS NOT NULL
      AND ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
)
SELECT
    mark[1] AS policy,
    mark[2] AS verdict,
    mark[3] AS budget,
    provider,
    model,
    SUM(calls)::BIGINT AS calls,
    COUNT(DISTINCT session_id) AS sessions,
    COUNT(DISTINCT user_name) AS users,
    MIN(admitted_at) AS first_at,
    MAX(admitted_at) AS last_at,
    MIN({'at': admitted_at, 'session_id': session_id}).session_id AS first_session,
    CASE WHEN SUM(calls) FILTER (WHERE cost_nano_usd IS NOT NULL) > 0 THEN SUM(cost_nano_usd) END::BIGINT AS cost_nano_usd
FROM marked
WHERE ($budget::VARCHAR IS NULL OR mark[3] = $budget)
GROUP BY ALL
HAVING SUM(calls) > 0
ORDER BY cost_nano_usd DESC NULLS LAST, calls DESC, policy, verdict, budget, provider NULLS LAST, model NULLS LAST;
