-- rows = 3, page = 1, since 2026-04-01. Sessions in all: s-1, s-2, s-3, none, s-5 = 5; s-4 is before the time asked for.
-- The latest first:
-- s-3: 2 calls refused on the 9th, none made: cost 0 is known; blocked
-- NULL: a call outside any session on the 5th, without a price: the cost is unknown
-- s-2: 2 calls on the 4th, 1.5 USD with one call without a price, 1 refused on the 3rd: its first; still open
-- s-5 and s-1 (both of the 2nd) are on the second page.
INSERT INTO usage_record
    (session_id, admitted_at, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
     cache_write_1h_tokens, reasoning_tokens, cost_nano_usd)
VALUES
    ('s-4', '2026-03-31 23:59:59', 1, 0, 0, 0, 0, 0, 9_000_000_000),
    ('s-1', '2026-04-02 10:00:00', 1, 0, 0, 0, 0, 0, 2_000_000_000),
    ('s-5', '2026-04-02 10:00:00', 1, 0, 0, 0, 0, 0, 2_000_000_000),
    ('s-2', '2026-04-04 10:00:00', 1, 2, 3, 4, 5, 6, 1_500_000_000),
    ('s-2', '2026-04-04 09:00:00', 10, 0, 0, 0, 0, 0, NULL),
    (NULL, '2026-04-05 10:00:00', 8, 0, 0, 0, 0, 0, NULL);
INSERT INTO reservation_event (store_id, seq, recorded_at, kind, session_id)
VALUES
    (uuid(), 1, '2026-04-03 08:00:00', 'denied', 's-2'),
    (uuid(), 2, '2026-04-04 10:00:00', 'reserved', 's-2'),
    (uuid(), 3, '2026-04-09 08:00:00', 'denied', 's-3'),
    (uuid(), 4, '2026-04-09 09:00:00', 'denied', 's-3');
INSERT INTO session (store_id, seq, recorded_at, event, session_id, outcome)
VALUES
    (uuid(), 5, '2026-04-03 08:00:00', 'opened', 's-2', NULL),
    (uuid(), 6, '2026-04-09 08:00:00', 'opened', 's-3', NULL),
    (uuid(), 7, '2026-04-09 10:00:00', 'closed', 's-3', 'blocked');
