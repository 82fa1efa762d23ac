-- since = 2026-04-01 (inclusive), until = 2026-05-01 (exclusive).
-- anthropic: 2.00 + 1.00 = 3 USD of 4 known: 75 %; tokens 10+20+30+40+50+60 = 210, plus 5 = 215
-- openai: 1 USD, 25 %: recorded as 9 USD, taken back and recorded as 1; and one call without a price
-- local: unpriced only, so cost and share are unknown and it stands last
-- gone: a call that was taken back leaves no row. The calls at the edges outside do not count.
INSERT INTO usage_record
    (calls, admitted_at, provider, input_tokens, output_tokens, cache_read_tokens,
     cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, cost_nano_usd)
VALUES
    (1, '2026-03-31 23:59:59.999999', 'openai', 9, 0, 0, 0, 0, 0, 9_000_000_000),
    (1, '2026-04-01 00:00:00', 'anthropic', 10, 20, 30, 40, 50, 60, 2_000_000_000),
    (1, '2026-04-20 12:00:00', 'anthropic', 5, 0, 0, 0, 0, 0, 1_000_000_000),
    (1, '2026-04-02 00:00:00', 'openai', 7, 0, 0, 0, 0, 0, 9_000_000_000),
    (-1, '2026-04-02 00:00:00', 'openai', -7, 0, 0, 0, 0, 0, -9_000_000_000),
    (1, '2026-04-02 00:00:00', 'openai', 8, 0, 0, 0, 0, 0, 1_000_000_000),
    (1, '2026-04-30 23:59:59.999999', 'openai', 2, 0, 0, 0, 0, 0, NULL),
    (1, '2026-04-05 00:00:00', 'local', 3, 4, 0, 0, 0, 0, NULL),
    (1, '2026-04-06 00:00:00', 'gone', 3, 4, 0, 0, 0, 0, 5),
    (-1, '2026-04-06 00:00:00', 'gone', -3, -4, 0, 0, 0, 0, -5),
    (1, '2026-05-01 00:00:00', 'openai', 9, 0, 0, 0, 0, 0, 9_000_000_000);
