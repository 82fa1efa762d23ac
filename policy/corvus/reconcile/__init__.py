"""Holds the ledger against the bills of providers (REC-1). Bills never become usage."""
