-- The present is 31 March 2026, 12:00 UTC, 14:00 in Berlin; February had 28 days and counts to its end.
-- web: 0.30 USD in March, of them 0.10 on 28 February at 23:30 UTC, which is March there; 0.20 in February, all of it
-- app: nothing in March; 0.40 on 1 February; the 0.80 of 31 January there are of no month that is compared
-- NULL: a call without a price in March
INSERT INTO usage_record (admitted_at, project, cost_nano_usd)
VALUES
    ('2026-02-28 23:30:00', 'web', 100_000_000),
    ('2026-03-30 10:00:00', 'web', 200_000_000),
    ('2026-02-28 22:30:00', 'web', 200_000_000),
    ('2026-02-01 10:00:00', 'app', 400_000_000),
    ('2026-01-31 22:30:00', 'app', 800_000_000),
    ('2026-03-08 11:00:00', NULL, NULL);
