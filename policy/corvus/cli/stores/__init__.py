"""``corvus store``."""
