"""Commands of every day: what was spent today, in one screen, one line, or live (CLI-7)."""
