"""Finds what is wrong in a file, and says how to mend it."""
