-- Branch one of repository a: 0.60 + 0.15 USD of gpt-5 in two sessions, 10 + 20 fresh and 70 cached tokens: 70 %; a call of
-- gpt-5-mini that names no repository: 0.05 USD. All: 3 calls, 2 sessions, 70 of 104 input tokens: 67.31 %.
-- The same branch of repository b, another branch, and March are not here.
INSERT INTO usage_record
    (admitted_at, session_id, provider, requested_model, branch, tags, input_tokens, cache_read_tokens, output_tokens, cost_nano_usd)
VALUES
    ('2026-03-31 23:59:59', 's', 'openai', 'gpt-5', NULL, MAP {'git.repository': 'a', 'git.branch': 'one'}, 1, 0, 0, 1),
    ('2026-04-01 00:00:00', 's', 'openai', 'gpt-5', NULL, MAP {'git.repository': 'a', 'git.branch': 'one'}, 10, 70, 5, 600_000_000),
    ('2026-04-02 00:00:00', 't', 'openai', 'gpt-5', NULL, MAP {'git.repository': 'a', 'git.branch': 'one'}, 20, 0, 5, 150_000_000),
    ('2026-04-02 00:00:01', 't', 'openai', 'gpt-5-mini', 'one', NULL, 4, 0, 1, 50_000_000),
    ('2026-04-03 00:00:00', 'u', 'openai', 'gpt-5', NULL, MAP {'git.repository': 'b', 'git.branch': 'one'}, 4, 0, 0, 450_000_000),
    ('2026-04-04 00:00:00', 'u', 'openai', 'gpt-5', NULL, NULL, 8, 0, 0, 300_000_000),
    ('2026-04-05 00:00:00', 'u', 'openai', 'gpt-5', NULL, MAP {'git.repository': 'a', 'git.branch': 'two'}, 16, 0, 0, 9);
