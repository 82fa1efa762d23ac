-- as_of = Friday 2026-04-10T12:00Z: 20 days to come. Complete days since the first call: 04-06 1, 04-07 3, 04-08 0 and
-- 04-09 4 USD, of which one call was corrected: a mean of 2, as four weeks of them are missing. Today 0.50 of 2 USD.
-- Spent 8.50; rest 20 x 2 + 1.50 = 41.50; forecast 50. Nothing in March.
-- Single days were off by -1, 1, -2 and 2: squares 10, variance 10 / 3; 21 days: root of 70 = 8.3666002653;
-- times 1.2816 = 10.7226349, in whole micro-USD 10.722635: from 39.277365 to 60.722635.
-- What comes after the present, and what has no price, is not in it.
INSERT INTO usage_record (calls, admitted_at, cost_nano_usd)
VALUES
    (1, '2026-04-06 00:00:00', 1_000_000_000),
    (1, '2026-04-07 10:00:00', 2_000_000_000),
    (1, '2026-04-07 11:00:00', 1_000_000_000),
    (1, '2026-04-09 11:00:00', 9_000_000_000),
    (-1, '2026-04-09 11:00:00', -9_000_000_000),
    (1, '2026-04-09 11:00:00', 4_000_000_000),
    (1, '2026-04-09 12:00:00', NULL),
    (1, '2026-04-10 12:00:00', 500_000_000),
    (1, '2026-04-10 12:00:01', 9_000_000_000);
