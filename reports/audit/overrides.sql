-- title:   Overrides
-- summary: Every override: who granted it and why, what became of it, and what it let pass; the newest first.
-- param:   since                   TIMESTAMP  optional  first grant, inclusive, UTC
-- param:   until                   TIMESTAMP  optional  last grant, exclusive, UTC
-- param:   actor                   VARCHAR    optional  only those that this principal granted
-- column:  granted_at              TIMESTAMP  UTC
-- column:  override_id             VARCHAR    override id
-- column:  actor                   VARCHAR    principal who granted it
-- column:  reason                  VARCHAR    as it was given, NULL without one
-- column:  session_id              VARCHAR    session it holds for, NULL for any
-- column:  used_in                 VARCHAR    session of the call that used it, NULL while unused
-- column:  lifted                  VARCHAR    budgets that it lifted, the governing one first, NULL while unused
-- column:  expires_at              TIMESTAMP  UTC
-- column:  fate                    VARCHAR    granted, consumed, restored, replaced or expired: what happened last
-- column:  fate_at                 TIMESTAMP  UTC, when that happened
-- column:  model                   VARCHAR    model of the call that it let pass
-- column:  estimate_nano_usd       BIGINT     nano-USD, held for that call
-- column:  cost_nano_usd           BIGINT     nano-USD, what that call cost; NULL while it runs, or unknown
-- reads:   audit_event, reservation_event
WITH granted AS (
    SELECT store_id, override_id, position, recorded_at, actor, reason, session_id, expires_at
    FROM audit_event
    WHERE kind = 'override_granted'
      AND ($since::TIMESTAMP IS NULL OR recorded_at >= $since)
      AND ($until::TIMESTAMP IS NULL OR recorded_at < $until)
      AND ($actor::VARCHAR IS NULL OR actor = $actor)
),
latest AS (
    SELECT
        override_id,
        arg_max(replace(kind, 'override_', ''), position) AS fate,
        MAX(recorded_at) AS fate_at
    FROM audit_event
    WHERE override_id IS NOT NULL
    GROUP BY override_id
),
used AS (
    SELECT
        override_id,
        arg_max(session_id, position) AS session_id,
        arg_max(
            array_to_string(json_extract_string(details, '$.lifted[*].budget'), ', '), position
        ) AS lifted
    FROM audit_event
    WHERE kind = 'override_consumed'
    GROUP BY override_id
),
passed AS (
    SELECT
        override_id,
        arg_max(requested_model, seq) AS model,
        arg_max(estimate_nano_usd, seq) AS estimate_nano_usd,
        arg_max(cost_nano_usd, seq) FILTER (WHERE kind IN ('committed', 'replaced', 'expired')) AS cost_nano_usd
    FROM reservation_event
    WHERE override_id IS NOT NULL
    GROUP BY override_id
)
SELECT
    granted.recorded_at AS granted_at,
    granted.override_id::VARCHAR AS override_id,
    granted.actor,
    granted.reason,
    granted.session_id,
    used.session_id AS used_in,
    used.lifted,
    granted.expires_at,
    latest.fate,
    latest.fate_at,
    passed.model,
    passed.estimate_nano_usd,
    passed.cost_nano_usd
FROM granted
JOIN latest ON latest.override_id = granted.override_id
LEFT JOIN used ON used.override_id = granted.override_id
LEFT JOIN passed ON passed.override_id = granted.override_id
ORDER BY granted_at DESC, granted.position DESC, override_id;
