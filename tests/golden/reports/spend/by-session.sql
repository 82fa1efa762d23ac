-- top = 4: of five groups the four most expensive.
-- s-1: 1.5 + 0.5 = 2 USD with two models and two projects, each named once, in alphabetical order
-- s-2: 1 USD, and one call without a price; tokens 1+2+3+4+5+6 = 21, plus 10
-- NULL: calls outside any session, 1 USD like s-2 but begun later, so after it
-- s-3: no priced call, so the cost is unknown and stands behind every known one
-- s-4: unpriced too and begun later: the fifth, left out
INSERT INTO usage_record
    (session_id, project, requested_model, admitted_at, input_tokens, output_tokens, cache_read_tokens,
     cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, cost_nano_usd)
VALUES
    ('s-1', 'web', 'gpt-5', '2026-04-01 10:00:00', 1, 0, 0, 0, 0, 0, 1_500_000_000),
    ('s-1', 'api', 'claude-haiku-4-5', '2026-04-01 11:00:00', 1, 0, 0, 0, 0, 0, 250_000_000),
    ('s-1', 'api', 'claude-haiku-4-5', '2026-04-01 12:00:00', 1, 0, 0, 0, 0, 0, 250_000_000),
    ('s-2', NULL, 'gpt-5', '2026-04-02 10:00:00', 1, 2, 3, 4, 5, 6, 1_000_000_000),
    ('s-2', NULL, 'gpt-5', '2026-04-02 09:00:00', 10, 0, 0, 0, 0, 0, NULL),
    (NULL, 'api', 'gpt-5', '2026-04-03 10:00:00', 8, 0, 0, 0, 0, 0, 1_000_000_000),
    ('s-3', NULL, 'llama', '2026-04-04 10:00:00', 9, 0, 0, 0, 0, 0, NULL),
    ('s-4', NULL, 'llama', '2026-04-05 10:00:00', 9, 0, 0, 0, 0, 0, NULL);
