"""Hot transactional state: reservations, balances, overrides, and the outbox to the ledger."""
