-- 04-01, day: two warnings (0.80 and 0.90 of 1 USD), one call that an override let pass at 1.50, one refusal at 2.20:
--     the highest is 2.20 of 1 USD, 220 %; sessions s-1 and s-2. The limit was raised to 4 USD at the last of them,
--     a warning at 3.40 of 4, 85 %, so the highest amount is 3.40 and the highest percent still 220.
-- 04-01, month: one warning. 04-02, day: one refusal of a call without a price, of which no amount is known.
-- What was plainly allowed, settled, or governed by no budget has no row.
-- 04-03, each (tokens, by user): ana is warned at 900 of 1,000, bea is refused at 600 of 500: 120 %, two parts.
INSERT INTO reservation_event
    (store_id, seq, recorded_at, kind, session_id, state, governing_budget, governing_part, governing_measure,
     governing_limit, governing_projected)
VALUES
    (uuid(), 20, '2026-04-03 01:00:00', 'reserved', 's-1', 'warning', 'each', 'ana', 'tokens', 1000, 900),
    (uuid(), 21, '2026-04-03 02:00:00', 'denied', 's-2', 'exceeded', 'each', 'bea', 'tokens', 500, 600);
INSERT INTO reservation_event
    (store_id, seq, recorded_at, kind, session_id, state, governing_budget, governing_limit_nano_usd, projected_nano_usd)
VALUES
    (uuid(), 1, '2026-04-01 01:00:00', 'reserved', 's-1', 'warning', 'day', 1_000_000_000, 800_000_000),
    (uuid(), 2, '2026-04-01 02:00:00', 'reserved', 's-1', 'warning', 'day', 1_000_000_000, 900_000_000),
    (uuid(), 3, '2026-04-01 03:00:00', 'reserved', 's-2', 'exceeded', 'day', 1_000_000_000, 1_500_000_000),
    (uuid(), 4, '2026-04-01 04:00:00', 'denied', 's-2', 'exceeded', 'day', 1_000_000_000, 2_200_000_000),
    (uuid(), 5, '2026-04-01 05:00:00', 'reserved', 's-2', 'warning', 'day', 4_000_000_000, 3_400_000_000),
    (uuid(), 6, '2026-04-01 06:00:00', 'reserved', 's-2', 'warning', 'month', 10_000_000_000, 8_000_000_000),
    (uuid(), 7, '2026-04-01 06:00:00', 'reserved', 's-2', 'allowed', 'month', 10_000_000_000, 100_000_000),
    (uuid(), 8, '2026-04-01 06:00:00', 'committed', 's-2', NULL, NULL, NULL, NULL),
    (uuid(), 9, '2026-04-02 00:00:00', 'denied', 's-3', 'exceeded', 'day', 1_000_000_000, NULL),
    (uuid(), 10, '2026-04-02 00:00:00', 'denied', 's-3', 'exceeded', NULL, NULL, NULL);
