-- since 2026-04-01. day refused gpt-5 twice, 2 + 3 = 5 USD, the largest 3, in one session; and o3 once, 5 USD: equal
-- money, so the more calls first. A model without a price was refused by no budget: nothing that is known was avoided.
-- each refused ana and bea a call of the same model: a row for each.
-- What was admitted, and what was refused in March, is not here.
INSERT INTO reservation_event
    (store_id, seq, recorded_at, kind, session_id, provider, requested_model, estimate_nano_usd, denial,
     governing_budget, governing_part, governing_measure)
VALUES
    (uuid(), 20, '2026-04-06 00:00:00', 'denied', 's-3', 'openai', 'o3', 4, 'budget_exceeded', 'each', 'ana', 'calls'),
    (uuid(), 21, '2026-04-06 00:00:01', 'denied', 's-3', 'openai', 'o3', 4, 'budget_exceeded', 'each', 'bea', 'calls');
INSERT INTO reservation_event
    (store_id, seq, recorded_at, kind, session_id, provider, requested_model, estimate_nano_usd, denial, governing_budget)
VALUES
    (uuid(), 1, '2026-03-31 23:59:59', 'denied', 's-1', 'openai', 'gpt-5', 9_000_000_000, 'budget_exceeded', 'day'),
    (uuid(), 2, '2026-04-01 00:00:00', 'denied', 's-1', 'openai', 'gpt-5', 2_000_000_000, 'budget_exceeded', 'day'),
    (uuid(), 3, '2026-04-02 00:00:00', 'denied', 's-1', 'openai', 'gpt-5', 3_000_000_000, 'budget_exceeded', 'day'),
    (uuid(), 4, '2026-04-03 00:00:00', 'denied', 's-2', 'openai', 'o3', 5_000_000_000, 'budget_exceeded', 'day'),
    (uuid(), 5, '2026-04-04 00:00:00', 'denied', 's-2', NULL, 'llama', NULL, 'unpriced_model', NULL),
    (uuid(), 6, '2026-04-05 00:00:00', 'reserved', 's-2', 'openai', 'o3', 1, NULL, 'day');
