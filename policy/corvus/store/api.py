"""What every backend of a store must do, and the keys and sums that have no other home.

A store is a backend behind one writer (``corvus.store.store``). The governor's rules run inside the
writer's transaction, over a ``Unit`` (``corvus.store.unit``); a backend only loads rows and keeps
the changes of one transaction together, so that every store shares the rules. It knows no entity:
what is kept is the table of ``corvus.store.kinds``.

A new backend is a class of ``Backend``, one of ``StorePlace`` and a line in ``place_at``
(``corvus.store.place``).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from corvus.base.errors import PolicyError, StoreUnavailable
from corvus.model.budget import Amounts, Measure
from corvus.model.refusals import Refusals
from corvus.store.codec import Kind, Query
from corvus.store.looks import Fetched, Foreseen, Wanted

T = TypeVar("T")
Table = dict[Any, Any]
"""Rows of a kind by their key."""


class BalanceKey(NamedTuple):
    """Which sum of which budget: one window, session or mission.

    Attributes:
        window_start_us: Microseconds since 1970; 0 without a window.
        session_id: Empty unless the period is ``session`` or ``mission``.
        mission_id: Empty unless the period is ``mission``.
        project: Of the session or mission; empty without one, and for all other periods.
        part: Of a budget with ``per`` (``corvus.model.budget.part_of``); else empty.
    """

    budget_id: int
    window_start_us: int = 0
    session_id: str = ""
    mission_id: str = ""
    project: str = ""
    part: str = ""


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
        held_tokens: Tokens of the open holds, >= 0.
        held_calls: How many holds are open, >= 0.
        calls: Settled calls.
        unpriced_calls: Those whose cost is unknown; in the sum is their bound, if they have one.
        tokens: Tokens of all kinds.
        since_us: Instant of the last reset, microseconds; 0 without one. What was settled earlier
            does not count.
        state: State of the last evaluation, which shows a transition (OBS-1).
        reached_percent: The highest threshold that was reported since the window began or the sum
            was reset; -1 while none was.
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
    held_tokens: int = 0
    held_calls: int = 0
    reached_percent: int = -1

    def spent(self, measure: Measure) -> int:
        """Return what settled calls used, in the unit of a measure."""
        if measure is Measure.USD:
            return self.spent_nano_usd
        return self.tokens if measure is Measure.TOKENS else self.calls

    def held(self, measure: Measure) -> int:
        """Return what open holds may use, in the unit of a measure."""
        if measure is Measure.USD:
            return self.held_nano_usd
        return self.held_tokens if measure is Measure.TOKENS else self.held_calls

    def hold(self, amounts: Amounts, sign: int = 1) -> None:
        """Add what a reservation holds; with a sign of -1, take it off."""
        nano_usd, tokens, calls = amounts
        self.held_nano_usd += sign * nano_usd
        self.held_tokens += sign * tokens
        self.held_calls += sign * calls


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
        witness: What other clocks said at a recent stamp (``corvus.store.witness``).
        refusals: Those that were only counted so far, as JSON (``corvus.governor.records``).
        forgotten_times: How often sessions were forgotten or recalled.
        windows_before_us: The sums of calendar windows that began before are forgotten.
        next_notice: Number of the next notice.
        moved: Why nobody may use it (``corvus.store.moved``); empty while it is in use.
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
    next_notice: int = 1
    moved: str = ""


@dataclass(slots=True)
class Changes:
    """All that one transaction writes.

    Attributes:
        changed: Rows that were there, or may have been, by kind and key; written first: one may
            give up what a new one takes.
        new: Rows that were not there.
        dropped: Keys of rows that shall not be there, by kind; dropped before anything is written.
        forgotten_actions: By principal, the span ``(after, until]`` outside of which its admitted
            actions are forgotten.
        forgotten_seq: The outbox event up to which all are.
        forgotten_reservations_us: The instant before which reservations were settled that are.
        forgotten_sessions: Ids of sessions that are, with their missions and sums.
        recalled_sessions: Ids of sessions that are not forgotten any more.
        forgotten_windows_us: The instant before which windows began whose sums are forgotten.
        forgotten_overrides_us: The instant before which overrides were granted that are, once over.
        forgotten_notices_us: The instant before which what notices are about was over.
        forgotten_notice_seq: The notice up to which all are forgotten.
    """

    state: StoreState | None = None
    changed: dict[Kind[Any], Table] = field(default_factory=dict[Kind[Any], Table])
    new: dict[Kind[Any], Table] = field(default_factory=dict[Kind[Any], Table])
    dropped: dict[Kind[Any], set[Any]] = field(default_factory=dict[Kind[Any], set[Any]])
    forgotten_actions: dict[str, tuple[int, int]] = field(
        default_factory=dict[str, tuple[int, int]]
    )
    forgotten_seq: int = 0
    forgotten_reservations_us: int = 0
    forgotten_sessions: list[str] = field(default_factory=list[str])
    recalled_sessions: list[str] = field(default_factory=list[str])
    forgotten_windows_us: int = 0
    forgotten_overrides_us: int = 0
    forgotten_notices_us: int = 0
    forgotten_notice_seq: int = 0

    @property
    def has_rare(self) -> bool:
        """Whether rows of a rare kind are written, or may be forgotten."""
        written = (*self.changed, *self.new, *self.dropped)
        return any(kind.is_rare for kind in written) or any(
            (self.forgotten_sessions, self.recalled_sessions, self.forgotten_overrides_us)
        )

    def changed_of(self, kind: Kind[T]) -> dict[Any, T]:
        """Return the changed rows of a kind."""
        return self.changed.get(kind) or {}

    @property
    def forgets(self) -> bool:
        """Whether anything is forgotten or recalled."""
        return any(
            (
                self.forgotten_actions,
                self.forgotten_seq,
                self.forgotten_reservations_us,
                self.forgotten_sessions,
                self.recalled_sessions,
                self.forgotten_windows_us,
                self.forgotten_overrides_us,
                self.forgotten_notices_us,
                self.forgotten_notice_seq,
            )
        )


class Rows(Protocol):
    """The rows of a store at one instant."""

    def get(self, kind: Kind[T], key: Any) -> T | None:
        """Return the row of a key (``Kind.key_of``)."""
        ...

    def find(self, query: Query[T], *values: object) -> list[T]:
        """Return what a look finds."""
        ...


class StoreRows(Rows, Protocol):
    """The rows of a store that has a name.

    Attributes:
        name: The store, as the user knows it.
    """

    name: str


class Look(StoreRows, Protocol):
    """The rows of a store next to any writer, as they are now.

    Attributes:
        version: How many migrations it has seen; 0 while it is being made.
        is_current: Whether it has the shape that this version writes.
    """

    version: int
    is_current: bool

    def hold_still(self) -> None:
        """Let all that follows be of one instant."""
        ...


class Begun(NamedTuple):
    """How a transaction found the store.

    Attributes:
        others_wrote: Whether others wrote since the last one of this backend.
        others_wrote_rare: Whether they wrote rows of a rare kind.
        now_us: What the clock of the store says, microseconds; ``None`` where it has none.
    """

    others_wrote: bool
    others_wrote_rare: bool
    now_us: int | None = None


class Collided(StoreUnavailable):
    """The transaction met another, and nothing was changed: all of it is to be run again."""


class Backend(StoreRows, Protocol):
    """Keeps the state; called by one thread at a time, between ``begin`` and its end.

    Every method may raise ``StoreUnavailable`` (locked, full, no permission) or ``StoreCorrupt``.

    Attributes:
        is_far: Whether each look takes a round trip, so that looks are better foreseen.
        fetched: The answers to those that were, in the present transaction; empty where not far.
        policy: The hash of the policy that is in force here, for others who share the store.
    """

    policy: str
    is_far: bool
    fetched: Fetched

    @property
    def unsettled_path(self) -> Path | None:
        """Where settlements wait that could not be written; ``None`` keeps none."""
        ...

    def file_clock_us(self) -> int | None:
        """Return what the clock of the file system says, microseconds; ``None`` without one."""
        ...

    def looking(self) -> AbstractContextManager[Look] | None:
        """Open the rows for reading next to the writer; ``None`` where they have no such door."""
        ...

    def present_us(self) -> int | None:
        """Estimate what the clock of the store says, microseconds; ``None`` where it has none."""
        ...

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        """Start a transaction, alone among all processes and hosts."""
        ...

    def fetch(self, wanted: Wanted) -> None:
        """Take looks together that the transaction will take."""
        ...

    def commit(self, changes: Changes) -> None:
        """Make the changes durable, all or none.

        Raises:
            Collided: Nothing was changed; the transaction is over, and is to be run again.
            OutcomeUnknown: Nobody could be asked whether the changes are durable.
        """
        ...

    def roll_back(self) -> None:
        """End the transaction without a change."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
