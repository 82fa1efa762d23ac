"""``corvus plan``: what a change of policy would have done to recorded calls."""
