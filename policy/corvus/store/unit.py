"""One transaction as the governor's rules see it: loaded rows, and the changes to keep.

Rows are loaded once and then remembered; what was changed is written together at the end, so that
the callers who share a transaction share its statements too. What is remembered outlives a
transaction as long as nobody else writes. Time never runs backwards.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from corvus.base.errors import StoreCorrupt
from corvus.base.ids import new_id
from corvus.base.time import instant_at
from corvus.model.approval import Approval
from corvus.model.budget import Budget
from corvus.model.notify import Notice, TargetProgress
from corvus.model.outbox import LedgerTable, OutboxEvent, Row
from corvus.model.reservation import AnswerKeys, Reservation
from corvus.model.signin import DeviceGrant, SignIn
from corvus.model.steering import MissionRecord, Override, OverrideState, SessionRecord
from corvus.model.token import Token
from corvus.store import kinds
from corvus.store.api import (
    BalanceKey,
    Changes,
    Forgotten,
    IdempotencyKey,
    MissionKey,
    Rows,
    SessionKey,
    StoredBalance,
    StoreRows,
    StoreState,
    session_mark,
)
from corvus.store.cache import Cache, key_of
from corvus.store.codec import Kind, Present
from corvus.store.kinds import (
    ACTION,
    APPROVAL,
    BALANCE,
    BUDGET,
    DEVICE_GRANT,
    FORGOTTEN_SESSION,
    MISSION,
    NOTICE,
    NOTIFY_TARGET,
    OUTBOX,
    OVERRIDE,
    POLICY_LIMITS,
    PRICE_ENTRY,
    RESERVATION,
    SECRET,
    SESSION,
    SIGN_IN,
    TOKEN,
    WAITER,
    AdmittedAction,
    PolicyLimits,
    PriceEntry,
    RegisteredBudget,
    StoreSecret,
    Waiter,
    budget_key,
    budget_of,
)
from corvus.store.moved import mark_of

T = TypeVar("T")

_ALIKE_MAX = 100
"""Calls that one key of an answer may name; more are somebody's forgery."""


