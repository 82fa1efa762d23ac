-- Days of Berlin, 2 hours ahead; only calls of the project web.
-- 6 April: ana 0.10 + 0.20 USD, 3 tokens; a call that names no user has no price
-- 7 April: ana at 22:30 UTC of the day before, 0.40 USD, 8 tokens
INSERT INTO usage_record (admitted_at, project, user_name, input_tokens, cost_nano_usd)
VALUES
    ('2026-04-06 08:00:00', 'web', 'ana', 1, 100_000_000),
    ('2026-04-06 21:59:00', 'web', 'ana', 2, 200_000_000),
    ('2026-04-06 09:00:00', 'web', NULL, 4, NULL),
    ('2026-04-06 22:30:00', 'web', 'ana', 8, 400_000_000),
    ('2026-04-06 22:30:00', 'app', 'ana', 16, 800_000_000);
