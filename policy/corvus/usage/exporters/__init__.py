"""Hands recorded usage over to other tools (EXP-1)."""
