"""Signing in: how Claude Code, and whoever speaks its gateway protocol, gets a token (PRX-8)."""
