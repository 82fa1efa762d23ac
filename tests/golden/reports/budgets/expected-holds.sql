-- m of builder: held 0.5 + 0.5 = 1, cost 0.25 + 0.75 = 1, at most 2 + 2 = 4 USD; one of two fits, 50 %, the other is over
-- by 0.25; freed 3. m of nobody: settled for 9 USD and then again for 0.5, held 1 of 2: fits, freed 1.
-- A call that was held at its most, one without a cost and one that is only reserved are left out.
INSERT INTO reservation_event
    (store_id, seq, recorded_at, kind, reservation_id, requested_model, agent, estimate_nano_usd, most_nano_usd, cost_nano_usd)
VALUES
    (uuid(), 1, '2026-04-01', 'committed', '00000000-0000-8000-8000-000000000001', 'm', 'builder', 500_000_000, 2_000_000_000, 250_000_000),
    (uuid(), 2, '2026-04-01', 'committed', '00000000-0000-8000-8000-000000000002', 'm', 'builder', 500_000_000, 2_000_000_000, 750_000_000),
    (uuid(), 3, '2026-04-01', 'committed', '00000000-0000-8000-8000-000000000003', 'm', NULL, 1_000_000_000, 2_000_000_000, 9_000_000_000),
    (uuid(), 4, '2026-04-02', 'replaced', '00000000-0000-8000-8000-000000000003', 'm', NULL, 1_000_000_000, 2_000_000_000, 500_000_000),
    (uuid(), 5, '2026-04-02', 'committed', '00000000-0000-8000-8000-000000000004', 'm', NULL, 1_000_000_000, NULL, 500_000_000),
    (uuid(), 6, '2026-04-02', 'committed', '00000000-0000-8000-8000-000000000005', 'm', NULL, 1_000_000_000, 2_000_000_000, NULL),
    (uuid(), 7, '2026-04-02', 'reserved', '00000000-0000-8000-8000-000000000006', 'm', NULL, 1_000_000_000, 2_000_000_000, 5);
