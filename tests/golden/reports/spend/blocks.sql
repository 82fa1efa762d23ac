-- Blocks of 5 hours from the full hours of Kathmandu, 5 hours and 45 minutes ahead:
-- 15:00 there is 09:15 UTC: calls at 09:59 and 14:14:59, 0.30 USD, 3 tokens
-- 20:00, or 14:15 UTC: the call at 14:15 sharp opens it; no price, 4 tokens
-- 7 April 07:00, or 01:15 UTC: 8 tokens, free; open at 03:00 UTC, the present
INSERT INTO usage_record (admitted_at, input_tokens, cost_nano_usd)
VALUES
    ('2026-04-06 09:59:00', 1, 100_000_000),
    ('2026-04-06 14:14:59', 2, 200_000_000),
    ('2026-04-06 14:15:00', 4, NULL),
    ('2026-04-07 01:30:00', 8, 0);
