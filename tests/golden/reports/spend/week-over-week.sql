-- The present is Thursday 9 April 2026, 12:00 UTC, 14:00 in Berlin; its week began on Sunday 5 April, 22:00 UTC.
-- web: 0.30 USD this week, of them 0.10 on Sunday at 22:30 UTC, which is Monday there; in the week before 0.20 by
-- Thursday 14:00, a call of Thursday at 14:30 there not: 0.25 in all; + 0.10, 50 %
-- app: nothing this week; 0.40 on Monday of the week before; - 0.40, -100 %
-- NULL: a call without a price this week
INSERT INTO usage_record (admitted_at, project, cost_nano_usd)
VALUES
    ('2026-04-05 22:30:00', 'web', 100_000_000),
    ('2026-04-08 10:00:00', 'web', 200_000_000),
    ('2026-03-31 10:00:00', 'web', 200_000_000),
    ('2026-04-02 12:30:00', 'web', 50_000_000),
    ('2026-03-30 10:00:00', 'app', 400_000_000),
    ('2026-03-29 21:30:00', 'app', 800_000_000),
    ('2026-04-08 11:00:00', NULL, NULL);
