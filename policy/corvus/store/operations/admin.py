"""What an operator does with a store besides using it; each engine has its own."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from corvus.store.api import Backend
from corvus.store.operations.server import ServerStanding


class StoreFile(Protocol):
    """The file of one store, for backups; it need not exist."""

    def copy(self, target: Path) -> None:
        """Write the store as it is at one instant to a new file, next to any writer.

        Raises:
            StoreError: It cannot be read, or the copy not be written.
        """
        ...

    def put_back(self, copy: Path, aside: Path) -> None:
        """Let a copy be the store, while nobody has it open.

        Args:
            copy: The file, which stays.
            aside: The folder where the store goes that was there, with its log.

        Raises:
            StoreUnavailable: Another process has the store open; nothing was changed.
            OSError: A file cannot be written or moved.
        """
        ...


class StoreAdmin(Protocol):
    """The administration of one store.

    Every method may raise ``StoreUnavailable``, ``StoreTooNew`` or ``StoreCorrupt``.

    Attributes:
        newest_version: How many migrations this corvus knows.
    """

    newest_version: int

    def make(self) -> None:
        """Make the store, also beside others, or bring it up to date."""
        ...

    def sole_backend(self) -> Backend:
        """Open the store for one who must be alone with it; it is made when missing.

        Its first transaction is refused while somebody else has the store open.
        """
        ...

    def server(self) -> ServerStanding | None:
        """Return how the server is that keeps the store; ``None`` where it is a file."""
        ...

    def file(self) -> StoreFile | None:
        """Return the file of the store; ``None`` where a server keeps it, whose tools copy it."""
        ...

    def let_go(self) -> None:
        """Close what this process keeps open for its next look."""
        ...

    def script(self, role: str, since: int = 0) -> str | None:
        """Return the SQL that makes the store, for whoever may; ``None`` where it is a file.

        Args:
            role: Whom it lets use the store, and no more than that.
            since: The version from which a store is brought further; 0 makes it.
        """
        ...
