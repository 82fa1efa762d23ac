-- Eight calls in all, four of them without a price. A free call (0) is priced.
-- local/llama: 2 of 8 = 25 %; tokens 3 and, as the second was recorded again, 5: 8
-- local/qwen and openai/gpt-next: 1 of 8 = 12.5 % each, in order of provider
-- openai/gpt-5: all priced, so not listed
INSERT INTO usage_record
    (id, corrects_id, calls, admitted_at, provider, requested_model, input_tokens, cost_nano_usd)
VALUES
    (uuid(), NULL, 1, '2026-04-01 00:00:00', 'local', 'llama', 3, NULL),
    ('00000000-0000-7000-8000-000000000001', NULL, 1, '2026-03-02 00:00:00', 'local', 'llama', 4, NULL),
    (uuid(), '00000000-0000-7000-8000-000000000001', -1, '2026-03-02 00:00:00', 'local', 'llama', -4, NULL),
    (uuid(), '00000000-0000-7000-8000-000000000001', 1, '2026-04-02 00:00:00', 'local', 'llama', 5, NULL),
    (uuid(), NULL, 1, '2026-04-03 00:00:00', 'local', 'llama', 5, 0),
    (uuid(), NULL, 1, '2026-04-04 00:00:00', 'openai', 'gpt-next', 6, NULL),
    (uuid(), NULL, 1, '2026-04-05 00:00:00', 'local', 'qwen', 7, NULL),
    (uuid(), NULL, 1, '2026-04-06 00:00:00', 'openai', 'gpt-5', 8, 1),
    (uuid(), NULL, 1, '2026-04-07 00:00:00', 'openai', 'gpt-5', 8, 1),
    (uuid(), NULL, 1, '2026-04-08 00:00:00', 'openai', 'gpt-5', 8, 1);
