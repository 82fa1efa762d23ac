-- Weeks of Berlin, 2 hours ahead; ana cost most in the whole range, and has the only place.
-- week of 30 March: ana 0.10 USD; ben 0.20 USD and a call that names no user, 0.05 USD
-- week of 6 April: ana at 22:30 UTC of Sunday, 0.40 USD, and a call without a price
INSERT INTO usage_record (admitted_at, user_name, cost_nano_usd)
VALUES
    ('2026-04-01 08:00:00', 'ana', 100_000_000),
    ('2026-04-02 08:00:00', 'ben', 200_000_000),
    ('2026-04-02 09:00:00', NULL, 50_000_000),
    ('2026-04-05 22:30:00', 'ana', 400_000_000),
    ('2026-04-06 08:00:00', 'ana', NULL);
