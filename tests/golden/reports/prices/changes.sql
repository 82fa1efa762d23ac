-- claude: input 3 USD per million, then from 04-01 on 4 USD: +33.33 %; output 15 USD stays, so it is told once. Another
--     store tells the price of April again: no change. An entry in force earlier, used later, comes before.
-- gpt-5: free at first, then 2 USD: no percent of 0.
INSERT INTO price_entry (store_id, seq, recorded_at, entry, book, provider, model, effective_from, rates)
VALUES
    (uuid(), 1, '2026-04-02 08:00:00', 'c@2026-04-01', 'bundled', 'anthropic', 'claude', '2026-04-01',
     MAP {'input': 4_000_000_000, 'output': 15_000_000_000}),
    (uuid(), 2, '2026-04-03 09:00:00', 'c@2026-04-01', 'bundled', 'anthropic', 'claude', '2026-04-01',
     MAP {'input': 4_000_000_000, 'output': 15_000_000_000}),
    (uuid(), 1, '2026-04-01 08:00:00', 'c', 'bundled', 'anthropic', 'claude', NULL,
     MAP {'input': 3_000_000_000, 'output': 15_000_000_000}),
    (uuid(), 3, '2026-04-01 08:00:00', 'user:gpt-5', 'user', NULL, 'gpt-5', NULL, MAP {'input': 0}),
    (uuid(), 4, '2026-04-05 08:00:00', 'user:gpt-5', 'user', NULL, 'gpt-5', NULL, MAP {'input': 2_000_000_000});
