-- a.json: two charges of project a on two days, 1.5 USD, and a refund of 0.5 that names no project
-- u.json: counts alone, no amount
INSERT INTO provider_charge (day, provider, kind, context_tokens, is_kept_in_us, project, label, amount_nano_usd,
    quantity, form, grouped_by, covers_through, source, source_file, read_at)
VALUES
    ('2026-04-01', 'anthropic', 'input', 0, false, 'a', '', 1_000_000_000, NULL, 'anthropic-cost', '', '2026-04-02',
        's:0', 'a.json', '2026-05-01 00:00:00'),
    ('2026-04-02', 'anthropic', 'input', 0, false, 'a', '', 500_000_000, NULL, 'anthropic-cost', '', '2026-04-02',
        's:0', 'a.json', '2026-05-02 00:00:00'),
    ('2026-04-02', 'anthropic', 'credit', 0, false, NULL, 'refund', -500_000_000, NULL, 'anthropic-cost', '',
        '2026-04-02', 's:0', 'a.json', '2026-05-02 00:00:00'),
    ('2026-04-02', 'anthropic', 'output', 0, false, 'a', '', NULL, 70, 'anthropic-usage', '', '2026-04-02', 'u:0',
        'u.json', '2026-05-02 00:00:00');
