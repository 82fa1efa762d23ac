"""One run of an agent: its budgets, its process, what is kept of it and what is said of it."""
