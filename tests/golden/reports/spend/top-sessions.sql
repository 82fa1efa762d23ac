-- top = 3, since 2026-04-01. Known cost in all: 5 + 2 + 1 + 2 (outside any session) = 10 USD.
-- 1. s-1: 5 USD, 50 %; 2 priced calls, 2.50 each; warned when it was closed the last time; 1 refusal (that of
--    March does not count, and neither does what was admitted)
-- 2. s-2: 2 USD, 20 %, together 70 %; of 4 calls 3 have a price: 2 / 3 = 0.666666666 each; still open
-- 3. s-3: 1 USD, 10 %, together 80 %; not governed
-- s-4 costs nothing that is known: the fourth. March is before the time asked for.
INSERT INTO usage_record (admitted_at, session_id, cost_nano_usd)
VALUES
    ('2026-03-31 23:59:59', 's-4', 50_000_000_000),
    ('2026-04-01 00:00:00', 's-1', 4_000_000_000),
    ('2026-04-01 00:00:00', 's-1', 1_000_000_000),
    ('2026-04-02 00:00:00', 's-2', 1_000_000_000),
    ('2026-04-02 00:00:00', 's-2', 500_000_000),
    ('2026-04-02 00:00:00', 's-2', 500_000_000),
    ('2026-04-02 00:00:00', 's-2', NULL),
    ('2026-04-03 00:00:00', 's-3', 1_000_000_000),
    ('2026-04-04 00:00:00', 's-4', NULL),
    ('2026-04-05 00:00:00', NULL, 2_000_000_000);
INSERT INTO reservation_event (store_id, seq, recorded_at, kind, session_id)
VALUES
    (uuid(), 1, '2026-03-30 00:00:00', 'denied', 's-1'),
    (uuid(), 2, '2026-04-01 00:00:00', 'reserved', 's-1'),
    (uuid(), 3, '2026-04-01 00:00:00', 'denied', 's-1');
INSERT INTO session (store_id, seq, recorded_at, event, session_id, outcome)
VALUES
    (uuid(), 4, '2026-03-01 00:00:00', 'opened', 's-1', NULL),
    (uuid(), 5, '2026-03-02 00:00:00', 'closed', 's-1', 'within_budget'),
    (uuid(), 6, '2026-04-01 00:00:00', 'opened', 's-1', NULL),
    (uuid(), 7, '2026-04-02 00:00:00', 'closed', 's-1', 'warned'),
    (uuid(), 8, '2026-04-02 00:00:00', 'opened', 's-2', NULL);
