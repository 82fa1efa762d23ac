-- The latest first, with its gap of 0.78 USD by cause; the other had counts alone, and no gap in USD.
INSERT INTO reconciliation
VALUES
    ('2026-05-01 08:00:00', 'anthropic', '2026-04-01', '2026-04-30', 30, 4_530_000_000, 4_530_000_000, 3_750_000_000,
        3_750_000_000, 3_750_000_000, 780_000_000, MAP {'not_seen': 750_000_000, 'fees': 30_000_000}, false),
    ('2026-04-15 08:00:00', 'anthropic', '2026-04-01', '2026-04-14', 14, NULL, NULL, 1_000_000_000, 900_000_000, NULL,
        NULL, MAP {}, true);
