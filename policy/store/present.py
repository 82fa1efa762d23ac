"""Whether the clock may be believed: it is compared with what was stamped before (EVA-8).

A wrong clock that is believed once does lasting harm: all holds expire, windows end, and every
right clock is refused afterwards. Refuses a step back of more than a day.
"""

from __future__ import annotations

from policy.clock import instant_at
from policy.errors import StoreUnavailable
from policy.store.api import Backend, StoreState

_DAY_US = 24 * 3600 * 1_000_000
"""How far the clock may step back: so long, time stands still. Beyond it, nobody can say which of
the two times was wrong."""


def judge_clock(backend: Backend, state: StoreState, clock_us: int, *, is_trusted: bool) -> None:
    """Refuse a clock that contradicts what the store knows.

    Args:
        backend: Names the store.
        state: What was stamped; follows a trusted clock.
        clock_us: What the clock says, microseconds.
        is_trusted: Whether the clock is right whatever was stamped.

    Raises:
        StoreUnavailable: The clock stepped by more than a day.
    """
    if clock_us >= state.last_us - _DAY_US:
        return
    if is_trusted:
        state.last_us = clock_us
        return
    raise StoreUnavailable(
        f"the clock says {instant_at(clock_us):%Y-%m-%d %H:%M} UTC, but the store "
        f"{backend.name} has stamped {instant_at(state.last_us):%Y-%m-%d %H:%M}; "
        "set the clock right, or run `corvus ledger verify --rebuild` if the stamp is wrong"
    )
