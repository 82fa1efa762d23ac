-- session = 's-1', rows = 2, page = 2: of its 3 records the first in time, alone on the second page.
-- Written to a cache: 4 + 5 = 9 tokens; output with reasoning: 2 + 6 = 8. A sum of 7 calls without a price.
-- The call of s-2 is not asked for.
INSERT INTO usage_record
    (id, calls, session_id, mission_id, provider, requested_model, project, agent, admitted_at, input_tokens,
     output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, cost_nano_usd,
     source, outcome)
VALUES
    (uuid(), 7, 's-1', 'm', 'openai', 'gpt-5', 'web', 'bot', '2026-04-01 10:00:00', 1, 2, 3, 4, 5, 6, NULL,
     'imported', 'completed'),
    (uuid(), 1, 's-1', NULL, 'openai', 'gpt-5', NULL, NULL, '2026-04-01 11:00:00', 1, 0, 0, 0, 0, 0, 5, 'priced',
     'completed'),
    (uuid(), 1, 's-1', NULL, 'openai', 'gpt-5', NULL, NULL, '2026-04-01 12:00:00', 1, 0, 0, 0, 0, 0, 5, 'estimated',
     'cancelled'),
    (uuid(), 1, 's-2', NULL, 'openai', 'gpt-5', NULL, NULL, '2026-04-01 09:00:00', 1, 0, 0, 0, 0, 0, 5, 'priced',
     'completed');
