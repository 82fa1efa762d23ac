"""Frozen domain objects, shared by every layer above; they know no framework."""
