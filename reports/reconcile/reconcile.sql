-- title:   Bills against the ledger
-- summary: What providers billed on each day and for each model, next to what was recorded, the latest day first.
-- method:  Only days that a bill covers are shown, and of a bill that need not be whole (FOCUS) only the models that it
--          names. `corvus reconcile` says why both differ.
-- param:   since             TIMESTAMP  optional  first day, inclusive, UTC
-- param:   until             TIMESTAMP  optional  end of the last day, exclusive, UTC
-- param:   provider          VARCHAR    optional  only bills of this provider
-- column:  day               DATE       UTC
-- column:  provider          VARCHAR    provider that billed
-- column:  model             VARCHAR    model; NULL for what belongs to none
-- column:  charge            VARCHAR    what is charged apart from models, such as web_search; NULL for use of a model
-- column:  billed_nano_usd   BIGINT     nano-USD, after discounts; 0 where the bill has no line
-- column:  list_nano_usd     BIGINT     nano-USD, before discounts
-- column:  ours_nano_usd     BIGINT     nano-USD, recorded; estimates are in it, unknown costs are not
-- column:  gap_nano_usd      BIGINT     nano-USD, billed less recorded
-- column:  calls             BIGINT     calls, recorded
-- column:  uncertain_calls   BIGINT     calls, whose cost is an estimate, a lower bound or unknown
-- reads:   provider_charge, charge_model, usage_call
WITH charge AS (
    SELECT provider, day, form, model, IF(model IS NULL, COALESCE(NULLIF(label, ''), kind), NULL) AS charge,
        amount_nano_usd, COALESCE(list_amount_nano_usd, amount_nano_usd) AS list_nano_usd
    FROM provider_charge
    WHERE amount_nano_usd IS NOT NULL
      AND ($since::TIMESTAMP IS NULL OR day >= $since::DATE)
      AND ($until::TIMESTAMP IS NULL OR day < $until)
      AND ($provider::VARCHAR IS NULL OR provider = $provider)
),
-- What two bills of one day say does not add up: the one with more lines counts.
form AS (
    SELECT provider, day, form
    FROM charge
    GROUP BY provider, day, form
    QUALIFY row_number() OVER (PARTITION BY provider, day ORDER BY COUNT(*) DESC, form DESC) = 1
),
billed AS (
    SELECT provider, day, model, charge, SUM(amount_nano_usd) AS billed_nano_usd, SUM(list_nano_usd) AS list_nano_usd
    FROM charge SEMI JOIN form USING (provider, day, form)
    GROUP BY ALL
    HAVING COALESCE(charge, '') <> 'nothing billed'
),
ours AS (
    SELECT
        call.provider,
        CAST(call.admitted_at AS DATE) AS day,
        COALESCE(name.model, call.answering_model, call.requested_model) AS model,
        SUM(call.cost_nano_usd) AS ours_nano_usd,
        SUM(call.calls) AS calls,
        SUM(call.calls) FILTER (WHERE call.cost_nano_usd IS NULL OR call.at_least
            OR call.source IN ('estimated', 'presumed')) AS uncertain_calls
    FROM usage_call AS call
    LEFT JOIN charge_model AS name
        ON name.provider = call.provider AND name.name = COALESCE(call.answering_model, call.requested_model)
    SEMI JOIN form ON form.provider = call.provider AND form.day = CAST(call.admitted_at AS DATE)
    GROUP BY ALL
),
-- A bill that names no model is held against all of them.
undivided AS (
    SELECT provider, day
    FROM billed
    GROUP BY ALL
    HAVING BOOL_AND(model IS NULL) AND BOOL_OR(charge = 'usage')
),
recorded AS (
    SELECT
        ours.provider,
        ours.day,
        IF(undivided.day IS NULL, ours.model, NULL) AS model,
        IF(undivided.day IS NULL, NULL, 'usage') AS charge,
        SUM(ours_nano_usd) AS ours_nano_usd,
        SUM(calls) AS calls,
        SUM(uncertain_calls) AS uncertain_calls
    FROM ours
    LEFT JOIN undivided ON undivided.provider = ours.provider AND undivided.day = ours.day
    GROUP BY ALL
)
SELECT
    COALESCE(billed.day, recorded.day) AS day,
    COALESCE(billed.provider, recorded.provider) AS provider,
    COALESCE(billed.model, recorded.model) AS model,
    COALESCE(billed.charge, recorded.charge) AS charge,
    COALESCE(billed_nano_usd, 0)::BIGINT AS billed_nano_usd,
    COALESCE(list_nano_usd, 0)::BIGINT AS list_nano_usd,
    COALESCE(ours_nano_usd, 0)::BIGINT AS ours_nano_usd,
    (COALESCE(billed_nano_usd, 0) - COALESCE(ours_nano_usd, 0))::BIGINT AS gap_nano_usd,
    COALESCE(recorded.calls, 0)::BIGINT AS calls,
    COALESCE(uncertain_calls, 0)::BIGINT AS uncertain_calls
FROM billed
FULL JOIN recorded
    ON recorded.provider = billed.provider AND recorded.day = billed.day
    AND recorded.model IS NOT DISTINCT FROM billed.model AND recorded.charge IS NOT DISTINCT FROM billed.charge
LEFT JOIN form
    ON form.provider = COALESCE(billed.provider, recorded.provider) AND form.day = COALESCE(billed.day, recorded.day)
WHERE billed.day IS NOT NULL OR form.form <> 'focus'
ORDER BY day DESC, provider, charge NULLS FIRST, model, billed_nano_usd;
