"""The forms in which diagnostics are written: one file each, imported when it is wanted."""
