"""How many examples a property gets, and which cases of a long table run: a part of them by day.

``.ci/run nightly`` runs all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import settings

T = TypeVar("T")


def examples(by_night: int, *, by_day: int) -> int:
    """Return the number for ``max_examples``."""
    return by_night if settings.get_current_profile_name() == "nightly" else by_day


def some_by_day(cases: Sequence[T], every: int = 3) -> list[T]:
    """Return cases for ``parametrize``: the first of ``every`` few by day, the others by night."""
    return [
        case if place % every == 0 else pytest.param(case, marks=pytest.mark.nightly)  # pyright: ignore[reportReturnType] - a set of parameters stands for its case
        for place, case in enumerate(cases)
    ]
