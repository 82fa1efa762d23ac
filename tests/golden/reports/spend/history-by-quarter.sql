-- as_of = 2026-03-31T23:00Z, quarters = 3, so the buckets are 2025-Q3, 2025-Q4, 2026-Q1.
-- 2025-Q3: its first and its last instant, 1 + 2 nano-USD; the instant before is of the second quarter
-- 2025-Q4: one call, unpriced, so the cost is unknown
-- 2026-Q1: 0.10 + 0.20 = 0.30 USD; what follows is of the second quarter
INSERT INTO usage_record (admitted_at, input_tokens, cost_nano_usd)
VALUES
    ('2025-06-30 23:59:59.999999', 1, 7),
    ('2025-07-01 00:00:00', 2, 1),
    ('2025-09-30 23:59:59.999999', 3, 2),
    ('2025-11-15 12:00:00', 4, NULL),
    ('2026-01-01 00:00:00', 5, 100_000_000),
    ('2026-03-31 23:59:59.999999', 6, 200_000_000),
    ('2026-04-01 00:00:00', 7, 7);
