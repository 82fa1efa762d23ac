"""A store in memory, for tests and trials: the same rules, nothing on disk.

Refuses nothing; it is gone with its process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy

from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.model.budget import Budget
from corvus.model.outbox import OutboxEvent
from corvus.model.reservation import Reservation, ReservationState
from corvus.model.steering import MissionRecord, Override, OverrideState, SessionRecord
from corvus.model.token import Token
from corvus.store.api import (
    BalanceKey,
    Changes,
    IdempotencyKey,
    MissionKey,
    SessionKey,
    StoredBalance,
    StoreState,
    session_mark,
)


class MemoryBackend:
    """Keeps the state in dictionaries."""

    name = "in memory"
    unsettled_path = None

    def __init__(self) -> None:
        self._state = StoreState(store_id=new_id(0))
        self._budgets: dict[int, Budget] = {}
        self._reservations: dict[str, Reservation] = {}
        self._held: dict[str, Reservation] = {}
        self._keys: dict[IdempotencyKey, str] = {}
        self._balances: dict[BalanceKey, StoredBalance] = {}
        self._overrides: dict[str, Override] = {}
        self._sessions: dict[SessionKey, SessionRecord] = {}
        self._missions: dict[MissionKey, MissionRecord] = {}
        self._price_versions: set[str] = set()
        self._limits: dict[str, str] = {}
        self._tokens: dict[str, Token] = {}
        self._actions: dict[str, list[int]] = {}
        self._events: dict[int, OutboxEvent] = {}
        self._marks: set[str] = set()

    def file_clock_us(self) -> int | None:
        """Return nothing: there are no files."""
        return None

    def begin(self) -> bool:
        """Do nothing: there are no others."""
        return False

    def roll_back(self) -> None:
        """Do nothing: only ``commit`` changes anything."""

    def close(self) -> None:
        """Do nothing: a later store may go on with this backend."""

    def commit(self, changes: Changes) -> None:
        """Keep the changes."""
        if changes.state is not None:
            self._state = copy(changes.state)
        for fresh in changes.new_reservations.values():
            if fresh.request.idempotency_key is not None:
                key = IdempotencyKey(fresh.request.idempotency_key, fresh.request.project)
                self._keys[key] = fresh.id
        self._keep(changes.new_reservations | changes.reservations)
        self._balances |= {key: copy(one) for key, one in changes.balances.items()}
        self._budgets |= changes.budgets
        self._overrides |= changes.overrides
        self._sessions |= changes.sessions
        self._missions |= changes.missions
        self._price_versions |= changes.price_versions
        self._limits |= changes.limits
        self._tokens |= changes.tokens
        self._act(changes)
        self._events |= {event.seq: event for event in changes.events}
        if changes.forgotten_seq:
            self._events = {
                seq: event for seq, event in self._events.items() if seq > changes.forgotten_seq
            }
        if changes.forgotten_reservations_us:
            self._forget(changes.forgotten_reservations_us)
        if changes.has_rare:
            self._forget_over(changes)

    def _act(self, changes: Changes) -> None:
        for principal, (after_us, until_us) in changes.forgotten_actions.items():
            self._actions[principal] = [*self.actions(principal, after_us, until_us)]
        for principal, instant_us in changes.actions:
            self._actions.setdefault(principal, []).append(instant_us)

    def _keep(self, written: Mapping[str, Reservation]) -> None:
        self._reservations |= written
        for one in written.values():
            if one.state is ReservationState.HELD:
                self._held[one.id] = one
            else:
                self._held.pop(one.id, None)

    def _forget(self, before_us: int) -> None:
        for one in [*self._reservations.values()]:
            if one.settled_at is not None and microseconds(one.settled_at) < before_us:
                del self._reservations[one.id]
        self._keys = {key: name for key, name in self._keys.items() if name in self._reservations}

    def _forget_over(self, changes: Changes) -> None:
        gone, before_us = {*changes.forgotten_sessions}, changes.forgotten_windows_us
        self._marks |= {session_mark(one) for one in gone}
        self._marks -= {session_mark(one) for one in changes.recalled_sessions}
        self._sessions = {k: one for k, one in self._sessions.items() if k.id not in gone}
        self._missions = {k: one for k, one in self._missions.items() if k.session_id not in gone}
        self._balances = {
            key: one
            for key, one in self._balances.items()
            if key.session_id not in gone and not 0 < key.window_start_us < before_us
        }
        until = new_id(changes.forgotten_overrides_us) if changes.forgotten_overrides_us else ""
        self._overrides = {
            name: one
            for name, one in self._overrides.items()
            if name >= until
            or one.state is OverrideState.ACTIVE
            or one.consumed_by in self._reservations
        }

    def state(self) -> StoreState:
        """Return the store's own row."""
        return copy(self._state)

    def budgets(self) -> Mapping[int, Budget]:
        """Return the registered budgets by id."""
        return self._budgets

    def reservation(self, reservation_id: str) -> Reservation | None:
        """Return a reservation by id."""
        return self._reservations.get(reservation_id)

    def reservation_by_key(self, key: IdempotencyKey) -> Reservation | None:
        """Return the newest reservation with an idempotency key."""
        return self._reservations.get(self._keys.get(key, ""))

    def overdue(self, now_us: int, limit: int) -> Sequence[Reservation]:
        """Return held reservations with ``expires_at <= now``, the oldest first."""
        found = [one for one in self.held() if microseconds(one.expires_at) <= now_us]
        return sorted(found, key=lambda one: one.expires_at)[:limit]

    def held(self) -> Sequence[Reservation]:
        """Return every held reservation."""
        return [*self._held.values()]

    def balance(self, key: BalanceKey) -> StoredBalance | None:
        """Return one balance."""
        found = self._balances.get(key)
        return copy(found) if found is not None else None

    def balances(self, budget_id: int) -> Sequence[StoredBalance]:
        """Return every balance of a budget."""
        return [copy(one) for one in self._balances.values() if one.key.budget_id == budget_id]

    def active_overrides(self) -> Sequence[Override]:
        """Return every active override, the oldest first."""
        return [
            one for _, one in sorted(self._overrides.items()) if one.state is OverrideState.ACTIVE
        ]

    def override(self, override_id: str) -> Override | None:
        """Return an override by id."""
        return self._overrides.get(override_id)

    def session(self, key: SessionKey) -> SessionRecord | None:
        """Return a session."""
        return self._sessions.get(key)

    def sessions_named(self, session_id: str) -> Sequence[SessionRecord]:
        """Return the sessions of one id, of whatever project."""
        return [one for one in self._sessions.values() if one.id == session_id]

    def sessions(self, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of all projects, those opened last first."""
        newest = sorted(self._sessions.values(), key=lambda one: one.opened_at, reverse=True)
        return newest[:limit]

    def sessions_of(self, project: str | None, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of a project, those opened last first."""
        newest = self.sessions(len(self._sessions))
        return [one for one in newest if one.project == project][:limit]

    def mission(self, key: MissionKey) -> MissionRecord | None:
        """Return a mission."""
        return self._missions.get(key)

    def open_missions(self, key: SessionKey) -> Sequence[MissionRecord]:
        """Return the missions of a session that run, the oldest first."""
        return sorted(
            (
                one
                for one in self._missions.values()
                if (one.session_id, one.project) == key and one.ended_at is None
            ),
            key=lambda one: one.started_at,
        )

    def missions_named(self, session_id: str) -> Sequence[MissionRecord]:
        """Return the missions of the sessions of one id, of whatever project."""
        return [one for one in self._missions.values() if one.session_id == session_id]

    def is_forgotten(self, session_id: str) -> bool:
        """Return whether sessions of this id may have been forgotten."""
        return session_mark(session_id) in self._marks

    def forgotten_marks(self) -> Sequence[str]:
        """Return the marks of all forgotten sessions."""
        return [*self._marks]

    def has_price(self, version: str) -> bool:
        """Tell whether a price was told to the ledger already."""
        return version in self._price_versions

    def limits(self, origin: str) -> str | None:
        """Return the limits of the policy of one origin when it was last in force."""
        return self._limits.get(origin)

    def tokens(self) -> Sequence[Token]:
        """Return every access token, the oldest first."""
        return [one for _, one in sorted(self._tokens.items())]

    def actions(self, principal: str, after_us: int, until_us: int) -> Sequence[int]:
        """Return the instants in ``(after, until]`` of a principal's actions, the oldest first."""
        kept = self._actions.get(principal, [])
        return [one for one in kept if after_us < one <= until_us]

    def events(self, after_seq: int, limit: int) -> Sequence[OutboxEvent]:
        """Return outbox events with a greater number, ascending."""
        return [event for seq, event in sorted(self._events.items()) if seq > after_seq][:limit]
