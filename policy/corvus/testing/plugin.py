"""Fixtures for pytest; a ``conftest.py`` asks for them by name.

::

    pytest_plugins = ["corvus.testing.plugin"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from corvus.testing import FrozenClock, fake_governor

if TYPE_CHECKING:
    from corvus.governor.governor import Governor


@pytest.fixture
def frozen_clock() -> FrozenClock:
    """A clock that moves only when the test moves it."""
    return FrozenClock()


@pytest.fixture
def make_governor(frozen_clock: FrozenClock) -> Iterator[Callable[..., Governor]]:
    """Open governors as ``fake_governor`` does, under ``frozen_clock``, until the test ends."""
    with ExitStack() as opened:

        def make(*config: object, **options: object) -> Governor:
            options.setdefault("clock", frozen_clock)
            opening = fake_governor(*config, **options)  # pyright: ignore[reportArgumentType]
            return opened.enter_context(opening)

        yield make
