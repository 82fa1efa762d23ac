-- day refused two calls of gpt-5 in two sessions, 0.60 + 0.15 = 0.75 USD, one by a named user; what was presumed of a third
-- (9 USD) was taken back. It would have capped one of gpt-5-mini. Calls without a mark, and those of March, are not here.
INSERT INTO usage_record (admitted_at, session_id, user_name, provider, requested_model, tags, calls, cost_nano_usd)
VALUES
    ('2026-03-31 23:59:59', 's', 'ada', 'openai', 'gpt-5', MAP {'corvus.shadow': '0123456789abcdef:refused:day'}, 1, 1),
    ('2026-04-01 00:00:00', 's', 'ada', 'openai', 'gpt-5', MAP {'corvus.shadow': '0123456789abcdef:refused:day'}, 1, 600_000_000),
    ('2026-04-02 00:00:00', 't', NULL, 'openai', 'gpt-5', MAP {'corvus.shadow': '0123456789abcdef:refused:day'}, 1, 150_000_000),
    ('2026-04-03 00:00:00', 't', NULL, 'openai', 'gpt-5', MAP {'corvus.shadow': '0123456789abcdef:refused:day'}, 1, 9_000_000_000),
    ('2026-04-03 00:00:00', 't', NULL, 'openai', 'gpt-5', MAP {'corvus.shadow': '0123456789abcdef:refused:day'}, -1, -9_000_000_000),
    ('2026-04-04 00:00:00', 's', NULL, 'openai', 'gpt-5-mini', MAP {'corvus.shadow': '0123456789abcdef:capped:day', 'team': 'a'}, 1, 20_000_000),
    ('2026-04-05 00:00:00', 's', NULL, 'openai', 'gpt-5', MAP {'team': 'a'}, 1, 50_000_000);
