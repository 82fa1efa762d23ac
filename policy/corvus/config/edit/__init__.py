"""Changes of a text that keep all else as it was: set, unset, migrate."""
