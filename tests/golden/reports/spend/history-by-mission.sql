-- as_of = 2026-04-06T12:00Z, missions = 3.
-- fix in session a: 1 + 2 = 3 USD; fix in session b is another mission (MIS-1): 4 USD.
-- The calls outside any mission, of two sessions, are one row: 0.25 + 0.5 = 0.75 USD.
-- stale: used before all others, so it is the fourth and left out.
INSERT INTO usage_record (session_id, mission_id, admitted_at, input_tokens, cost_nano_usd)
VALUES
    ('a', 'stale', '2026-04-01 00:00:00', 1, 9_000_000_000),
    ('a', 'fix', '2026-04-02 00:00:00', 10, 1_000_000_000),
    ('a', 'fix', '2026-04-02 01:00:00', 20, 2_000_000_000),
    ('b', 'fix', '2026-04-02 00:00:00', 30, 4_000_000_000),
    ('a', NULL, '2026-04-03 00:00:00', 3, 250_000_000),
    ('b', NULL, '2026-04-04 00:00:00', 4, 500_000_000);
