-- as_of = 2026-03-31T23:00Z, years = 2, so the buckets are 2025 and 2026, which is whole: its last instant counts.
-- 2025: its first instant, one nano-USD, and one call without a price
-- 2026: 0.10 + 0.20 = 0.30 USD
INSERT INTO usage_record (admitted_at, input_tokens, cost_nano_usd)
VALUES
    ('2024-12-31 23:59:59.999999', 1, 7),
    ('2025-01-01 00:00:00', 2, 1),
    ('2025-12-31 23:59:59.999999', 3, NULL),
    ('2026-01-01 00:00:00', 4, 100_000_000),
    ('2026-12-31 23:59:59.999999', 5, 200_000_000),
    ('2027-01-01 00:00:00', 6, 7);
