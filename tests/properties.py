"""How many examples a property gets: those that open a database for each take a part by day.

``pytest --hypothesis-profile nightly`` gives all of them.
"""

from __future__ import annotations

from hypothesis import settings


def examples(by_night: int, *, by_day: int) -> int:
    """Return the number for ``max_examples``."""
    return by_night if settings.get_current_profile_name() == "nightly" else by_day
