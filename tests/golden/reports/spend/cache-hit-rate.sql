-- Days of Berlin, 2 hours ahead: the call at 22:30 UTC is one of the next day.
-- 6 April: 100 plain (20 of sound), 200 read (50 of pictures), 100 written: 200 of 400, 50 %
-- 7 April: 300 read of 300: 100 %; 8 April: nothing was read
INSERT INTO usage_record (
    admitted_at, input_tokens, input_audio_tokens, cache_read_tokens, cache_read_image_tokens,
    cache_write_5m_tokens, cache_write_1h_tokens, output_tokens
)
VALUES
    ('2026-04-06 10:00:00', 80, 20, 150, 50, 60, 40, 5),
    ('2026-04-06 22:30:00', 0, 0, 300, 0, 0, 0, 5),
    ('2026-04-08 10:00:00', 0, 0, 0, 0, 0, 0, 5);
