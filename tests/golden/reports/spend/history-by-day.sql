-- as_of = 2026-04-06T12:00Z, days = 3 (UP-V16, with tokens and edges added).
-- 2026-04-04: one call, 1.25 USD.                                  tokens 10+20+30+40+50+60 = 210
-- 2026-04-05: 2.00 + 0.50 = 2.50 USD, and one unpriced call:       3 calls, 1 unpriced, tokens 5+6+7 = 18
-- 2026-04-06: 3.00 USD, taken back and recorded as 3.25:           1 call, 3.25 USD, tokens 99
--             The call that was first recorded on 04-05 at 11:00 is now one of 04-06: 0.75 USD, 1 token
-- Outside: the last microsecond before the first bucket, and the first instant after the last one.
-- Inside: the first instant of 04-04 and the last microsecond of 04-06.
INSERT INTO usage_record
    (id, calls, admitted_at, input_tokens, output_tokens, cache_read_tokens,
     cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, cost_nano_usd)
VALUES
    (uuid(), 1, '2026-04-03 23:59:59.999999', 1, 0, 0, 0, 0, 0, 9_000_000_000),
    (uuid(), 1, '2026-04-04 00:00:00', 10, 20, 30, 40, 50, 60, 1_250_000_000),
    (uuid(), 1, '2026-04-05 08:00:00', 5, 0, 0, 0, 0, 0, 2_000_000_000),
    (uuid(), 1, '2026-04-05 09:00:00', 6, 0, 0, 0, 0, 0, 500_000_000),
    (uuid(), 1, '2026-04-05 10:00:00', 7, 0, 0, 0, 0, 0, NULL),
    (uuid(), 1, '2026-04-05 11:00:00', 1, 0, 0, 0, 0, 0, 700_000_000),
    (uuid(), -1, '2026-04-05 11:00:00', -1, 0, 0, 0, 0, 0, -700_000_000),
    (uuid(), 1, '2026-04-06 00:00:00', 1, 0, 0, 0, 0, 0, 750_000_000),
    (uuid(), 1, '2026-04-06 23:59:59.999999', 100, 0, 0, 0, 0, 0, 3_000_000_000),
    (uuid(), -1, '2026-04-06 23:59:59.999999', -100, 0, 0, 0, 0, 0, -3_000_000_000),
    (uuid(), 1, '2026-04-06 23:59:59.999999', 99, 0, 0, 0, 0, 0, 3_250_000_000),
    (uuid(), 1, '2026-04-07 00:00:00', 1, 0, 0, 0, 0, 0, 9_000_000_000);
