"""Programs for those who work on corvus; nothing here is in the wheel."""
