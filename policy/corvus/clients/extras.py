"""Says which extra an adapter needs, where the library that it adapts is not installed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def imports_of(extra: str) -> Generator[None]:
    """Import the library of an adapter in this block.

    Args:
        extra: Of ``corvus-policy``, which brings the library.

    Raises:
        ModuleNotFoundError: It is not there, or another package has its name; it says what to
            install.
    """
    try:
        yield
    except ImportError as missing:
        name = missing.name or ""
        if name.partition(".")[0] == "corvus":
            raise
        text = f"this needs {name or 'a library'}: pip install 'corvus-policy[{extra}]' ({missing})"
        raise ModuleNotFoundError(text, name=missing.name) from None
