"""The admin API: routes, bodies, answers."""
