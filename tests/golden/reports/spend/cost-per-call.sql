-- gpt-5: 100 calls of 1, 2, … 100 nano-USD: at least 50 % do not exceed 50, 90 % 90, 99 % 99; the mean is 5050 / 100 = 50.5
--     and rounded down 50. A call of 7777 that was taken back is in none of them.
-- claude-haiku-4-5: two calls of 10 and 20: half of them do not exceed 10, 90 % need both; one more has no price
-- llama: no price at all
INSERT INTO usage_record (provider, requested_model, cost_nano_usd, admitted_at)
SELECT 'openai', 'gpt-5', range, TIMESTAMP '2026-04-01' FROM range(1, 101);
INSERT INTO usage_record (id, corrects_id, calls, provider, requested_model, cost_nano_usd, admitted_at)
VALUES
    ('00000000-0000-8000-8000-000000000001', NULL, 1, 'openai', 'gpt-5', 7777, '2026-04-01'),
    (uuid(), '00000000-0000-8000-8000-000000000001', -1, 'openai', 'gpt-5', -7777, '2026-04-01'),
    (uuid(), NULL, 1, 'anthropic', 'claude-haiku-4-5', 10, '2026-04-01'),
    (uuid(), NULL, 1, 'anthropic', 'claude-haiku-4-5', 20, '2026-04-01'),
    (uuid(), NULL, 1, 'anthropic', 'claude-haiku-4-5', NULL, '2026-04-01'),
    (uuid(), NULL, 1, 'local', 'llama', NULL, '2026-04-01');
