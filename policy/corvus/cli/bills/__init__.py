"""The command that compares bills, and what it writes."""
