"""The DuckDB file: opening, locking, migrating and appending."""
