"""One transaction as the governor's rules see it: loaded rows, and the changes to keep.

Rows are loaded once and then known; what was changed is written together at the end, so that the
callers who share a transaction share its statements too. Knowledge outlives a transaction as long
as nobody else writes. Refuses to let time run backwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from corvus.base.errors import StoreCorrupt
from corvus.base.time import instant_at
from corvus.model.budget import Budget
from corvus.model.outbox import LedgerTable, OutboxEvent, Row
from corvus.model.reservation import Reservation
from corvus.model.steering import MissionRecord, Override, OverrideState, SessionRecord
from corvus.model.token import Token
from corvus.store.api import (
    Backend,
    BalanceKey,
    Changes,
    Forgotten,
    IdempotencyKey,
    MissionKey,
    SessionKey,
    StoredBalance,
    StoreState,
)
from corvus.store.known import Known, key_of


class Unit:
    """A transaction under way.

    Args:
        backend: Where rows come from; its transaction has begun.
        known: What is known already.
        clock_us: What the clock says, microseconds.

    Attributes:
        changes: What is to be written.
        upkept: Whether overdue holds were looked for in this transaction.
        wrote: A number that grows with every change, to tell whether a step has changed anything.
    """

    def __init__(self, backend: Backend, known: Known, clock_us: int) -> None:
        self._backend = backend
        self._known = known
        self.changes = Changes()
        self.upkept = False
        self.wrote = 0
        if known.state is None:
            known.state = backend.state()
        self._state = known.state
        self.now_us = max(clock_us, self._state.last_us)
        self.now = instant_at(self.now_us)

    @property
    def state(self) -> StoreState:
        """The store's own row; call ``touch`` before changing it."""
        return self._state

    def touch(self) -> StoreState:
        """Return the store's own row, to be written with this transaction."""
        self.wrote += 1
        self._state.last_us = max(self.now_us, self._state.last_us)
        self.changes.state = self._state
        return self._state

    def tick(self) -> datetime:
        """Move the present past everything stamped so far, and return it."""
        self.now_us = max(self.now_us, self._state.last_us) + 1
        self.now = instant_at(self.now_us)
        self.touch()
        return self.now

    def append(self, table: LedgerTable, row: Row) -> int:
        """Put a row into the outbox and return its number."""
        state = self.touch()
        seq = state.next_seq
        state.next_seq += 1
        self.changes.events.append(OutboxEvent(seq, table, row))
        return seq

    def budgets(self) -> dict[int, Budget]:
        """Return the registered budgets by id."""
        if self._known.budgets is None:
            self._known.budgets = dict(self._backend.budgets())
        return self._known.budgets

    def register(self, budget: Budget) -> int:
        """Register a budget and return its id."""
        budgets = dict(self.budgets())
        budget_id = max(budgets, default=0) + 1
        budgets[budget_id] = budget
        self._known.budgets = budgets  # a new object: who derived from the old one sees it
        self.touch()
        self.changes.budgets[budget_id] = budget
        return budget_id

    def reservation(self, reservation_id: str) -> Reservation | None:
        """Return a reservation by id."""
        known = self._known.reservations.get(reservation_id)
        if known is None:
            known = self._backend.reservation(reservation_id)
            if known is not None:
                self._known.reservations[reservation_id] = known
        return known

    def reservation_by_key(self, key: str, project: str | None = None) -> Reservation | None:
        """Return the reservation to which an idempotency key of a project points."""
        wanted = IdempotencyKey(key, project)
        known = self._known.keys.get(wanted)
        if known is not None:
            return self.reservation(known)
        found = self._backend.reservation_by_key(wanted)
        if found is None:
            return None
        self._known.keys[wanted] = found.id
        return self._known.reservations.setdefault(found.id, found)

    def add_reservation(self, reservation: Reservation) -> None:
        """Keep a new reservation; its idempotency key points to it from now on.

        What held the key before must have given it up (``drop_key``).
        """
        self.touch()
        self._known.reservations[reservation.id] = reservation
        if (key := key_of(reservation)) is not None:
            self._known.keys[key] = reservation.id
        self.changes.new_reservations[reservation.id] = reservation

    def put_reservation(self, reservation: Reservation) -> None:
        """Keep a changed reservation."""
        self.touch()
        self._known.reservations[reservation.id] = reservation
        fresh = self.changes.new_reservations
        (fresh if reservation.id in fresh else self.changes.reservations)[reservation.id] = (
            reservation
        )

    def drop_key(self, reservation: Reservation) -> None:
        """Take the idempotency key from a reservation that has ended, for the next under it."""
        if (key := key_of(reservation)) is not None:
            self._known.keys.pop(key, None)
        bare = replace(reservation.request, idempotency_key=None)
        self.put_reservation(replace(reservation, request=bare))

    def overdue(self, limit: int) -> Sequence[Reservation]:
        """Return held reservations past their deadline, those settled in this transaction left out.

        Those made in it cannot be overdue yet: a hold lives a second at least.
        """
        changed = self.changes.reservations
        found = self._backend.overdue(self.now_us, limit)
        return [one for one in found if one.id not in changed]

    def held(self) -> list[Reservation]:
        """Return every held reservation; only for a transaction that changed none."""
        return list(self._backend.held())

    def balance(self, key: BalanceKey) -> StoredBalance:
        """Return a balance; one that is not there yet is 0.

        Raises:
            StoreCorrupt: A figure went below 0 (MIS-3).
        """
        known = self._known.balances.get(key)
        if known is None:
            self._refuse_forgotten(key.session_id, key.window_start_us)
            known = self._backend.balance(key) or StoredBalance(key)
            self._known.balances[key] = known
        if known.spent_nano_usd < 0 or known.held_nano_usd < 0:
            raise StoreCorrupt(
                f"the balance of budget {self.budgets()[key.budget_id].name} in "
                f"{self._backend.name} went below 0; run `corvus ledger verify --rebuild`"
            )
        return known

    def balances(self, budget_id: int) -> dict[BalanceKey, StoredBalance]:
        """Return every balance of a budget, as this transaction sees it."""
        found = {one.key: one for one in self._backend.balances(budget_id)}
        known = self._known.balances.items()
        return found | {key: one for key, one in known if key.budget_id == budget_id}

    def put_balance(self, balance: StoredBalance) -> None:
        """Keep a changed balance."""
        self.touch()
        self._known.balances[balance.key] = balance
        self.changes.balances[balance.key] = balance

    def put_balances(self, balances: Iterable[StoredBalance]) -> None:
        """Keep changed balances."""
        self.touch()
        for balance in balances:
            self._known.balances[balance.key] = balance
            self.changes.balances[balance.key] = balance

    def active_overrides(self) -> dict[str, Override]:
        """Return the active overrides by id, the oldest first."""
        if self._known.overrides is None:
            self._known.overrides = {one.id: one for one in self._backend.active_overrides()}
        return self._known.overrides

    def override(self, override_id: str) -> Override | None:
        """Return an override by id, whatever its state."""
        changed = self.changes.overrides.get(override_id)
        return changed or self._backend.override(override_id)

    def put_override(self, override: Override) -> None:
        """Keep a new or changed override."""
        self.touch()
        active = self.active_overrides()
        if override.state is OverrideState.ACTIVE:
            active[override.id] = override
        else:
            active.pop(override.id, None)
        self.changes.overrides[override.id] = override

    def session(self, session_id: str, project: str | None = None) -> SessionRecord | None:
        """Return a session of a project."""
        key, known = SessionKey(session_id, project), self._known.sessions
        if key not in known:
            self._refuse_forgotten(session_id)
            known[key] = self._backend.session(key)
        return known[key]

    def sessions_named(self, session_id: str) -> list[SessionRecord]:
        """Return the sessions of one id, of whatever project."""
        self._refuse_forgotten(session_id)
        found = {
            SessionKey(one.id, one.project): one for one in self._backend.sessions_named(session_id)
        }
        changed = self.changes.sessions.items()
        found |= {key: one for key, one in changed if one.id == session_id}
        return [*found.values()]

    def sessions(self, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of all projects; for a transaction that changed none."""
        return self._backend.sessions(limit)

    def sessions_of(self, project: str | None, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of a project; for a transaction that changed none."""
        return self._backend.sessions_of(project, limit)

    def put_session(self, session: SessionRecord) -> None:
        """Keep a new or changed session."""
        self.touch()
        key = SessionKey(session.id, session.project)
        self._known.sessions[key] = session
        self.changes.sessions[key] = session

    def mission(
        self, session_id: str, mission_id: str, project: str | None = None
    ) -> MissionRecord | None:
        """Return a mission of a session of a project."""
        key, known = MissionKey(session_id, mission_id, project), self._known.missions
        if key not in known:
            self._refuse_forgotten(session_id)
            known[key] = self._backend.mission(key)
        return known[key]

    def open_missions(self, session_id: str, project: str | None = None) -> list[MissionRecord]:
        """Return the missions of a session that run, the oldest first."""
        key = SessionKey(session_id, project)
        self._refuse_forgotten(session_id)
        found = {one.id: one for one in self._backend.open_missions(key)}
        for changed in self.changes.missions.values():
            if (changed.session_id, changed.project) == key:
                found[changed.id] = changed
        return [one for one in found.values() if one.ended_at is None]

    def missions_named(self, session_id: str) -> Sequence[MissionRecord]:
        """Return the missions of all sessions of one id, as they are stored."""
        return self._backend.missions_named(session_id)

    def put_mission(self, mission: MissionRecord) -> None:
        """Keep a new or changed mission."""
        self.touch()
        key = MissionKey(mission.session_id, mission.id, mission.project)
        self._known.missions[key] = mission
        self.changes.missions[key] = mission

    def is_new_price(self, version: str) -> bool:
        """Tell whether the ledger has not been told of a price, and count it as told."""
        known = self._known.price_versions
        if version in known:
            return False
        known.add(version)
        if self._backend.has_price(version):
            return False
        self.touch()
        self.changes.price_versions.add(version)
        return True

    def limits(self, origin: str) -> str | None:
        """Return the limits of the policy of one origin when it was last in force."""
        return self.changes.limits.get(origin) or self._backend.limits(origin)

    def put_limits(self, origin: str, limits: str) -> None:
        """Keep the limits that are in force now."""
        self.touch()
        self.changes.limits[origin] = limits

    def tokens(self) -> dict[str, Token]:
        """Return every access token by id, the oldest first."""
        if self._known.tokens is None:
            self._known.tokens = {one.id: one for one in self._backend.tokens()}
        return self._known.tokens

    def put_token(self, token: Token) -> None:
        """Keep a new or changed access token."""
        self.touch()
        self.tokens()[token.id] = token
        self.changes.tokens[token.id] = token

    def actions(self, principal: str, span_us: int) -> deque[int]:
        """Return when a principal's actions of the span up to now were admitted, ascending.

        Args:
            principal: Who acts.
            span_us: Microseconds; what was admitted exactly so long ago is over.
        """
        after_us = self.now_us - span_us
        known = self._known.actions.get(principal)
        if known is None:
            known = deque(self._backend.actions(principal, after_us, self.now_us))
            self._known.actions[principal] = known
        while known and known[0] <= after_us:
            known.popleft()
        return known

    def add_action(self, principal: str, span_us: int) -> datetime:
        """Count an action as admitted now, forget those before the span, and return the instant.

        Time moves on by the least there is: of two actions one is always the older.
        """
        now = self.tick()
        self.actions(principal, span_us).append(self.now_us)
        self.changes.forgotten_actions[principal] = (self.now_us - span_us, self.now_us)
        self.changes.actions.append((principal, self.now_us))
        return now

    def events(self, after_seq: int, limit: int) -> Sequence[OutboxEvent]:
        """Return outbox events with a greater number; only for a transaction that appended none."""
        return self._backend.events(after_seq, limit)

    def forget(self, through_seq: int, reservations_before_us: int) -> None:
        """Forget drained events, and reservations that were settled long ago.

        Args:
            through_seq: Number of the last event the ledger has kept for good.
            reservations_before_us: Those settled before this instant are forgotten with their
                idempotency keys.
        """
        state = self.touch()
        self.changes.forgotten_seq = state.drained_seq = max(state.drained_seq, through_seq)
        self.changes.forgotten_reservations_us = reservations_before_us
        self._known.forget_settled(reservations_before_us)

    def forget_over(
        self, sessions: Sequence[str] = (), windows_before_us: int = 0, overrides_before_us: int = 0
    ) -> None:
        """Forget what ``Changes`` names; for a transaction of its own."""
        state = self.touch()
        state.forgotten_times += bool(sessions)
        state.windows_before_us = max(state.windows_before_us, windows_before_us)
        self.changes.forgotten_sessions += sessions
        self.changes.forgotten_windows_us = windows_before_us
        self.changes.forgotten_overrides_us = overrides_before_us
        self._known.forget_scopes()

    def recall_session(self, session_id: str) -> None:
        """Take a session for known again; its rows are put back by the caller."""
        self.touch().forgotten_times += 1
        self.changes.recalled_sessions.append(session_id)
        self._known.forget_scopes()
        self._known.remembered.add(session_id)

    def is_forgotten(self, session_id: str) -> bool:
        """Return whether sessions of this id may have been forgotten."""
        known = self._known.remembered
        if session_id not in known and self._backend.is_forgotten(session_id):
            return True
        known.add(session_id)
        return False

    def forgotten_marks(self) -> Sequence[str]:
        """Return the marks of forgotten sessions; not those of this transaction."""
        return self._backend.forgotten_marks()

    def _refuse_forgotten(self, session_id: str, window_start_us: int = 0) -> None:
        if session_id and self.is_forgotten(session_id):
            raise Forgotten(session_id)
        if 0 < window_start_us < self._state.windows_before_us:
            raise Forgotten(None)
