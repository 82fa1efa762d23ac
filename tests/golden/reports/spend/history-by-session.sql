-- as_of = 2026-04-06T12:00Z, sessions = 3: of four groups the three used last, by their first call.
-- old:    last call 04-01, the fourth, left out
-- s-long: 04-02 and 04-06 09:00, 1 + 2 = 3 USD; a call of 12:00:01 is later than as_of and left out
-- NULL:   the calls outside any session are one group: 0.5 USD on 04-03
-- s-new:  one unpriced call on 04-05, so the cost is unknown
INSERT INTO usage_record (session_id, admitted_at, input_tokens, cost_nano_usd)
VALUES
    ('old', '2026-04-01 00:00:00', 1, 9_000_000_000),
    ('s-long', '2026-04-02 00:00:00', 10, 1_000_000_000),
    ('s-long', '2026-04-06 09:00:00', 20, 2_000_000_000),
    ('s-long', '2026-04-06 12:00:01', 40, 8_000_000_000),
    (NULL, '2026-04-03 00:00:00', 5, 500_000_000),
    ('s-new', '2026-04-05 00:00:00', 7, NULL);
