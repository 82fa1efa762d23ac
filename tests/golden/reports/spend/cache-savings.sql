-- Rates of claude in nano-USD per million tokens: input 3e9, read 0.3e9, write 3.75e9 (5 minutes) and 6e9 (1 hour);
-- the row told first had other ones and no longer counts.
-- claude: 1,000,000 read: each million saved 3 - 0.3 = 2.7 USD; 200,000 written for 5 minutes at 0.75 per million more:
--     0.15; 100,000 for 1 hour at 3 per million more: 0.30; saved 2.70 - 0.45 = 2.25 USD.
--     Of 300,000 + 1,000,000 + 300,000 tokens of input 62.5 % were read. The call of 900,000 was taken back.
-- gpt-5: 2,000,000 read at 1.25e9 - 0.125e9 less per million: 2.25 USD; a rate for writing it has none, and wrote none;
--     2,000,000 of 2,000,000: 100 %. As much saved as by claude: by provider, then.
-- llama: reads 5 tokens at rates nobody knows: counted apart. plain: no cache, no row.
INSERT INTO price_entry (store_id, seq, recorded_at, entry, book, provider, model, rates)
VALUES
    (uuid(), 1, '2026-01-01', 'c', 'user', 'anthropic', 'claude', MAP {'input': 1, 'cache_read': 1, 'cache_write_1h': 9}),
    (uuid(), 2, '2026-03-01', 'c', 'user', 'anthropic', 'claude',
     MAP {'input': 3_000_000_000, 'cache_read': 300_000_000, 'cache_write_5m': 3_750_000_000, 'cache_write_1h': 6_000_000_000}),
    (uuid(), 3, '2026-03-01', 'g', 'bundled', 'openai', 'gpt-5', MAP {'input': 1_250_000_000, 'cache_read': 125_000_000});
INSERT INTO usage_record
    (calls, admitted_at, provider, requested_model, price_entry, input_tokens, cache_read_tokens, cache_write_5m_tokens,
     cache_write_1h_tokens, cost_nano_usd)
VALUES
    (1, '2026-04-01', 'anthropic', 'claude', 'c', 100_000, 600_000, 200_000, 0, 1),
    (1, '2026-04-02', 'anthropic', 'claude', 'c', 200_000, 400_000, 0, 100_000, 1),
    (1, '2026-04-02', 'anthropic', 'claude', 'c', 0, 900_000, 0, 0, 1),
    (-1, '2026-04-02', 'anthropic', 'claude', 'c', 0, -900_000, 0, 0, -1),
    (1, '2026-04-03', 'openai', 'gpt-5', 'g', 0, 2_000_000, 0, 0, 1),
    (1, '2026-04-04', 'local', 'llama', NULL, 5, 5, 0, 0, NULL),
    (1, '2026-04-05', 'local', 'plain', NULL, 5, 0, 0, 0, NULL);
