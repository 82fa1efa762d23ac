-- Hosts may share a store, each with a ledger of its own: a replica, which the store knows by an id (STO-3). Of a store the
-- newest row holds; a file that was copied, or set back, gets another id.

CREATE TABLE ledger_replica (
    store_id   UUID      NOT NULL,
    replica_id UUID      NOT NULL,
    noted_at   TIMESTAMP NOT NULL
);

ALTER TABLE ledger_watermark ADD COLUMN mark VARCHAR; -- of the event of that number: hash of its table and row, to know
                                                      -- a store that was set back and went on; NULL: not kept
