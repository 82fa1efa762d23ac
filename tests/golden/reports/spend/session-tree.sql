-- Only calls of the session s-1; the call of 100 USD in s-2 does not count. All known cost: 2 USD.
-- builder itself: 0.5 + 0.25 = 0.75 USD, 37.5 %
-- a1, started by the agent: 0.5 USD, 25 %
-- a2, started by a1, which only its second call says: 0.25 + 0.5 = 0.75 USD, 37.5 %
-- calls without an agent: one without a price
INSERT INTO usage_record
    (admitted_at, session_id, agent, subagent, parent_subagent, input_tokens, cost_nano_usd)
VALUES
    ('2026-04-01 00:00:00', 's-1', 'builder', NULL, NULL, 1, 500_000_000),
    ('2026-04-01 00:00:05', 's-1', 'builder', NULL, NULL, 2, 250_000_000),
    ('2026-04-01 00:00:01', 's-1', 'builder', 'a1', NULL, 4, 500_000_000),
    ('2026-04-01 00:00:02', 's-1', 'builder', 'a2', NULL, 8, 250_000_000),
    ('2026-04-01 00:00:03', 's-1', 'builder', 'a2', 'a1', 16, 500_000_000),
    ('2026-04-01 00:00:04', 's-1', NULL, NULL, NULL, 32, NULL),
    ('2026-04-01 00:00:04', 's-2', 'builder', 'a1', NULL, 64, 100_000_000_000);
