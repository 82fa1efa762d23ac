"""Reads TOML with places: tokens, spans, problems, recovery."""
