-- Only calls that asked for gpt-5, so the call of 100 USD for another model does not count.
-- east: 0.60 + 0.15 = 0.75 USD of 1.5 known: 50 %; tokens 1 + 2 = 3
-- NULL: calls that name none: 0.75 USD, 50 %, after east as names come before none
-- west: free, which is known: 0 USD, 0 %; before north, whose cost is not known
-- north: one call without a price
INSERT INTO usage_record (admitted_at, requested_model, user_name, input_tokens, cost_nano_usd)
VALUES
    ('2026-04-01 00:00:00', 'gpt-5', 'east', 1, 600_000_000),
    ('2026-04-02 00:00:00', 'gpt-5', 'east', 2, 150_000_000),
    ('2026-04-03 00:00:00', 'gpt-5', NULL, 4, 750_000_000),
    ('2026-04-04 00:00:00', 'gpt-5', 'west', 8, 0),
    ('2026-04-05 00:00:00', 'gpt-5', 'north', 16, NULL),
    ('2026-04-06 00:00:00', 'o3', 'east', 32, 100_000_000_000);
