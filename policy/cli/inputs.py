"""What ``check`` and ``migrate`` read when told no file, or ``-``."""

from __future__ import annotations

import os
import sys


def usual_files() -> list[str]:
    """Return the config that every other command would read (CFG-6)."""
    from policy.config.locate import locate

    return [str(path) for path in locate(environment=os.environ).paths] or ["corvus.toml"]


def read_stdin() -> bytes:
    """Read standard input to its end.

    Raises:
        OSError: Whoever started the program closed it.
    """
    if sys.stdin is None:
        raise OSError(None, "standard input is closed")
    return sys.stdin.buffer.read()
