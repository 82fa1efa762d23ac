-- In New York, 5 hours behind UTC until 8 March 2026 and 4 from then on:
-- Monday 6 April 02:00 UTC is Sunday 22:00: 0.10 USD, 3 tokens, one of sound
-- Monday 6 April 14:10 and Monday 13 April 14:50 UTC are Mondays at 10: one has no price
-- Monday 2 March 15:00 UTC is a Monday at 10, before summer time: 0.20 USD
INSERT INTO usage_record (admitted_at, input_tokens, output_audio_tokens, cost_nano_usd)
VALUES
    ('2026-04-06 02:00:00', 2, 1, 100_000_000),
    ('2026-04-06 14:10:00', 5, 0, NULL),
    ('2026-04-13 14:50:00', 7, 0, 300_000_000),
    ('2026-03-02 15:00:00', 11, 0, 200_000_000);
