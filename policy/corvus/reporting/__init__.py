"""Runs the SQL reports over the ledger."""
