"""Runs the cases of policy tests: invented calls, put to the policy under test (PLN-2)."""
