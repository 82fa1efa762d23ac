"""A signed statement about the budgets of a period, and its check offline (PLN-4)."""
