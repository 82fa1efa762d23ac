-- since = 2026-04-01 (inclusive), until = 2026-05-01 (exclusive).
-- anthropic/claude-sonnet-4-5: 1.00 + 1.00 = 2.00 USD, of a known total of 2 + 0.5 + 0.5 = 3 USD: 66.67 %
-- anthropic/claude-haiku-4-5 and openai/gpt-5: 0.50 USD each, 16.67 %; equal cost, so by provider and model.
--     The haiku call was recorded with 40 output tokens, taken back, and recorded with 30: 1 call, 30 tokens.
--     Of the two gpt-5 calls one has no price: it is counted and its tokens are, its cost is not 0 but unknown.
-- local/llama: only an unpriced call: cost and share are unknown, so it stands last.
-- The two calls at the edges outside must not count.
INSERT INTO usage_record
    (id, calls, admitted_at, provider, requested_model, input_tokens, output_tokens,
     cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens,
     web_search_requests, cost_nano_usd)
VALUES
    (uuid(), 1, '2026-03-31 23:59:59.999999', 'openai', 'gpt-5', 9, 9, 9, 9, 9, 9, 9, 9_000_000_000),
    (uuid(), 1, '2026-04-01 00:00:00', 'anthropic', 'claude-sonnet-4-5', 100, 50, 1000, 200, 300, 0, 1, 1_000_000_000),
    (uuid(), 1, '2026-04-02 00:00:00', 'anthropic', 'claude-sonnet-4-5', 11, 22, 33, 44, 55, 0, 2, 1_000_000_000),
    (uuid(), 1, '2026-04-03 00:00:00', 'anthropic', 'claude-haiku-4-5', 5, 40, 0, 0, 0, 0, 0, 700_000_000),
    (uuid(), -1, '2026-04-03 00:00:00', 'anthropic', 'claude-haiku-4-5', -5, -40, 0, 0, 0, 0, 0, -700_000_000),
    (uuid(), 1, '2026-04-03 00:00:00', 'anthropic', 'claude-haiku-4-5', 5, 30, 0, 0, 0, 0, 0, 500_000_000),
    -- One that was priced and then could not be any more: unknown, not 0.
    (uuid(), 1, '2026-04-05 00:00:00', 'local', 'llama', 1, 0, 0, 0, 0, 0, 0, 5),
    (uuid(), -1, '2026-04-05 00:00:00', 'local', 'llama', -1, 0, 0, 0, 0, 0, 0, -5),
    -- One that now counts as another model altogether: no row is left of it.
    (uuid(), 1, '2026-04-05 00:00:00', 'local', 'gone', 7, 0, 0, 0, 0, 0, 0, 5),
    (uuid(), -1, '2026-04-05 00:00:00', 'local', 'gone', -7, 0, 0, 0, 0, 0, 0, -5),
    (uuid(), 1, '2026-04-04 00:00:00', 'openai', 'gpt-5', 7, 8, 0, 0, 0, 9, 0, 500_000_000),
    (uuid(), 1, '2026-04-30 23:59:59.999999', 'openai', 'gpt-5', 1, 1, 0, 0, 0, 1, 0, NULL),
    (uuid(), 1, '2026-04-05 00:00:00', 'local', 'llama', 3, 4, 0, 0, 0, 0, 0, NULL),
    (uuid(), 1, '2026-05-01 00:00:00', 'openai', 'gpt-5', 9, 9, 9, 9, 9, 9, 9, 9_000_000_000);
