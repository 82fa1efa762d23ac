-- 2 April: opus billed 1.50 of list 2.00 USD, two calls of 0.75 and one unknown recorded: gap 0.
--          A search of 0.03 belongs to no model. haiku is recorded under a dated id: 0.25 of 0.25.
--          sonnet is recorded and not billed: gap -0.10. The usage report of the day has no amount and counts nothing.
-- 3 April: nothing was billed; a call of 0.05 is recorded: gap -0.05.
-- 4 April: a FOCUS file names opus alone: haiku is left out.
-- 5 April: no model is named: 2.00 billed, 1.00 + 0.50 recorded.
-- 6 April: no bill covers it.
-- openai: a bill of another provider on the same day.
INSERT INTO charge_model VALUES ('anthropic', 'haiku-20260101', 'haiku'), ('anthropic', 'opus', 'opus');
INSERT INTO provider_charge (day, provider, model, billed_model, kind, context_tokens, is_kept_in_us, project, label,
    amount_nano_usd, list_amount_nano_usd, quantity, form, grouped_by, covers_through, source, source_file, read_at)
VALUES
    ('2026-04-02', 'anthropic', 'opus', 'opus', 'input', 0, false, 'a', '', 1_000_000_000, 1_500_000_000, NULL,
        'anthropic-cost', 'model', '2026-04-03', 's:0', 'a.json', '2026-05-01 00:00:00'),
    ('2026-04-02', 'anthropic', 'opus', 'opus', 'output', 0, false, 'a', '', 500_000_000, NULL, NULL,
        'anthropic-cost', 'model', '2026-04-03', 's:0', 'a.json', '2026-05-01 00:00:00'),
    ('2026-04-02', 'anthropic', 'haiku', 'haiku', 'input', 0, false, 'a', '', 250_000_000, NULL, NULL,
        'anthropic-cost', 'model', '2026-04-03', 's:0', 'a.json', '2026-05-01 00:00:00'),
    ('2026-04-02', 'anthropic', NULL, NULL, 'web_search', 0, false, 'a', '', 30_000_000, NULL, NULL,
        'anthropic-cost', 'model', '2026-04-03', 's:0', 'a.json', '2026-05-01 00:00:00'),
    ('2026-04-02', 'anthropic', 'opus', 'opus', 'input', 0, false, 'a', '', NULL, NULL, 1_000,
        'anthropic-usage', 'model', '2026-04-03', 't:0', 'u.json', '2026-05-01 00:00:00'),
    ('2026-04-03', 'anthropic', NULL, NULL, 'usage', 0, false, NULL, 'nothing billed', 0, NULL, NULL,
        'anthropic-cost', 'model', '2026-04-03', 's:0', 'a.json', '2026-05-01 00:00:00'),
    ('2026-04-04', 'anthropic', 'opus', 'opus', 'usage', 0, false, NULL, '', 675_000_000, 750_000_000, NULL,
        'focus', '', '2026-04-04', 'f', 'f.csv', '2026-05-01 00:00:00'),
    ('2026-04-05', 'anthropic', NULL, NULL, 'usage', 0, false, NULL, '', 2_000_000_000, NULL, NULL,
        'anthropic-cost', '', '2026-04-05', 'w:0', 'w.json', '2026-05-01 00:00:00'),
    ('2026-04-02', 'openai', 'gpt', 'gpt', 'usage', 0, false, NULL, '', 1, NULL, NULL,
        'openai-costs', '', '2026-04-02', 'o:0', 'o.json', '2026-05-01 00:00:00');
INSERT INTO usage_record (admitted_at, provider, requested_model, cost_nano_usd, source)
VALUES
    ('2026-04-02 00:00:00', 'anthropic', 'opus', 750_000_000, 'priced'),
    ('2026-04-02 23:59:59', 'anthropic', 'opus', 750_000_000, 'estimated'),
    ('2026-04-02 12:00:00', 'anthropic', 'opus', NULL, 'unknown'),
    ('2026-04-02 12:00:00', 'anthropic', 'haiku-20260101', 250_000_000, 'priced'),
    ('2026-04-02 12:00:00', 'anthropic', 'sonnet', 100_000_000, 'priced'),
    ('2026-04-03 12:00:00', 'anthropic', 'opus', 50_000_000, 'priced'),
    ('2026-04-04 12:00:00', 'anthropic', 'opus', 750_000_000, 'priced'),
    ('2026-04-04 12:00:00', 'anthropic', 'haiku', 9_000_000_000, 'priced'),
    ('2026-04-05 12:00:00', 'anthropic', 'opus', 1_000_000_000, 'priced'),
    ('2026-04-05 12:00:00', 'anthropic', 'haiku', 500_000_000, 'priced'),
    ('2026-04-06 12:00:00', 'anthropic', 'opus', 7_000_000_000, 'priced');
