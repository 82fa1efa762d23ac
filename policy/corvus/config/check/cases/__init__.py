"""Checks the files of policy tests, as strictly as a config."""
