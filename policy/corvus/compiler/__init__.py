"""Typed settings to the immutable policy."""
