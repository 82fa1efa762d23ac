"""The store in PostgreSQL, for many hosts (STO-1, STO-3)."""
