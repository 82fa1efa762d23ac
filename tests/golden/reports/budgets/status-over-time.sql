-- The budgets, the present and the parameters stand in the test: day 1 USD (80 %), month without a limit, gpt-week
-- 2 USD (80 %) for models gpt-* in New York, all 10 USD in total; 2026-04-08T12:00Z, 2 windows.
-- day 04-07: 0.80 + 0.20 = 1.00 USD: exactly the limit, so a warning, from 0.80 in the quarter of 10:00 on; one call
--     without a price; two refusals (that for want of a price is not the budget's) and one reset
-- day 04-08: 0.30 USD; the call that was taken back and that of half past twelve, after the present, do not count
-- month of April: 0.30 + 1.00 + 1.00 + 0.30 = 2.60 USD of no limit; March ended before the first call
-- gpt-week: Monday 04-06 begins at 04:00Z in New York. Before it 0.30 USD, 15 %. In it 1.00 + 0.80 = 1.80, a warning
--     from 1.60 on; then 2.10, 105 %, in the quarter of 11:45. claude does not match.
-- all: 2.60 USD of 10, and three calls of users that cost nothing; they are calls of the day and the month, too.
-- each, by user: on 04-08 ana used 500 of 1,000 tokens, exactly the threshold, in the quarter of 09:00; bot-1 used 120 of
--     the 100 that bot-* have, over the limit in the quarter of 09:30, and is the fuller; "a,b" was refused and used
--     nothing. On 04-07 nobody did. A reset of ana's part counts for her alone.
INSERT INTO usage_record (calls, admitted_at, requested_model, cost_nano_usd)
VALUES
    (1, '2026-04-06 03:00:00', 'gpt-5', 300_000_000),
    (1, '2026-04-06 04:00:00', 'gpt-5', 1_000_000_000),
    (1, '2026-04-07 10:05:00', 'gpt-5', 800_000_000),
    (1, '2026-04-07 10:20:00', 'claude', 200_000_000),
    (1, '2026-04-07 23:59:59', 'gpt-5', NULL),
    (1, '2026-04-08 11:50:00', 'gpt-5', 300_000_000),
    (1, '2026-04-08 11:59:59', 'gpt-5', 5_000_000_000),
    (-1, '2026-04-08 11:59:59', 'gpt-5', -5_000_000_000),
    (1, '2026-04-08 12:30:00', 'gpt-5', 9_000_000_000);
INSERT INTO usage_record (calls, admitted_at, requested_model, user_name, input_tokens, output_tokens, cost_nano_usd)
VALUES
    (1, '2026-04-08 09:05:00', 'claude', 'ana', 400, 100, 0),
    (1, '2026-04-08 09:10:00', 'claude', 'bot-1', 60, 0, 0),
    (1, '2026-04-08 09:40:00', 'claude', 'bot-1', 0, 60, 0);
INSERT INTO reservation_event (store_id, seq, recorded_at, kind, denial, governing_budget, governing_part)
VALUES (uuid(), 8, '2026-04-08 10:00:00', 'denied', 'budget_exceeded', 'each', 'a%2Cb');
INSERT INTO reset (store_id, seq, audit_id, budget, budget_key, period, part, effective_at, removed_cost_nano_usd, removed_requests)
VALUES (uuid(), 9, uuid(), 'each', 'e', 'day', 'ana', '2026-04-08 09:30:00', 0, 1);
INSERT INTO reservation_event (store_id, seq, recorded_at, kind, denial, governing_budget)
VALUES
    (uuid(), 1, '2026-04-07 12:00:00', 'denied', 'budget_exceeded', 'day'),
    (uuid(), 2, '2026-04-07 12:10:00', 'denied', 'budget_exceeded', 'day'),
    (uuid(), 3, '2026-04-07 12:20:00', 'denied', 'unpriced_model', 'day'),
    (uuid(), 4, '2026-04-07 12:20:00', 'reserved', NULL, 'day'),
    (uuid(), 5, '2026-04-08 11:55:00', 'denied', 'budget_exceeded', 'gpt-week'),
    (uuid(), 6, '2026-04-08 12:30:00', 'denied', 'budget_exceeded', 'gpt-week');
INSERT INTO reset (store_id, seq, audit_id, budget, budget_key, period, effective_at, removed_cost_nano_usd, removed_requests)
VALUES
    (uuid(), 7, '01963000-0000-7000-8000-000000000001', 'day', 'd', 'day', '2026-04-07 13:00:00', 1_000_000_000, 2),
    -- The same reset of what a shadow policy counts, under the same name.
    (uuid(), 8, '01963000-0000-7000-8000-000000000001', 'day', 'd, of a shadow', 'day', '2026-04-07 13:00:00', 0, 0);
