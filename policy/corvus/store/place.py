"""Where a store lies: how it is opened, and what can be said of it next to any writer.

Everybody outside this room names a store by its place, and no backend by its class. Looks create
nothing; whether there is a store is the caller's question to ask first.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from corvus.base.errors import StoreError
from corvus.base.time import Clock, microseconds
from corvus.store import kinds
from corvus.store.api import Backend, Look
from corvus.store.health import StoreHealth
from corvus.store.operations.admin import StoreAdmin
from corvus.store.spill import is_waiting
from corvus.store.sqlite import MemoryBackend
from corvus.store.sqlite_place import SqlitePlace
from corvus.store.store import WAIT_SECONDS, Store
from corvus.store.unit import state_of

_DATABASE_SCHEMES = frozenset({"postgresql:", "postgres:"})
"""Parts of a path that is a URL."""


class StorePlace(Protocol):
    """Where a store lies. A look at it changes no byte.

    Every method may raise ``StoreUnavailable``, ``StoreTooNew`` or ``StoreCorrupt``.
    """

    name: str

    @property
    def full_name(self) -> str:
        """The place as it is known in every folder, on every host."""
        ...

    @property
    def exists(self) -> bool:
        """Whether a store was ever made there."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether several hosts use the store, each with a ledger of its own (STO-3)."""
        ...

    @property
    def unsettled_path(self) -> Path | None:
        """Where settlements wait that could not be written; ``None`` keeps none."""
        ...

    @property
    def lease_path(self) -> Path | None:
        """Where this host's own store lies, should it have slices of this one (STO-3).

        ``None`` where the store belongs to one host alone.
        """
        ...

    def backend(self, *, is_trusted: bool = False) -> Backend:
        """Open the store for a writer; it is made when missing.

        Args:
            is_trusted: Whether the store is right even where this host has seen a later state of it
                (STO-3).
        """
        ...

    @property
    def admin(self) -> StoreAdmin:
        """What an operator does with it besides using it."""
        ...

    def looking(self) -> AbstractContextManager[Look]:
        """Open the store, which exists, for a look."""
        ...

    def health(self, now: datetime) -> StoreHealth:
        """Examine the store, which need not exist, and whether it could be written.

        What is wrong is in the answer; it raises nothing.
        """
        ...


def place_at(path: Path) -> StorePlace:
    """Return the place that a path names."""
    return SqlitePlace(path)


def place_of(ledger_path: Path, url: str | None = None, *, policy_hash: str = "") -> StorePlace:
    """Return the place of the store that a ledger gets its events from (STO-1).

    Nothing is opened, and no server is asked.

    Args:
        ledger_path: The ledger file; it need not exist. What this host keeps for a shared store,
            such as settlements that wait for it (RES-9), lies next to it.
        url: The store that hosts share; ``None`` is a file next to the ledger.
        policy_hash: The policy in force here, for other hosts to see.

    Raises:
        StoreError: The URL names no store, or stands in the place of the file.
    """
    if url is None:
        if _DATABASE_SCHEMES & {*ledger_path.parts}:
            raise StoreError(
                f"the ledger {ledger_path} is a file of this host, and not a URL; a store that "
                "hosts share is named in governance.ledger.url"
            )
        return place_at(Path(f"{ledger_path}.store"))
    from corvus.base.postgres_address import AddressInvalid, PostgresAddress
    from corvus.store.postgres.place import PostgresPlace

    try:
        address = PostgresAddress.of(url)
    except AddressInvalid as fault:
        raise StoreError(f"the store of governance.ledger.url cannot be used: {fault}") from None
    return PostgresPlace(address, ledger_path, policy_hash)


def open_store(
    place: StorePlace | None,
    clock: Clock | None = None,
    *,
    wait_seconds: float = WAIT_SECONDS,
    trust_clock: bool = False,
) -> Store:
    """Open a store; it is made when missing.

    Args:
        place: Where it lies; ``None`` is in memory, gone when it is closed.
        clock: As for ``Store``.
        wait_seconds: As for ``Store``.
        trust_clock: As for ``Store``.

    Raises:
        StoreError: It cannot be opened or made.
    """
    backend = MemoryBackend() if place is None else place.backend(is_trusted=trust_clock)
    return Store(backend, clock, wait_seconds=wait_seconds, trust_clock=trust_clock)


def is_behind(place: StorePlace, now: datetime) -> bool:
    """Return whether something waits to be booked: overdue holds, counted refusals, a spill file.

    Raises:
        StoreError: The store cannot be read.
    """
    if place.unsettled_path is not None and is_waiting(place.unsettled_path):
        return True
    with place.looking() as look:
        if not look.is_current:
            return False  # the next who writes brings it up to date
        return bool(state_of(look).refusals or look.find(kinds.OVERDUE, microseconds(now), 1))


def latest_session(place: StorePlace) -> str | None:
    """Return the session of the call that was admitted last; ``None`` when none is remembered.

    Raises:
        StoreError: The store cannot be read.
    """
    with place.looking() as look:
        return next(iter(look.find(kinds.LATEST_SESSION)), None)


def audit_head(place: StorePlace) -> tuple[int, str]:
    """Return position and hash of the newest audit event; 0 and 64 zeros without one.

    Raises:
        StoreError: The store cannot be read.
    """
    with place.looking() as look:
        state = state_of(look)
    return state.audit_position, state.audit_head
