"""Leases: hosts far from a shared store admit calls from slices of its budgets (STO-3)."""
