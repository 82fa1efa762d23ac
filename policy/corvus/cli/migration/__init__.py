"""``corvus migrate``."""
