"""Keeps the keys of this process from the command that it runs (CLI-4).

Whoever may read ``/proc/PID/environ`` sees the variables that a process was started with, also
after it has unset them: they lie in the first block of its stack. So the block is overwritten, and
the process is made undumpable, so that no other process of its user may read its memory. What root
may read, or what the shell that started us keeps, is beyond this.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable

_PR_SET_DUMPABLE = 4
_ENV_START, _ENV_END = 50, 51
"""Fields of ``/proc/PID/stat``, counted from 1.

Source:
    proc_pid_stat(5) and PR_SET_DUMPABLE(2const), Linux man-pages 6.9.
"""


def hide(names: Iterable[str]) -> None:
    """Remove variables from this process for good; elsewhere than on Linux only unset them.

    Args:
        names: Variables whose values nobody shall read here any more.
    """
    gone = {os.fsencode(name) for name in names}
    for name in gone:
        os.environb.pop(name, None)
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        with open("/proc/self/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        start, end = (int(fields[field - 3]) for field in (_ENV_START, _ENV_END))
    except (OSError, ValueError, IndexError):
        return  # no /proc here, so nobody reads it
    if 0 < start < end:
        _overwrite(start, end, gone)


def _overwrite(start: int, end: int, names: set[bytes]) -> None:
    """Blank the values of variables in the block of memory that ``/proc`` shows."""
    at = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name in names:
            ctypes.memset(at + len(name) + 1, 0, len(value))
        at += len(entry) + 1
