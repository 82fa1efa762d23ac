"""Puts recorded and invented calls to a policy, without a store on disk (PLN-1, PLN-2)."""
