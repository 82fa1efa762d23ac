"""What an operator does with a store besides using it; each engine has its own."""

from __future__ import annotations

from typing import Protocol

from corvus.store.api import Backend
from corvus.store.operations.server import ServerStanding


class StoreAdmin(Protocol):
    """The administration of one store.

    Every method may raise ``StoreUnavailable``, ``StoreTooNew`` or ``StoreCorrupt``.

    Attributes:
        newest_version: How many migrations this corvus knows.
    """

    newest_version: int

    def sole_backend(self) -> Backend:
        """Open the store for one who must be alone with it; it is made when missing.

        Its first transaction is refused while somebody else has the store open.
        """
        ...

    def server(self) -> ServerStanding | None:
        """Return how the server is that keeps the store; ``None`` where it is a file."""
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
