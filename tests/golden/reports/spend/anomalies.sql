-- as_of = Monday 2026-04-20, days = 3: Friday 17, Saturday 18 and Sunday 19; the first call is that of Monday 04-06.
-- Friday: the weekdays before it cost 1 2 3 4 5 1 2 3 4: median 3, deviations from it 2 1 0 1 2 2 1 0 1, median 1, so a
--     unit of 1.4826 USD; 8.9304 USD are 5.9304 above: a score of 4.00, which is unusual. 3 calls; gpt-5 cost more than
--     o3, and of the two sessions s-2 did.
-- Saturday: one call, of which one cost is known: only two days of its kind before it, so no score
-- Sunday: no call at all
INSERT INTO usage_record (admitted_at, requested_model, session_id, cost_nano_usd)
VALUES
    ('2026-04-06 01:00:00', 'o3', 's-1', 1_000_000_000), ('2026-04-07 01:00:00', 'o3', 's-1', 2_000_000_000),
    ('2026-04-08 01:00:00', 'o3', 's-1', 3_000_000_000), ('2026-04-09 01:00:00', 'o3', 's-1', 4_000_000_000),
    ('2026-04-10 01:00:00', 'o3', 's-1', 5_000_000_000), ('2026-04-13 01:00:00', 'o3', 's-1', 1_000_000_000),
    ('2026-04-14 01:00:00', 'o3', 's-1', 2_000_000_000), ('2026-04-15 01:00:00', 'o3', 's-1', 3_000_000_000),
    ('2026-04-16 01:00:00', 'o3', 's-1', 4_000_000_000),
    ('2026-04-17 01:00:00', 'gpt-5', 's-1', 4_000_000_000),
    ('2026-04-17 02:00:00', 'gpt-5', 's-2', 2_000_000_000),
    ('2026-04-17 03:00:00', 'o3', 's-2', 2_930_400_000),
    ('2026-04-18 01:00:00', 'gpt-5', 's-1', 1_000_000_000),
    ('2026-04-18 02:00:00', 'gpt-5', 's-1', NULL),
    ('2026-04-20 01:00:00', 'gpt-5', 's-1', 50_000_000_000);
