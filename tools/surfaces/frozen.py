"""Makes a process repeatable: its clock stands, its random bytes are counted."""

from __future__ import annotations

import itertools
import os
import random
import sys
from datetime import datetime
from types import ModuleType
from typing import Any


def find(package: str, name: str, member: str = "__name__") -> Any:
    """Return what a module of a package defines under a name, wherever it has moved.

    Args:
        package: The import package, whose modules are loaded.
        name: Of a class or function.
        member: Which it has, where several are called so.

    Raises:
        LookupError: No module has it.
    """
    modules: list[ModuleType] = [
        module
        for title, module in sorted(sys.modules.items())
        if title == package or title.startswith(f"{package}.")
    ]
    for module in modules:
        value = vars(module).get(name)
        is_own = getattr(value, "__module__", None) == module.__name__
        if is_own and hasattr(value, member):
            return value
    raise LookupError(f"no module of {package} defines {name}")


def freeze(package: str, instant: datetime, number: int) -> None:
    """Let the machine's clock stand, and count instead of drawing random bytes.

    Args:
        package: The import package, whose modules are loaded.
        instant: What the time is, aware, in UTC.
        number: Of the process; no two count through the same bytes.
    """

    def now(_: object) -> datetime:
        return instant

    find(package, "SystemClock").now = now
    counter = itertools.count((number << 24) + 1)

    def counted(size: int) -> bytes:
        return next(counter).to_bytes(8, "big").rjust(size, b"\0")[-size:]

    os.urandom = counted
    random.__dict__["_urandom"] = counted
    random.seed(number)