class Unit:
    """A transaction under way.

    Args:
        backend: Where rows come from; if it is a backend, its transaction has begun. Over other
            rows nothing is kept.
        cache: What is remembered already.
        clock_us: What the clock says, microseconds.

    Attributes:
        changes: What is to be written.
        upkept: Whether overdue holds were looked for in this transaction.
        wrote: A number that grows with every change, which shows whether a step changed anything.
    """

    def __init__(self, backend: StoreRows, cache: Cache, clock_us: int) -> None:
        self._backend = backend
        self._cache = cache
        self.changes = Changes()
        self.upkept = False
        self.wrote = 0
        if cache.state is None:
            cache.state = state_of(backend)
        self._state = cache.state
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

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return the row of a key, as this transaction sees it."""
        rows = self._cache.table(kind)
        if key not in rows:
            rows[key] = self._backend.get(kind, key)
        return rows[key]

    def add(self, kind: Kind[T], row: T) -> None:
        """Keep a row that is not there yet."""
        self.touch()
        self._keep(kind, row, self.changes.new)

    def put(self, kind: Kind[T], row: T) -> None:
        """Keep a row in the place of another of its key, or a new one."""
        self.touch()
        self._keep(kind, row, self.changes.changed)

    def _keep(self, kind: Kind[T], row: T, changes: dict[Kind[Any], dict[Any, Any]]) -> None:
        key = kind.key_of(row)
        self._cache.table(kind)[key] = row
        if kind not in changes:
            changes[kind] = {}
        changes[kind][key] = row

    def drop(self, kind: Kind[T], key: Any) -> None:
        """Let a row go; what is kept of the key after this is a new row."""
        self.touch()
        self._cache.table(kind)[key] = None
        for rows in (self.changes.changed, self.changes.new):
            if kind in rows:
                rows[kind].pop(key, None)
        self.changes.dropped.setdefault(kind, set()).add(key)

    def append(self, table: LedgerTable, row: Row) -> int:
        """Put a row into the outbox and return its number."""
        state = self.touch()
        seq = state.next_seq
        state.next_seq += 1
        self.changes.new.setdefault(OUTBOX, {})[seq] = OutboxEvent(seq, table, row)
        return seq

    @property
    def rows(self) -> Rows:
        """What is stored, without what this transaction has changed."""
        return self._backend

    def budgets(self) -> dict[int, Budget]:
        """Return the registered budgets by id; only what identifies them is meaningful."""
        if self._cache.budgets is None:
            registered = self._backend.find(kinds.BUDGETS)
            self._cache.budgets = {row.id: budget_of(row.key) for row in registered}
        return self._cache.budgets

    def register(self, budget: Budget) -> int:
        """Register a budget and return its id."""
        budgets = dict(self.budgets())
        budget_id = max(budgets, default=0) + 1
        budgets[budget_id] = budget
        self._cache.budgets = budgets  # a new object: who derived from the old one sees it
        self.add(BUDGET, RegisteredBudget(budget_id, budget_key(budget)))
        return budget_id

    def reservation(self, reservation_id: str) -> Reservation | None:
        """Return a reservation by id."""
        return self.get(RESERVATION, reservation_id)

    def reservation_by_key(self, key: str, project: str | None = None) -> Reservation | None:
        """Return the reservation to which an idempotency key of a project points."""
        wanted = IdempotencyKey(key, project)
        reservation_id = self._cache.keys.get(wanted)
        if reservation_id is not None:
            return self.reservation(reservation_id)
        matches = self._backend.find(kinds.RESERVATION_OF_KEY, project or "", key)
        if not matches:
            return None
        (match,) = matches
        self._cache.keys[wanted] = match.id
        rows = self._cache.table(RESERVATION)
        if rows.get(match.id) is None:
            rows[match.id] = match
        return rows[match.id]

    def answered(self, answer: AnswerKeys, *, reported: bool) -> list[Reservation]:
        """Return the calls that one of the keys of an answer names, as this transaction sees them.

        There are ``_ALIKE_MAX`` of each at most.

        Args:
            answer: The keys.
            reported: Whether those are wanted that clients report, or those that we measured.
        """
        if reported and not self._has_reports():
            return []
        rows: dict[str, Reservation] = {}
        for query, value in (
            (kinds.ANSWERED, answer.answer_id),
            (kinds.ANSWERED_ALIKE, answer.answer_mark),
        ):
            if value is not None:
                found = self._backend.find(query, value, int(reported), _ALIKE_MAX)
                rows |= {row.id: row for row in found}
        for changed in (self.changes.changed, self.changes.new):
            for row in changed.get(RESERVATION, {}).values():
                rows.pop(row.id, None)
                if _has_answer(row, answer) and row.is_reported == reported:
                    rows[row.id] = row
        return [*rows.values()]

    def _has_reports(self) -> bool:
        if self._cache.has_reports is None:
            self._cache.has_reports = bool(self._backend.find(kinds.STANDING_REPORT))
        return self._cache.has_reports

    def add_reservation(self, reservation: Reservation) -> None:
        """Keep a new reservation; its idempotency key points to it from now on.

        What held the key before must have given it up (``drop_key``).
        """
        if reservation.is_reported:
            self._cache.has_reports = True
        self.add(RESERVATION, reservation)
        if (key := key_of(reservation)) is not None:
            self._cache.keys[key] = reservation.id

    def put_reservation(self, reservation: Reservation) -> None:
        """Keep a changed reservation."""
        is_new = reservation.id in self.changes.new.get(RESERVATION, ())
        (self.add if is_new else self.put)(RESERVATION, reservation)

    def drop_key(self, reservation: Reservation) -> None:
        """Take the idempotency key from a reservation that has ended, for the next under it."""
        if (key := key_of(reservation)) is not None:
            self._cache.keys.pop(key, None)
        bare = replace(reservation.request, idempotency_key=None)
        self.put_reservation(replace(reservation, request=bare))

    def overdue(self, limit: int) -> Sequence[Reservation]:
        """Return held reservations past their deadline, the oldest first.

        Those settled in this transaction are left out; those made in it cannot be overdue yet: a
        hold lives a second at least.
        """
        changed = self.changes.changed_of(RESERVATION)
        overdue = self._backend.find(kinds.OVERDUE, Present(self.now_us), limit)
        return [row for row in overdue if row.id not in changed]

    def held(self) -> list[Reservation]:
        """Return every held reservation; only for a transaction that changed none."""
        return self._backend.find(kinds.HELD)

    def balance(self, key: BalanceKey) -> StoredBalance:
        """Return a balance; one that is not there yet is 0.

        Raises:
            StoreCorrupt: A figure went below 0 (MIS-3).
        """
        rows = self._cache.table(BALANCE)
        balance = rows.get(key)
        if balance is None:
            self._refuse_forgotten(key.session_id)
            self._refuse_past_window(key)
            balance = self._backend.get(BALANCE, key) or StoredBalance(key)
            rows[key] = balance
        if (
            min(
                balance.spent_nano_usd,
                balance.held_nano_usd,
                balance.held_tokens,
                balance.held_calls,
            )
            < 0
        ):
            raise StoreCorrupt(
                f"the balance of budget {self.budgets()[key.budget_id].name} in "
                f"{self._backend.name} went below 0; run `corvus ledger verify --rebuild`"
            )
        return balance

    def window_opened(self, budget_id: int, part: str, by_us: int) -> int | None:
        """Return when the latest window of a sum opened, microseconds; ``None`` if none had.

        Args:
            budget_id: A budget whose windows open with a call.
            part: Of a budget with ``per``; else empty.
            by_us: The instant by which it had opened, inclusive.
        """
        remembered = self._cache.windows.get((budget_id, part))
        if remembered is not None and remembered <= by_us:
            return remembered
        query = kinds.PART_WINDOW_OPENED if part else kinds.WINDOW_OPENED
        is_present = by_us >= self.now_us
        by = Present(by_us) if is_present else by_us
        found = self._backend.find(query, budget_id, part, by)
        if not found:
            return None
        if is_present:
            self._cache.windows[budget_id, part] = found[0]
        return found[0]

    def open_window(self, budget_id: int, part: str, start_us: int) -> None:
        """Remember a window that opens now, before its balance is kept."""
        self._cache.windows[budget_id, part] = start_us

    def balances(self, budget_id: int) -> dict[BalanceKey, StoredBalance]:
        """Return every balance of a budget, as this transaction sees it."""
        balances = {row.key: row for row in self._backend.find(kinds.BALANCES_OF, budget_id)}
        for key, row in self._cache.table(BALANCE).items():
            if row is not None and key.budget_id == budget_id:
                balances[key] = row
        return balances

    def put_balance(self, balance: StoredBalance) -> None:
        """Keep a changed balance."""
        self.put(BALANCE, balance)

    def put_balances(self, balances: Iterable[StoredBalance]) -> None:
        """Keep changed balances."""
        self.touch()
        for balance in balances:
            self._keep(BALANCE, balance, self.changes.changed)

    def active_overrides(self) -> dict[str, Override]:
        """Return the active overrides by id, the oldest first."""
        return self._cache.list(OVERRIDE, self._backend, kinds.ACTIVE_OVERRIDES)

    def override(self, override_id: str) -> Override | None:
        """Return an override by id, whatever its state."""
        changed = self.changes.changed_of(OVERRIDE).get(override_id)
        return changed or self._backend.get(OVERRIDE, override_id)

    def put_override(self, override: Override) -> None:
        """Keep a new or changed override."""
        active = self.active_overrides()
        if override.state is OverrideState.ACTIVE:
            active[override.id] = override
        else:
            active.pop(override.id, None)
        self.put(OVERRIDE, override)

    def session(self, session_id: str, project: str | None = None) -> SessionRecord | None:
        """Return a session of a project."""
        key = SessionKey(session_id, project)
        if key not in self._cache.table(SESSION):
            self._refuse_forgotten(session_id)
        return self.get(SESSION, key)

    def sessions_named(self, session_id: str) -> list[SessionRecord]:
        """Return the sessions of one id, of whatever project."""
        self._refuse_forgotten(session_id)
        named = self._backend.find(kinds.SESSIONS_NAMED, session_id)
        sessions = {SESSION.key_of(row): row for row in named}
        for key, row in self.changes.changed_of(SESSION).items():
            if row.id == session_id:
                sessions[key] = row
        return [*sessions.values()]

    def sessions(self, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of all projects, those opened last first.

        For a transaction that changed none.
        """
        return self._backend.find(kinds.SESSIONS, limit)

    def sessions_of(self, project: str | None, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of a project; for a transaction that changed none."""
        return self._backend.find(kinds.SESSIONS_OF, project or "", limit)

    def put_session(self, session: SessionRecord) -> None:
        """Keep a new or changed session."""
        self.put(SESSION, session)

    def mission(
        self, session_id: str, mission_id: str, project: str | None = None
    ) -> MissionRecord | None:
        """Return a mission of a session of a project."""
        key = MissionKey(session_id, mission_id, project)
        if key not in self._cache.table(MISSION):
            self._refuse_forgotten(session_id)
        return self.get(MISSION, key)

    def missions_of(self, session_id: str, project: str | None = None) -> list[MissionRecord]:
        """Return all missions of a session, as this transaction sees them."""
        self._refuse_forgotten(session_id)
        stored = self._backend.find(kinds.MISSIONS_OF, session_id, project or "")
        missions = {row.id: row for row in stored}
        for row in self.changes.changed_of(MISSION).values():
            if (row.session_id, row.project) == (session_id, project):
                missions[row.id] = row
        return [*missions.values()]

    def open_missions(self, session_id: str, project: str | None = None) -> list[MissionRecord]:
        """Return the missions of a session that run, the oldest first."""
        self._refuse_forgotten(session_id)
        running = self._backend.find(kinds.OPEN_MISSIONS, session_id, project or "")
        missions = {row.id: row for row in sorted(running, key=lambda row: row.started_at)}
        for row in self.changes.changed_of(MISSION).values():
            if (row.session_id, row.project) == (session_id, project):
                missions[row.id] = row
        return [row for row in missions.values() if row.is_open]

    def missions_named(self, session_id: str) -> Sequence[MissionRecord]:
        """Return the missions of all sessions of one id, as they are stored."""
        return self._backend.find(kinds.MISSIONS_NAMED, session_id)

    def put_mission(self, mission: MissionRecord) -> None:
        """Keep a new or changed mission."""
        self.put(MISSION, mission)

    def is_new_price(self, version: str) -> bool:
        """Return whether the ledger has no row of a price yet, and count it as having one."""
        if self.get(PRICE_ENTRY, version) is not None:
            return False
        self.add(PRICE_ENTRY, PriceEntry(version))
        return True

    def limits(self, origin: str) -> str | None:
        """Return the limits of the policy of one origin when it was last in force."""
        changed = self.changes.changed_of(POLICY_LIMITS).get(origin)
        row = changed or self._backend.get(POLICY_LIMITS, origin)
        return None if row is None else row.limits

    def put_limits(self, origin: str, limits: str) -> None:
        """Keep the limits that are in force now."""
        self.put(POLICY_LIMITS, PolicyLimits(origin, limits))

    def tokens(self) -> dict[str, Token]:
        """Return every access token by id, the oldest first."""
        return self._cache.list(TOKEN, self._backend, kinds.TOKENS)

    def put_token(self, token: Token) -> None:
        """Keep a new or changed access token."""
        self.tokens()[token.id] = token
        self.put(TOKEN, token)

    def device_grants(self) -> dict[str, DeviceGrant]:
        """Return every device that waits for a person, or did not long ago, by id."""
        return self._cache.list(DEVICE_GRANT, self._backend, kinds.DEVICE_GRANTS)

    def put_device_grant(self, grant: DeviceGrant, *, is_new: bool = False) -> None:
        """Keep a new or changed device."""
        is_new = is_new or grant.id in self.changes.new.get(DEVICE_GRANT, ())
        self.device_grants()[grant.id] = grant
        (self.add if is_new else self.put)(DEVICE_GRANT, grant)

    def drop_device_grant(self, grant_id: str) -> None:
        """Let a device go, if it is there."""
        if self.device_grants().pop(grant_id, None) is not None:
            self.drop(DEVICE_GRANT, grant_id)

    def sign_ins(self) -> dict[str, SignIn]:
        """Return every log-in of a client by id, the oldest first, also those that are over."""
        return self._cache.list(SIGN_IN, self._backend, kinds.SIGN_INS)

    def put_sign_in(self, sign_in: SignIn, *, is_new: bool = False) -> None:
        """Keep a new or changed log-in."""
        is_new = is_new or sign_in.id in self.changes.new.get(SIGN_IN, ())
        self.sign_ins()[sign_in.id] = sign_in
        (self.add if is_new else self.put)(SIGN_IN, sign_in)

    def drop_sign_in(self, sign_in_id: str) -> None:
        """End a log-in, if it is there."""
        if self.sign_ins().pop(sign_in_id, None) is not None:
            self.drop(SIGN_IN, sign_in_id)

    def waiters(self) -> dict[int, Waiter]:
        """Return every call that waits for room by its turn, also those that are gone."""
        return self._cache.list(WAITER, self._backend, kinds.WAITERS)

    def put_waiter(self, waiter: Waiter) -> None:
        """Keep a new or changed waiter."""
        self.waiters()[waiter.turn] = waiter
        self.put(WAITER, waiter)

    def drop_waiter(self, turn: int) -> None:
        """Let a waiter go, if it is there."""
        if self.waiters().pop(turn, None) is not None:
            self.drop(WAITER, turn)

    def open_approvals(self) -> dict[str, Approval]:
        """Return the parked calls by id that nobody has decided, or that did not pass yet."""
        return self._cache.list(APPROVAL, self._backend, kinds.OPEN_APPROVALS)

    def approval(self, approval_id: str) -> Approval | None:
        """Return an approval by id, whatever its state."""
        return self.open_approvals().get(approval_id) or self.get(APPROVAL, approval_id)

    def put_approval(self, approval: Approval, *, is_new: bool = False) -> None:
        """Keep a new or changed approval."""
        is_new = is_new or approval.id in self.changes.new.get(APPROVAL, ())
        approvals = self.open_approvals()
        if approval.state.is_open:
            approvals[approval.id] = approval
        else:
            approvals.pop(approval.id, None)
        (self.add if is_new else self.put)(APPROVAL, approval)

    def approvals_left(self, principal: str, after_us: int) -> int:
        """Return how many calls that a principal parked since an instant nobody has decided."""
        return len(self._backend.find(kinds.LEFT_APPROVALS, new_id(after_us), principal))

    def forget_approvals(self, before_us: int) -> None:
        """Let approvals go that are over and were parked before an instant."""
        for old in self._backend.find(kinds.OLD_APPROVALS, new_id(before_us)):
            self.drop(APPROVAL, old.id)

    def secret(self, name: str) -> bytes:
        """Return a secret of the store, which makes it when it is first needed."""
        found = self.get(SECRET, name)
        if found is None:
            found = StoreSecret(name, secrets.token_hex(32))
            self.add(SECRET, found)
        return bytes.fromhex(found.value)

    def actions(self, principal: str, span_us: int) -> deque[int]:
        """Return when a principal's actions of the span up to now were admitted, ascending.

        Args:
            principal: Who acts.
            span_us: Microseconds; what was admitted exactly so long ago is over.
        """
        after_us = self.now_us - span_us
        instants = self._cache.actions.get(principal)
        if instants is None:
            span = Present(after_us), Present(self.now_us)
            rows = self._backend.find(kinds.ACTIONS, principal, *span)
            instants = deque(row.admitted_at_us for row in rows)
            self._cache.actions[principal] = instants
        while instants and instants[0] <= after_us:
            instants.popleft()
        return instants

    def add_action(self, principal: str, span_us: int) -> datetime:
        """Count an action as admitted now, forget those before the span, and return the instant.

        Time moves on by the least there is: of two actions one is always the older.
        """
        now = self.tick()
        self.actions(principal, span_us).append(self.now_us)
        self.changes.forgotten_actions[principal] = (self.now_us - span_us, self.now_us)
        action = AdmittedAction(principal, self.now_us)
        self.changes.new.setdefault(ACTION, {})[action] = action
        return now

    def events(self, after_seq: int, limit: int) -> Sequence[OutboxEvent]:
        """Return outbox events with a greater number; only for a transaction that appended none."""
        return self._backend.find(kinds.EVENTS, after_seq, limit)

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
        self._cache.forget_settled(reservations_before_us)

    def add_notice(self, notice: Notice, keep: int) -> None:
        """Keep a notice under the next number, and no more than the newest ``keep`` of all."""
        self.touch().next_notice = notice.seq + 1
        self.add(NOTICE, notice)
        if notice.seq > keep:
            self.changes.forgotten_notice_seq = notice.seq - keep

    def notices(self, after_seq: int, limit: int) -> Sequence[Notice]:
        """Return notices with a greater number; only for a transaction that added none."""
        return self._backend.find(kinds.NOTICES, after_seq, limit)

    def target(self, name: str) -> TargetProgress | None:
        """Return how far a target of notifications has got."""
        return self.get(NOTIFY_TARGET, name)

    def put_target(self, target: TargetProgress) -> None:
        """Keep how far a target has got."""
        self.put(NOTIFY_TARGET, target)

    def forget_over(
        self,
        sessions: Sequence[str] = (),
        windows_before_us: int = 0,
        overrides_before_us: int = 0,
        notices_before_us: int = 0,
    ) -> None:
        """Forget what ``Changes`` names; for a transaction of its own."""
        state = self.touch()
        state.forgotten_times += bool(sessions)
        state.windows_before_us = max(state.windows_before_us, windows_before_us)
        self.changes.forgotten_sessions += sessions
        self.changes.forgotten_windows_us = windows_before_us
        self.changes.forgotten_overrides_us = overrides_before_us
        self.changes.forgotten_notices_us = notices_before_us
        self._cache.forget_scopes()

    def recall_session(self, session_id: str) -> None:
        """Take a session for present again; its rows are put back by the caller."""
        self.touch().forgotten_times += 1
        self.changes.recalled_sessions.append(session_id)
        self._cache.forget_scopes()
        self._cache.present.add(session_id)

    def is_forgotten(self, session_id: str) -> bool:
        """Return whether sessions of this id may have been forgotten: whether its mark is there."""
        present = self._cache.present
        if session_id in present:
            return False
        if self._backend.get(FORGOTTEN_SESSION, session_mark(session_id)) is not None:
            return True
        present.add(session_id)
        return False

    def forgotten_marks(self) -> Sequence[str]:
        """Return the marks of forgotten sessions; not those of this transaction."""
        return [row.mark for row in self._backend.find(kinds.FORGOTTEN_SESSIONS)]

    def _refuse_forgotten(self, session_id: str) -> None:
        if session_id and self.is_forgotten(session_id):
            raise Forgotten(session_id)

    def _refuse_past_window(self, key: BalanceKey) -> None:
        if 0 < key.window_start_us < self._state.windows_before_us and self.is_window_forgotten(
            self.budgets()[key.budget_id], key.window_start_us
        ):
            raise Forgotten(None)

    def is_window_forgotten(self, budget: Budget, window_start_us: int) -> bool:
        """Return whether the sums of a window are forgotten."""
        return 0 < window_start_us < self._state.windows_before_us - kinds.longer_us(budget)


def _has_answer(row: Reservation, answer: AnswerKeys) -> bool:
    has_id = answer.answer_id is not None and row.answer_id == answer.answer_id
    return has_id or (answer.answer_mark is not None and row.answer_mark == answer.answer_mark)


def state_of(rows: StoreRows) -> StoreState:
    """Return the store's own row.

    Raises:
        StoreCorrupt: It is lost.
        StoreMoved: The store is not to be used here.
    """
    for state in rows.find(kinds.THE_STATE):
        if (mark := mark_of(state.moved, rows.name)) is not None:
            raise mark.refusal(rows.name)
        return state
    raise StoreCorrupt(f"{rows.name} has lost its own row; restore a backup")
