"""Decides what budgets allow."""
