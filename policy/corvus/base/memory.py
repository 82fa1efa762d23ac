"""Bounds the memory of the process while it does what a user's text may make large."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = 4096
_DATA = 5  # the place of data and stack in statm, in pages


@contextmanager
def memory_bounded(more_bytes: int) -> Generator[None]:
    """Let the process take so much more memory than it has, and no more.

    What goes beyond fails as ``MemoryError``, or as the error of the library that wanted it. Where
    the system has no such bound, or a tighter one, nothing changes.

    Args:
        more_bytes: Bytes besides those in use now, > 0.
    """
    try:
        import resource

        used = int(_STATM.read_text().split()[_DATA]) * _PAGE_BYTES
        before = resource.getrlimit(resource.RLIMIT_DATA)
    except (ImportError, OSError, ValueError, IndexError):
        yield
        return
    bound = used + more_bytes
    limits = [limit for limit in before if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([bound, *limits]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
