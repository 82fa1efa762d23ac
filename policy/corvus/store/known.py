"""What a writer remembers of a store between its transactions, as long as nobody else writes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from corvus.base.time import microseconds
from corvus.model.budget import Budget
from corvus.model.reservation import Reservation, ReservationState
from corvus.model.steering import MissionRecord, Override, SessionRecord
from corvus.model.token import Token
from corvus.store.api import (
    BalanceKey,
    Changes,
    IdempotencyKey,
    MissionKey,
    SessionKey,
    StoredBalance,
    StoreState,
)

_KNOWN_MAX = 50_000
"""Rows of a kind that are kept in memory between transactions."""
_PRINCIPALS_MAX = 1_000
"""Principals whose actions are; each has no more of them than its limit."""


@dataclass(slots=True)
class Known:
    """What was loaded from or written to the backend, valid until somebody else writes."""

    state: StoreState | None = None
    budgets: dict[int, Budget] | None = None
    overrides: dict[str, Override] | None = None
    tokens: dict[str, Token] | None = None
    reservations: dict[str, Reservation] = field(default_factory=dict[str, Reservation])
    keys: dict[IdempotencyKey, str] = field(default_factory=dict[IdempotencyKey, str])
    balances: dict[BalanceKey, StoredBalance] = field(
        default_factory=dict[BalanceKey, StoredBalance]
    )
    sessions: dict[SessionKey, SessionRecord | None] = field(
        default_factory=dict[SessionKey, SessionRecord | None]
    )
    missions: dict[MissionKey, MissionRecord | None] = field(
        default_factory=dict[MissionKey, MissionRecord | None]
    )
    price_versions: set[str] = field(default_factory=set[str])
    actions: dict[str, deque[int]] = field(default_factory=dict[str, deque[int]])
    remembered: set[str] = field(default_factory=set[str])
    """Ids of sessions that were not forgotten."""

    def forget_settled(self, before_us: int) -> None:
        """Forget reservations that were settled before an instant, with their keys."""
        for one in [*self.reservations.values()]:
            settled_at = one.settled_at
            if settled_at is None or microseconds(settled_at) >= before_us:
                continue
            del self.reservations[one.id]
            key = key_of(one)
            if key is not None and self.keys.get(key) == one.id:
                del self.keys[key]

    def forget_scopes(self) -> None:
        """Forget all sessions, missions and sums; for a transaction that changed none."""
        for rows in (self.balances, self.sessions, self.missions, self.remembered):
            rows.clear()

    def trim(self, written: Changes) -> None:
        """Forget reservations that have ended, and kinds of which too much is known.

        Args:
            written: What was committed just now.
        """
        for one in written.reservations.values():
            if one.state is not ReservationState.HELD:
                self.reservations.pop(one.id, None)
        kinds = (
            self.reservations,
            self.keys,
            self.balances,
            self.sessions,
            self.missions,
            self.remembered,
        )
        for rows in kinds:
            if len(rows) > _KNOWN_MAX:
                rows.clear()
        if len(self.actions) > _PRINCIPALS_MAX:
            self.actions.clear()


def key_of(reservation: Reservation) -> IdempotencyKey | None:
    """Return the idempotency key of a reservation, within its project."""
    request = reservation.request
    if request.idempotency_key is None:
        return None
    return IdempotencyKey(request.idempotency_key, request.project)
