-- 6 April, day: three passed, two of them capped (one after a wait of 1.5 s, one to another model, too), one by a person
-- after 60 s; 2 + 3 + 4 = 9 USD were held. Two refusals stand as rows, one of them after a person was asked for 300 s, and
-- three were counted in one row, which waited 6 s together: 1 + 1 + 3 = 5. Of 7 April only a refusal of another budget.
-- What passed by itself, was refused for another reason, or was in March, is not here.
INSERT INTO reservation_event
    (store_id, seq, recorded_at, kind, session_id, provider, requested_model, estimate_nano_usd, denial, governing_budget,
     rungs, output_cap_tokens, downgraded_from, waited_us, approval_id, times)
VALUES
    (uuid(), 1, '2026-03-31 23:59:59', 'reserved', 's', 'openai', 'gpt-5', 1, NULL, 'day', 'cap', 1, NULL, NULL, NULL, NULL),
    (uuid(), 2, '2026-04-06 10:00:00', 'reserved', 's', 'openai', 'gpt-5', 2_000_000_000, NULL, 'day', 'wait,cap', 5_000, NULL,
     1_500_000, NULL, NULL),
    (uuid(), 3, '2026-04-06 10:00:01', 'reserved', 's', 'openai', 'gpt-5-mini', 3_000_000_000, NULL, 'day', 'downgrade,cap',
     9_000, 'gpt-5', NULL, NULL, NULL),
    (uuid(), 4, '2026-04-06 10:00:02', 'reserved', 's', 'openai', 'gpt-5', 4_000_000_000, NULL, 'day', 'ask', NULL, NULL,
     60_000_000, '019d6044-0000-7000-8000-000000000001', NULL),
    (uuid(), 5, '2026-04-06 10:00:03', 'reserved', 's', 'openai', 'gpt-5', 5_000_000_000, NULL, 'day', NULL, NULL, NULL, NULL,
     NULL, NULL),
    (uuid(), 6, '2026-04-06 10:00:04', 'denied', 's', 'openai', 'gpt-5', 6_000_000_000, 'budget_exceeded', 'day', NULL, NULL,
     NULL, 300_000_000, '019d6044-0000-7000-8000-000000000002', NULL),
    (uuid(), 7, '2026-04-06 10:00:05', 'denied', 's', 'openai', 'gpt-5', 6_000_000_000, 'budget_exceeded', 'day', NULL, NULL,
     NULL, NULL, NULL, NULL),
    (uuid(), 8, '2026-04-06 10:00:06', 'denied', 's', 'openai', 'gpt-5', 6_000_000_000, 'budget_exceeded', 'day', NULL, NULL,
     NULL, 6_000_000, NULL, 3),
    (uuid(), 9, '2026-04-06 10:00:07', 'denied', 's', 'openai', 'llama', NULL, 'unpriced_model', NULL, NULL, NULL, NULL, NULL,
     NULL, NULL),
    (uuid(), 10, '2026-04-07 00:00:00', 'denied', 's', 'openai', 'gpt-5', 1, 'budget_exceeded', 'month', NULL, NULL, NULL,
     NULL, NULL, NULL);
