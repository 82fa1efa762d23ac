"""Values and checks that the settings model shares with code that must not wait for pydantic.

``corvus check`` of a clean file loads this module and not ``settings``; nothing here may import
more than the standard library.
"""

from __future__ import annotations

from decimal import Decimal

ZERO_LIMIT = "0 switches this limit off: it neither warns nor blocks"
"""What 0 means for every limit (CFG-7)."""
ZERO_ACTIONS = "0 blocks every action: here 0 does not mean unlimited"
"""What 0 means for ``max_actions_per_hour`` (CFG-7)."""

LIMITS_USD = {
    "session_limit_usd": Decimal(0),
    "daily_limit_usd": Decimal(10),
    "monthly_limit_usd": Decimal(100),
}
"""The limits of ``[cost]`` from the shortest period to the longest, with their defaults in USD."""


def is_exact_number(value: object) -> bool:
    """Tell whether a value is a TOML number: no boolean, no string, no binary float (CFG-4)."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_time_zone(value: object) -> bool:
    """Tell whether a value is the name of a time zone that the zone database has."""
    from zoneinfo import ZoneInfo

    try:
        return isinstance(value, str) and ZoneInfo(value).key == value
    except (ValueError, OSError, KeyError):  # a path, a directory, an unknown name
        return False
