-- The newest first. …2: granted by ben, lies unused until it expires. …1: granted by ana, let a call pass that was
-- held at 3 USD and cost 2.50 in the end, in session s-7, which day and session had blocked. A reset is no override.
INSERT INTO audit_event
    (store_id, seq, position, id, kind, recorded_at, actor, reason, session_id, override_id, expires_at, previous_hash, hash)
VALUES
    (uuid(), 1, 1, uuid(), 'override_granted', '2026-04-01 10:00:00', 'ana', 'release day', 's-1',
     '00000000-0000-8000-8000-000000000001', '2026-04-01 11:00:00', '0', '1'),
    (uuid(), 2, 2, uuid(), 'override_consumed', '2026-04-01 10:05:00', 'ana', 'release day', 's-1',
     '00000000-0000-8000-8000-000000000001', '2026-04-01 11:00:00', '1', '2'),
    (uuid(), 6, 3, uuid(), 'reset_applied', '2026-04-01 12:00:00', 'ana', NULL, NULL, NULL, NULL, '2', '3'),
    (uuid(), 7, 4, uuid(), 'override_granted', '2026-04-02 10:00:00', 'ben', NULL, NULL,
     '00000000-0000-8000-8000-000000000002', '2026-04-02 11:00:00', '3', '4'),
    (uuid(), 8, 5, uuid(), 'override_expired', '2026-04-02 11:30:00', 'corvus', NULL, NULL,
     '00000000-0000-8000-8000-000000000002', '2026-04-02 11:00:00', '4', '5');
UPDATE audit_event
SET session_id = 's-7', budget = 'day', details = '{"lifted":[{"budget":"day"},{"budget":"session"}]}'
WHERE kind = 'override_consumed';
INSERT INTO reservation_event
    (store_id, seq, recorded_at, kind, reservation_id, requested_model, estimate_nano_usd, cost_nano_usd, override_id)
VALUES
    (uuid(), 3, '2026-04-01 10:05:00', 'reserved', '00000000-0000-8000-8000-00000000000a', 'gpt-5', 3_000_000_000, NULL,
     '00000000-0000-8000-8000-000000000001'),
    (uuid(), 4, '2026-04-01 10:06:00', 'committed', '00000000-0000-8000-8000-00000000000a', 'gpt-5', 3_000_000_000,
     2_500_000_000, '00000000-0000-8000-8000-000000000001'),
    (uuid(), 5, '2026-04-01 10:06:00', 'committed', '00000000-0000-8000-8000-00000000000b', 'gpt-5', 9, 9, NULL);
