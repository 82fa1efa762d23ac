"""What the pages ask of whoever serves them: the same things that every other surface asks.

The gateway's service is one. Refuses to know a store, a ledger or a web framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from corvus.config.toml.values import Route
    from corvus.governor.governor import Governor
    from corvus.model.token import Token
    from corvus.reporting.catalog import Report
    from corvus.reporting.table import Table
    from corvus.runtime import Runtime


class Desk(Protocol):
    """Where the pages get what they show, and hand in what is to be changed."""

    @property
    def runtime(self) -> Runtime:
        """The config in force."""
        ...

    @property
    def governor(self) -> Governor:
        """The governor in force."""
        ...

    @property
    def can_change(self) -> bool:
        """Whether there is a config file to change."""
        ...

    def change_keys(self, values: Mapping[Route, str], actor: str) -> Runtime:
        """Set keys of the config file, and put the new policy in force; all or nothing (API-4).

        Args:
            values: Routes of keys, and values as TOML writes them.
            actor: Who changes them, for the audit.

        Raises:
            ConfigError: The config would have an error.
            EditRefused: There is no file to write to, it cannot be written, or a layer above it
                decides a key.
            StoreError: The change cannot be audited.
        """
        ...

    def mark(self) -> object:
        """Return what is another one once anything was recorded or the config was changed.

        Raises:
            StoreError: The store cannot answer.
        """
        ...

    def run_report(self, report: Report, given: Mapping[str, object]) -> Table:
        """Run a report over everything recorded so far.

        Raises:
            ReportError: It cannot be run as asked.
            LedgerError: The ledger cannot be read.
        """
        ...

    def audit(self, limit: int, kinds: list[str]) -> list[dict[str, object]]:
        """Return the newest audit events as bodies, the newest last.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        ...


class Doorkeeper(Protocol):
    """Who knows the holders of tokens."""

    async def find(self, secret: str) -> Token | None:
        """Return the good token that a secret is, if there is one.

        Raises:
            StoreError: The store cannot answer.
        """
        ...

    async def get(self, token_id: str) -> Token | None:
        """Return the token of an id while it is good.

        Raises:
            StoreError: The store cannot answer.
        """
        ...
