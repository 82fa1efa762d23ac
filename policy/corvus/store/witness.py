"""Whether the clock may be believed: it is compared with what was stamped before (EVA-8).

A wrong clock that is believed once does lasting harm: all holds expire, windows end, and every
right clock is refused afterwards. So a step of more than a day is compared with witnesses: what the
clock of the file system said at a recent stamp, and how long the machine had been up. Refuses a
step back; a step forward where the file system says that much less time went by, or where calls are
under way and the machine, up all the while, says so. A store that was idle for weeks has no such
witness against it, and opens.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from corvus.base.errors import StoreUnavailable
from corvus.base.time import instant_at, microseconds
from corvus.store.api import Backend, StoreState
from corvus.store.kinds import HELD

_DAY_US = 24 * 3600 * 1_000_000
"""How far the clock may step back: so long, time stands still. Beyond it, nobody can say which of
the two times was wrong. Forward, it is how much the witnesses may differ."""
_RENEWED_US = 60 * 1_000_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Witness(NamedTuple):
    """What several clocks said at one time, microseconds.

    Attributes:
        clock_us: The clock that stamps.
        file_us: That of the file system.
        boot_us: Time since the machine was started, sleep included; -1 where it is unknown.
        boot_id: Which start; ``-`` where it is unknown.
    """

    clock_us: int
    file_us: int
    boot_us: int
    boot_id: str

    @staticmethod
    def of(text: str) -> _Witness | None:
        words = text.split()
        try:
            clock, file, boot, boot_id = words
            return _Witness(int(clock), int(file), int(boot), boot_id)
        except ValueError:
            return None


def renew_witness(backend: Backend, state: StoreState) -> None:
    """Have the present stamp witnessed, unless one within a minute was.

    Args:
        backend: Whose file system has a clock; without one there are no witnesses.
        state: About to be written.
    """
    last = _Witness.of(state.witness)
    if last is not None and 0 <= state.last_us - last.clock_us < _RENEWED_US:
        return
    now = _present(backend, state.last_us)
    state.witness = "" if now is None else " ".join(map(str, now))


def judge_clock(backend: Backend, state: StoreState, clock_us: int, *, is_trusted: bool) -> None:
    """Refuse a clock that contradicts what the store knows.

    Args:
        backend: Names the store, and has its holds; its transaction has begun.
        state: What was stamped; follows a trusted clock.
        clock_us: What the clock says, microseconds.
        is_trusted: Whether the clock is right whatever was stamped.

    Raises:
        StoreUnavailable: The clock stepped by more than a day.
    """
    step_us = clock_us - state.last_us
    if -_DAY_US <= step_us <= _DAY_US:
        return
    if is_trusted:
        state.last_us = clock_us if step_us < 0 else state.last_us
        return
    said = f"the clock says {instant_at(clock_us):%Y-%m-%d %H:%M} UTC, but the store {backend.name}"
    stamped = f"{instant_at(state.last_us):%Y-%m-%d %H:%M}"
    if step_us < 0:
        raise StoreUnavailable(
            f"{said} has stamped {stamped}; set the clock right, or run "
            "`corvus ledger verify --rebuild` if the stamp is wrong"
        )
    if (passed_us := _passed_us(backend, state, clock_us)) is not None:
        passed = timedelta(seconds=passed_us // 1_000_000)
        raise StoreUnavailable(
            f"{said} was last used at {stamped}, and since then only {passed} went by; set the "
            "clock right, or run `corvus ledger verify --rebuild` if it is right"
        )


def present_of_boot() -> tuple[int, str]:
    """Return the time since the machine was started, microseconds, and which start it was."""
    with suppress(OSError, AttributeError, ValueError):
        boot_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        return boot_us, _BOOT_ID.read_text().strip().replace(" ", "") or "-"
    return -1, "-"


def _passed_us(backend: Backend, state: StoreState, clock_us: int) -> int | None:
    """Return the time that passed by a witness against the clock; ``None`` without one."""
    then, now = _Witness.of(state.witness), _present(backend, clock_us)
    if then is None or now is None:
        return None
    claimed_us = now.clock_us - then.clock_us
    by_file_us = now.file_us - then.file_us
    if claimed_us - by_file_us > _DAY_US:
        return max(0, by_file_us)
    is_same_boot = then.boot_us >= 0 and then.boot_id == now.boot_id
    if is_same_boot and claimed_us - (now.boot_us - then.boot_us) > _DAY_US:
        # NOTE: a virtual machine may have been paused, and then its clock is right after all.
        ends_us = [microseconds(held.expires_at) for held in backend.find(HELD)]
        if max(ends_us, default=0) > state.last_us:
            return now.boot_us - then.boot_us
    return None


def _present(backend: Backend, clock_us: int) -> _Witness | None:
    file_us = backend.file_clock_us()
    if file_us is None:
        return None
    boot_us, boot_id = present_of_boot()
    return _Witness(clock_us, file_us, boot_us, boot_id)
