-- top = 3 of four missions.
-- s-1/build: 0.40 + 0.20 = 0.60 USD of 2: 30 %; ended as completed after 5 steps; tokens 1 + 2 = 3
-- s-2/build: the same id in another session is another mission: 0.50 USD; still running, limit 0.25: 200 %
-- s-3/import: known from usage alone: no limit, no outcome; recorded as 9 USD, taken back, recorded as 0.50;
--     as dear as s-2/build and begun later
-- s-4/late: no price: the fourth, left out. The call outside any mission does not count.
INSERT INTO mission (store_id, seq, recorded_at, event, session_id, mission_id, limit_nano_usd, steps, outcome)
VALUES
    (uuid(), 1, '2026-04-01 10:00:00', 'started', 's-1', 'build', 2_000_000_000, 0, NULL),
    (uuid(), 2, '2026-04-01 11:00:00', 'ended', 's-1', 'build', 2_000_000_000, 5, 'completed'),
    (uuid(), 3, '2026-04-02 10:00:00', 'started', 's-2', 'build', 250_000_000, 0, NULL);
INSERT INTO usage_record (id, corrects_id, calls, admitted_at, session_id, mission_id, input_tokens, cost_nano_usd)
VALUES
    (uuid(), NULL, 1, '2026-04-01 10:10:00', 's-1', 'build', 1, 400_000_000),
    (uuid(), NULL, 1, '2026-04-01 10:20:00', 's-1', 'build', 2, 200_000_000),
    (uuid(), NULL, 1, '2026-04-02 10:10:00', 's-2', 'build', 4, 500_000_000),
    ('00000000-0000-8000-8000-000000000001', NULL, 1, '2026-04-03 00:00:00', 's-3', 'import', 8, 9_000_000_000),
    (uuid(), '00000000-0000-8000-8000-000000000001', -1, '2026-04-03 00:00:00', 's-3', 'import', -8, -9_000_000_000),
    (uuid(), '00000000-0000-8000-8000-000000000001', 1, '2026-04-03 00:00:00', 's-3', 'import', 16, 500_000_000),
    (uuid(), NULL, 1, '2026-04-04 00:00:00', 's-4', 'late', 32, NULL),
    (uuid(), NULL, 1, '2026-04-04 00:00:00', 's-1', NULL, 64, 9_000_000_000);
