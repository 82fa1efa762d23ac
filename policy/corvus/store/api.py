"""What every store holds and every backend must do.

A store is a backend (SQLite, memory) behind one writer (``corvus.store.store``). The governor's
rules run inside the writer's transaction, over a ``Unit`` (``corvus.store.unit``); a backend only
loads rows and keeps the changes of one transaction together, so that every store shares the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol

from corvus.base.errors import PolicyError
from corvus.model.budget import Budget
from corvus.model.outbox import OutboxEvent
from corvus.model.refusals import Refusals
from corvus.model.reservation import Reservation
from corvus.model.steering import MissionRecord, Override, SessionRecord
from corvus.model.token import Token


class BalanceKey(NamedTuple):
    """Which sum of which budget: one window, session or mission.

    Attributes:
        window_start_us: Microseconds since 1970; 0 without a calendar window.
        session_id: Empty unless the period is ``session`` or ``mission``.
        mission_id: Empty unless the period is ``mission``.
        project: Of the session or mission; empty without one, and for all other periods.
    """

    budget_id: int
    window_start_us: int = 0
    session_id: str = ""
    mission_id: str = ""
    project: str = ""


class SessionKey(NamedTuple):
    """Which session: ids are unique within a project, and no project is one of its own (RES-8)."""

    id: str
    project: str | None = None


def session_mark(session_id: str) -> str:
    """Return what is kept of a forgotten session: the first 128 bits of the SHA-256 of its id.

    Nobody can find two sessions that share one, of which the one would be recalled and unmark the
    other.
    """
    return sha256(session_id.encode()).hexdigest()[:32]


class MissionKey(NamedTuple):
    """Which mission: an id inside a session of a project."""

    session_id: str
    id: str
    project: str | None = None


class Forgotten(PolicyError):
    """What is over and was forgotten is named again: it is to be recalled from the ledger first.

    Attributes:
        session_id: The session; ``None`` is a calendar window.
    """

    def __init__(self, session_id: str | None) -> None:
        what = "a past window" if session_id is None else f"session {session_id!r}"
        super().__init__(
            f"{what} is over and was forgotten; its sums are in the ledger, which cannot be read "
            "here: run `corvus ledger verify`"
        )
        self.session_id = session_id


class IdempotencyKey(NamedTuple):
    """Which idempotency key: keys are unique within a project."""

    key: str
    project: str | None = None


@dataclass(slots=True)
class StoredBalance:
    """Sums of one budget in one window since its last reset; mutable inside a transaction.

    Attributes:
        spent_nano_usd: Cost of the settled calls, >= 0.
        held_nano_usd: Sum of the open holds, >= 0.
        calls: Settled calls.
        unpriced_calls: Those whose cost is unknown and not in the sum.
        tokens: Tokens of all kinds.
        since_us: Instant of the last reset, microseconds; 0 without one. What was settled earlier
            does not count.
        state: State of the last evaluation, to tell a transition (OBS-1).
        refusals: What it refused; ``None`` while it refused nothing.
    """

    key: BalanceKey
    spent_nano_usd: int = 0
    held_nano_usd: int = 0
    calls: int = 0
    unpriced_calls: int = 0
    tokens: int = 0
    since_us: int = 0
    state: int = 0
    refusals: Refusals | None = None


@dataclass(slots=True)
class StoreState:
    """The one row of facts about the store itself.

    Attributes:
        store_id: UUID text, made with the store.
        last_us: The latest instant that was stamped; time never runs backwards.
        next_seq: Number of the next outbox event.
        drained_seq: Events up to here were handed over to the ledger and forgotten.
        audit_position: Position of the newest audit event.
        audit_head: Its hash.
        recount_due: Whether the ledger has usage that the balances do not count yet.
        witness: What other clocks said at a recent stamp (``corvus.store.present``).
        refusals: Those that were only counted so far, as JSON (``corvus.governor.records``).
        forgotten_times: How often sessions were forgotten or recalled, to tell a change.
        windows_before_us: The sums of calendar windows that began before are forgotten.
    """

    store_id: str
    last_us: int = 0
    next_seq: int = 1
    drained_seq: int = 0
    audit_position: int = 0
    audit_head: str = "0" * 64
    recount_due: bool = False
    witness: str = ""
    refusals: str = ""
    forgotten_times: int = 0
    windows_before_us: int = 0


@dataclass(slots=True)
class Changes:
    """All that one transaction writes.

    Attributes:
        actions: Principal and instant, microseconds, of each admitted action.
        forgotten_actions: By principal, the span ``(after, until]`` outside of which its admitted
            actions are forgotten; done before ``actions`` are written.
    """

    state: StoreState | None = None
    new_reservations: dict[str, Reservation] = field(default_factory=dict[str, Reservation])
    reservations: dict[str, Reservation] = field(default_factory=dict[str, Reservation])
    balances: dict[BalanceKey, StoredBalance] = field(
        default_factory=dict[BalanceKey, StoredBalance]
    )
    overrides: dict[str, Override] = field(default_factory=dict[str, Override])
    sessions: dict[SessionKey, SessionRecord] = field(
        default_factory=dict[SessionKey, SessionRecord]
    )
    missions: dict[MissionKey, MissionRecord] = field(
        default_factory=dict[MissionKey, MissionRecord]
    )
    budgets: dict[int, Budget] = field(default_factory=dict[int, Budget])
    price_versions: set[str] = field(default_factory=set[str])
    limits: dict[str, str] = field(default_factory=dict[str, str])
    tokens: dict[str, Token] = field(default_factory=dict[str, Token])
    actions: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    forgotten_actions: dict[str, tuple[int, int]] = field(
        default_factory=dict[str, tuple[int, int]]
    )
    events: list[OutboxEvent] = field(default_factory=list[OutboxEvent])
    forgotten_seq: int = 0
    forgotten_reservations_us: int = 0
    forgotten_sessions: list[str] = field(default_factory=list[str])
    recalled_sessions: list[str] = field(default_factory=list[str])
    forgotten_windows_us: int = 0
    forgotten_overrides_us: int = 0

    @property
    def has_rare(self) -> bool:
        """Whether anything is written that most transactions do not write."""
        rare = (
            self.overrides,
            self.sessions,
            self.missions,
            self.budgets,
            self.price_versions,
            self.limits,
            self.tokens,
            self.actions,
            self.forgotten_seq,
            self.forgotten_reservations_us,
            self.forgotten_sessions,
            self.recalled_sessions,
            self.forgotten_windows_us,
            self.forgotten_overrides_us,
        )
        return any(rare)


class Backend(Protocol):
    """Keeps the state; called by one thread at a time, between ``begin`` and its end.

    Every method may raise ``StoreUnavailable`` (locked, full, no permission) or ``StoreCorrupt``.
    """

    name: str

    @property
    def unsettled_path(self) -> Path | None:
        """Where settlements wait that could not be written; ``None`` keeps none."""
        ...

    def file_clock_us(self) -> int | None:
        """Return what the clock of the file system says, microseconds; ``None`` without one."""
        ...

    def begin(self) -> bool:
        """Start a transaction, alone among all processes; tell whether others wrote since."""
        ...

    def commit(self, changes: Changes) -> None:
        """Make the changes durable, all or none."""
        ...

    def roll_back(self) -> None:
        """End the transaction without a change."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...

    def state(self) -> StoreState:
        """Return the store's own row."""
        ...

    def budgets(self) -> Mapping[int, Budget]:
        """Return the registered budgets by id; only what identifies them is meaningful."""
        ...

    def reservation(self, reservation_id: str) -> Reservation | None:
        """Return a reservation by id."""
        ...

    def reservation_by_key(self, key: IdempotencyKey) -> Reservation | None:
        """Return the newest reservation with an idempotency key."""
        ...

    def overdue(self, now_us: int, limit: int) -> Sequence[Reservation]:
        """Return held reservations with ``expires_at <= now``, the oldest first."""
        ...

    def held(self) -> Sequence[Reservation]:
        """Return every held reservation."""
        ...

    def balance(self, key: BalanceKey) -> StoredBalance | None:
        """Return one balance."""
        ...

    def balances(self, budget_id: int) -> Sequence[StoredBalance]:
        """Return every balance of a budget."""
        ...

    def active_overrides(self) -> Sequence[Override]:
        """Return every active override, the oldest first."""
        ...

    def override(self, override_id: str) -> Override | None:
        """Return an override by id."""
        ...

    def session(self, key: SessionKey) -> SessionRecord | None:
        """Return a session."""
        ...

    def sessions_named(self, session_id: str) -> Sequence[SessionRecord]:
        """Return the sessions of one id, of whatever project."""
        ...

    def sessions(self, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of all projects, those opened last first."""
        ...

    def sessions_of(self, project: str | None, limit: int) -> Sequence[SessionRecord]:
        """Return so many sessions of a project, those opened last first."""
        ...

    def mission(self, key: MissionKey) -> MissionRecord | None:
        """Return a mission."""
        ...

    def open_missions(self, key: SessionKey) -> Sequence[MissionRecord]:
        """Return the missions of a session that run, the oldest first."""
        ...

    def missions_named(self, session_id: str) -> Sequence[MissionRecord]:
        """Return the missions of the sessions of one id, of whatever project."""
        ...

    def is_forgotten(self, session_id: str) -> bool:
        """Return whether sessions of this id may have been forgotten: whether its mark is there."""
        ...

    def forgotten_marks(self) -> Sequence[str]:
        """Return the marks (``session_mark``) of all forgotten sessions."""
        ...

    def has_price(self, version: str) -> bool:
        """Tell whether a price was told to the ledger already."""
        ...

    def limits(self, origin: str) -> str | None:
        """Return the limits of the policy of one origin when it was last in force."""
        ...

    def tokens(self) -> Sequence[Token]:
        """Return every access token, the oldest first."""
        ...

    def actions(self, principal: str, after_us: int, until_us: int) -> Sequence[int]:
        """Return the instants in ``(after, until]`` of a principal's actions, the oldest first."""
        ...

    def events(self, after_seq: int, limit: int) -> Sequence[OutboxEvent]:
        """Return outbox events with a greater number, ascending."""
        ...
