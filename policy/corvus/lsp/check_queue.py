"""Which files are to be checked: one check at a time, and the last text of each always wins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class CheckQueue:
    """Files that wait for a check, each once.

    A text that changes while it is checked is checked again, and what was found in the older one
    is passed over.

    Args:
        check: Checks the latest text of a file, and says what it found unless the file waits again.
    """

    def __init__(self, check: Callable[[str], Awaitable[None]]) -> None:
        self._check = check
        self._waiting: dict[str, None] = {}
        self._work: asyncio.Task[None] | None = None

    def add(self, uri: str) -> None:
        """Have a file checked."""
        self._waiting[uri] = None
        if self._work is None or self._work.done():
            self._work = asyncio.get_running_loop().create_task(self._run())

    def drop(self, uri: str) -> None:
        """Forget a file."""
        self._waiting.pop(uri, None)

    def waits(self, uri: str) -> bool:
        """Return whether a file waits for a check."""
        return uri in self._waiting

    async def _run(self) -> None:
        while self._waiting:
            uri = next(iter(self._waiting))
            del self._waiting[uri]
            await self._check(uri)
