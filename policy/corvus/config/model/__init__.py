"""The typed contents of a file: settings, their defaults, keys and schema."""
