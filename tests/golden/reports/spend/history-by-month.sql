-- as_of = 2026-03-31T23:00Z, months = 4, so the buckets are 2025-12, 2026-01, 2026-02, 2026-03:
-- a window over a year's end that steps back from the 31st over a month of 28 days.
-- 2025-12: its first instant, 0.000000001 USD (one nano-USD)
-- 2026-01: no call, so 0
-- 2026-02: one call, unpriced, so the cost is unknown: an empty cell, not 0
-- 2026-03: 0.10 + 0.20 = 0.30 USD, exact where floats give 0.30000000000000004
INSERT INTO usage_record (admitted_at, input_tokens, cost_nano_usd)
VALUES
    ('2025-11-30 23:59:59.999999', 1, 7),
    ('2025-12-01 00:00:00', 2, 1),
    ('2026-02-28 12:00:00', 3, NULL),
    ('2026-03-01 00:00:00', 4, 100_000_000),
    ('2026-03-31 23:59:59.999999', 5, 200_000_000),
    ('2026-04-01 00:00:00', 6, 7);
