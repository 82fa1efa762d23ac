-- as_of = Wednesday 2026-01-07, weeks = 3: the ISO weeks that begin on Monday 12-22, 12-29 and 01-05.
-- 2025-W52 (12-22 to 12-28): 1 USD at its first instant, 2 USD at its last: 3 USD, 2 calls, tokens 3
-- 2026-W01 (12-29 to 01-04): only a call without a price: unknown, not 0
-- 2026-W02: 5 USD, taken back: no call, so 0
-- Sunday 12-21 and Monday 01-12 are outside.
INSERT INTO usage_record (calls, admitted_at, input_tokens, cost_nano_usd)
VALUES
    (1, '2025-12-21 23:59:59.999999', 9, 9_000_000_000),
    (1, '2025-12-22 00:00:00', 1, 1_000_000_000),
    (1, '2025-12-28 23:59:59.999999', 2, 2_000_000_000),
    (1, '2026-01-01 00:00:00', 4, NULL),
    (1, '2026-01-06 00:00:00', 8, 5_000_000_000),
    (-1, '2026-01-06 00:00:00', -8, -5_000_000_000),
    (1, '2026-01-12 00:00:00', 9, 9_000_000_000);
