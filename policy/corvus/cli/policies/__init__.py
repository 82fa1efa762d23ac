"""Commands that put calls to a policy: tests of it, and the search for a limit."""
