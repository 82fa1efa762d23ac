"""Reads usage that was recorded elsewhere."""
