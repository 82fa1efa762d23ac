-- one of a: 0.60 + 0.15 = 0.75 USD of 1.5 known: 50 %; tokens 1 + 2 = 3
-- one of b, the same name in another repository: 0.45 USD, 30 %
-- NULL: calls that name none: 0.30 USD, 20 %
-- two: a call without a price
INSERT INTO usage_record (admitted_at, tags, input_tokens, cost_nano_usd)
VALUES
    ('2026-04-01 00:00:00', MAP {'git.repository': 'a', 'git.pull_request': 'one'}, 1, 600_000_000),
    ('2026-04-02 00:00:00', MAP {'git.repository': 'a', 'git.pull_request': 'one'}, 2, 150_000_000),
    ('2026-04-03 00:00:00', MAP {'git.repository': 'b', 'git.pull_request': 'one'}, 4, 450_000_000),
    ('2026-04-04 00:00:00', NULL, 8, 300_000_000),
    ('2026-04-05 00:00:00', MAP {'git.repository': 'a', 'git.pull_request': 'two'}, 16, NULL);
