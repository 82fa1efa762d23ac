"""Archives at a URL: months of a ledger that lie in an object store (LED-4)."""
