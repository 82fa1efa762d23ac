-- gpt-5: estimates 1 + 1 + 2 = 4, costs 1.50 + 1 + 1.25 = 3.75 USD; one of three ran over, 33.33 %, by 0.50; unused 0.75
-- o3: settled for 9 USD and then again for 2, of an estimate of 3: no overrun, 1 USD unused
-- Calls without an estimate or a cost, released and reserved ones are left out.
INSERT INTO reservation_event
    (store_id, seq, recorded_at, kind, reservation_id, provider, requested_model, estimate_nano_usd, cost_nano_usd)
VALUES
    (uuid(), 1, '2026-04-01', 'committed', '00000000-0000-8000-8000-000000000001', 'openai', 'gpt-5', 1_000_000_000, 1_500_000_000),
    (uuid(), 2, '2026-04-01', 'committed', '00000000-0000-8000-8000-000000000002', 'openai', 'gpt-5', 1_000_000_000, 1_000_000_000),
    (uuid(), 3, '2026-04-01', 'committed', '00000000-0000-8000-8000-000000000003', 'openai', 'gpt-5', 2_000_000_000, 1_250_000_000),
    (uuid(), 4, '2026-04-01', 'committed', '00000000-0000-8000-8000-000000000004', 'openai', 'o3', 3_000_000_000, 9_000_000_000),
    (uuid(), 5, '2026-04-02', 'replaced', '00000000-0000-8000-8000-000000000004', 'openai', 'o3', 3_000_000_000, 2_000_000_000),
    (uuid(), 6, '2026-04-02', 'committed', '00000000-0000-8000-8000-000000000005', 'openai', 'o3', NULL, 2_000_000_000),
    (uuid(), 7, '2026-04-02', 'committed', '00000000-0000-8000-8000-000000000006', 'openai', 'o3', 1, NULL),
    (uuid(), 8, '2026-04-02', 'released', '00000000-0000-8000-8000-000000000007', 'openai', 'o3', 1, 5),
    (uuid(), 9, '2026-04-02', 'reserved', '00000000-0000-8000-8000-000000000008', 'openai', 'o3', 1, 5);
