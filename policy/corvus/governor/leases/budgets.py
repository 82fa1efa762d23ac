"""Which budgets hosts hold slices of: all that span hosts and refuse calls."""

from __future__ import annotations

from corvus.base.period import Period
from corvus.model.budget import Budget


def spans_hosts(budget: Budget) -> bool:
    """Return whether calls of several hosts count in one sum; a session belongs to one host."""
    return budget.period not in (Period.SESSION, Period.MISSION)


def needs_slice(budget: Budget) -> bool:
    """Return whether a host admits calls only from a slice of a budget.

    Args:
        budget: With the limit that counts for the part.
    """
    return spans_hosts(budget) and budget.limit > 0 and budget.enforce == "block"
