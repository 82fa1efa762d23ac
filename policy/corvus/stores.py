"""The stores that a governor works with: one, or the shared one and a host's own (STO-1, STO-3).

With leases, calls are held in the host's own store, from slices of budgets that the shared store
gives it. Everybody who opens a governor opens its stores here, so that all surfaces do the same.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from corvus.base.errors import StoreError
from corvus.base.time import Clock
from corvus.governor.engine import Engine, Listener
from corvus.governor.governor import Governor
from corvus.governor.leases.host import HostLeases
from corvus.governor.leases.presence import Presence
from corvus.governor.leases.terms import SharedClock, Terms, heard_clock
from corvus.governor.recount import History
from corvus.model.notify import NotifyTarget
from corvus.model.policy import Policy
from corvus.prices.lookup import PriceBooks
from corvus.store import kinds
from corvus.store.place import StorePlace, open_store, place_at
from corvus.store.store import Store
from corvus.store.unit import Unit, state_of


class Stores:
    """The open stores of a process.

    Args:
        place: Where the store is that is in force; it is made when missing.
        clock: Stamps a store in a file; a server has its own.
        lease_seconds: How long this host goes on within slices of it without hearing from it;
            ``None`` asks it for each call.

    Attributes:
        shared: The store in force: it feeds the ledgers, and keeps tokens and limits.
        own: The store that holds calls: of this host alone where it has slices, else the same.
        leases: The slices; ``None`` without any, and before the first governor is made.

    Raises:
        StoreError: A store cannot be opened.
    """

    def __init__(
        self, place: StorePlace, clock: Clock | None = None, lease_seconds: float | None = None
    ) -> None:
        self.shared = self.own = open_store(place, clock)
        self.leases: HostLeases | None = None
        self._path = place.lease_path if lease_seconds is not None else None
        self._clock: SharedClock | None = None
        if self._path is None or lease_seconds is None:
            return
        self._terms = Terms(socket.gethostname(), lease_seconds)
        try:
            self._clock = heard_clock(self.shared)
            self.own = open_store(place_at(self._path), self._clock)
        except BaseException:
            self.shared.close()
            raise

    @property
    def has_leases(self) -> bool:
        """Whether calls are held in a store of this host's own."""
        return self.own is not self.shared

    @property
    def each(self) -> tuple[Store, ...]:
        """All of them, the one that holds calls first."""
        return (self.own, self.shared) if self.has_leases else (self.own,)

    def governor(  # noqa: PLR0913 - as a governor takes them
        self,
        policy: Policy,
        *,
        books: PriceBooks,
        history: History,
        listeners: Sequence[Listener] = (),
        notify: Sequence[NotifyTarget] = (),
        shadow: Policy | None = None,
    ) -> Governor:
        """Return a governor over the stores; the one that was made last says what slices are for.

        Args:
            policy: What is enforced.
            books: Prices.
            history: Reads what the ledger has recorded of the store in force.
            listeners: Hear of events after they are durable.
            notify: Where notifications are sent.
            shadow: By what calls are judged and never refused; not with slices (PLN-2).

        Raises:
            StoreError: A store cannot answer.
            LedgerError: Budgets must be counted again, and the ledger cannot be read.
        """
        if not self.has_leases:
            return Governor(
                policy,
                self.own,
                books=books,
                listeners=listeners,
                history=history,
                notify=notify,
                shadow=shadow,
            )
        engine = Engine(policy, self.shared, books=books, history=history, notify=notify)
        leases = self._leases_under(engine)
        return Governor(
            policy,
            self.own,
            books=books,
            listeners=[*listeners, leases.hear],
            history=leases.history,
            notify=notify,
            shared=leases,
        )

    def follow(self, governor: Governor) -> None:
        """Have slices be asked for under the policy of a governor that was made here."""
        if self.leases is not None:
            self.leases.follow(governor.engine.steering)

    def require_ready(self) -> None:
        """Check that calls can be admitted, as with slices while the shared store is away.

        Raises:
            StoreError: They cannot.
        """
        self.own.run(_store_id)
        if not self.goes_on():
            self.shared.run(_store_id)

    def goes_on(self) -> bool:
        """Return whether calls are admitted from slices now, also while the shared store is away.

        Raises:
            StoreError: The host's own store cannot answer.
        """
        return self.leases is not None and self.leases.seconds_left() > 0

    def report(self) -> None:
        """Have the store in force know of all that was recorded here; while it is away, later."""
        if self.leases is not None:
            with suppress(StoreError):
                self.leases.report()

    def close(self) -> None:
        """Give back what is not used, and let go of the stores. May be called again."""
        if self.leases is not None and not self.leases.is_closed:
            self.leases.close()
        self.own.close()
        self.shared.close()

    def _leases_under(self, engine: Engine) -> HostLeases:
        if self.leases is not None:
            self.leases.follow(engine)
            return self.leases
        assert self._path is not None, "only a host with slices has a store of its own"
        assert self._clock is not None, "its store goes by the clock of the shared one"
        presence = Presence(self._path.with_name(f"{self._path.name}.in-use"))
        try:
            leases = HostLeases(engine, self.own, self._clock, self._terms, presence=presence)
        except BaseException:
            presence.close()
            raise
        leases.start()
        self.leases = leases
        return leases


def _store_id(unit: Unit) -> str:
    return unit.state.store_id


def owes(path: Path | None, *, counts_slices: bool) -> bool:
    """Return whether a host's own store has recorded what the shared store does not know of yet.

    Args:
        path: Where it lies; it need not exist.
        counts_slices: Whether slices that nobody gave back count as well.

    Raises:
        StoreError: It cannot be read.
    """
    if path is None or not path.is_file():
        return False
    with place_at(path).looking() as look:
        if not look.is_current:
            return True
        state = state_of(look)
        host = look.get(kinds.LEASE_HOST, state.store_id)
    if host is None:
        return False
    has_unreported = host.reported_seq + 1 < state.next_seq or bool(state.refusals)
    return has_unreported or (counts_slices and host.until_us != 0)
