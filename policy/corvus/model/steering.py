"""What operators and scopes leave behind: overrides, resets, sessions, missions, audit events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from corvus.base.money import NOTHING, NanoUSD
from corvus.model.budget import Measure
from corvus.model.decision import BudgetState
from corvus.model.request import Surface, require_text


class OverrideState(StrEnum):
    """Life of an override; only an ``active`` one lifts a block."""

    ACTIVE = "active"
    CONSUMED = "consumed"
    REPLACED = "replaced"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Override:
    """A dated, attributed, single-use lift of a block (OVR-2). Its scope is the next request.

    Attributes:
        session_id: The session it is bound to; ``None`` serves any (OVR-2).
        project: The project of that session; sessions are of a project (RES-8).
        expires_at: Aware UTC; at this instant it is expired.
        consumed_by: The reservation that used it.
    """

    id: str
    actor: str
    reason: str | None
    session_id: str | None
    granted_at: datetime
    expires_at: datetime
    state: OverrideState = OverrideState.ACTIVE
    consumed_by: str | None = None
    project: str | None = None

    def serves(self, session_id: str | None, project: str | None) -> bool:
        """Return whether a call of a session of a project may use it."""
        if self.session_id is None:
            return True
        return self.session_id == session_id and self.project == project


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """Who wants an override, and why.

    Attributes:
        actor: The authenticated principal, or the local user (OVR-5).
        session_id: The session it shall be bound to; ``None`` serves any.
        project: The project of that session; it says nothing without a session.
        expires_in: Life of the override, > 0; ``None`` is one hour.
    """

    actor: str
    reason: str | None = None
    session_id: str | None = None
    expires_in: timedelta | None = None
    surface: str = Surface.PYTHON
    project: str | None = None

    def __post_init__(self) -> None:
        require_text(self.actor, self.reason, self.session_id, self.project)


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """Who wants a new baseline, and why.

    Attributes:
        scope: Name of a budget: ``session``, ``day``, ``month``, ``mission``, or the author's.
        session_id: Which session, where the budget counts sessions or missions.
        mission_id: Which mission, where it counts missions.
        project: The project of that session.
        part: Whose sum, where the budget has ``per``: values as they are shown, with ``,`` between.
    """

    scope: str
    actor: str
    reason: str | None = None
    session_id: str | None = None
    mission_id: str | None = None
    project: str | None = None
    part: str | None = None

    def __post_init__(self) -> None:
        require_text(self.actor, self.reason, self.session_id, self.mission_id, self.project)
        require_text(self.part)


class SessionOutcome(StrEnum):
    """The worst state that a session met (SES-2)."""

    WITHIN_BUDGET = "within_budget"
    WARNED = "warned"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as the store knows it: an id inside a project (RES-8).

    Attributes:
        worst: The worst state that a call of it met.
        closed_at: Aware UTC; ``None`` while open.
        project: ``None`` is a project of its own.
        has_shares: Whether a mission of it has a share (MIS-5).
        home: The host that counts it, where hosts hold leases; its id, else ``None``.
    """

    id: str
    opened_at: datetime
    worst: BudgetState = BudgetState.ALLOWED
    closed_at: datetime | None = None
    project: str | None = None
    has_shares: bool = False
    home: str | None = None

    @property
    def outcome(self) -> SessionOutcome:
        """The outcome that ``worst`` means."""
        return [*SessionOutcome][self.worst]


class MissionOutcome(StrEnum):
    """How a mission ended (MIS-4)."""

    COMPLETED = "completed"
    FAILED = "failed"
    BUDGET_EXHAUSTED = "budget_exhausted"
    SLA_EXCEEDED = "sla_exceeded"


LIMITS = (MissionOutcome.BUDGET_EXHAUSTED, MissionOutcome.SLA_EXCEEDED)
"""Outcomes that a limit brings about; they outweigh what a guard says."""


@dataclass(frozen=True, slots=True)
class MissionRecord:
    """A mission as the store knows it: an id inside a session, with limits of its own (MIS-1).

    Attributes:
        limit_nano_usd: Its cost limit; 0 is none.
        max_steps: Steps it may take; 0 is no limit.
        deadline_at: Aware UTC; from this instant on its time is over; ``None`` is no limit.
        stopped_by: The first limit that refused it something.
        ended_at: Aware UTC; ``None`` while it runs.
        project: The project of its session.
        has_calls: Whether a call of it was admitted; without one, any start may begin it again.
        holders: How many guards hold it open; the last one to leave ends it (MIS-5).
        is_share: Whether its cost limit is a share that is kept free for it (MIS-5).
        parent_id: The mission that gave the share; ``None`` is the session.
    """

    session_id: str
    id: str
    started_at: datetime
    limit_nano_usd: NanoUSD = NOTHING
    max_steps: int = 0
    deadline_at: datetime | None = None
    steps: int = 0
    stopped_by: MissionOutcome | None = None
    ended_at: datetime | None = None
    outcome: MissionOutcome | None = None
    project: str | None = None
    has_calls: bool = False
    holders: int = 0
    is_share: bool = False
    parent_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it runs."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class MissionRequest:
    """A mission that shall begin; ``None`` takes what the policy says.

    Attributes:
        limit_nano_usd: Its cost limit; 0 is none.
        max_steps: Steps it may take; 0 is no limit.
        max_runtime_seconds: Time it may take; 0 is no limit.
        project: The project of its session.
        resume: Join the mission if it runs, and resume it if it has ended; its limits are then
            those of its record, and its spend goes on (MIS-5).
        share_percent: Its cost limit is so much of what its parent has left, 1..=100.
        share_nano_usd: Its cost limit is this much of what its parent has left, > 0.
        parent_id: The mission that gives the share; ``None`` is the session.
    """

    session_id: str
    id: str
    limit_nano_usd: NanoUSD | None = None
    max_steps: int | None = None
    max_runtime_seconds: float | None = None
    project: str | None = None
    resume: bool = False
    share_percent: int | None = None
    share_nano_usd: NanoUSD | None = None
    parent_id: str | None = None

    def __post_init__(self) -> None:
        require_text(self.session_id, self.id, self.project, self.parent_id)
        limits = (self.limit_nano_usd, self.share_percent, self.share_nano_usd)
        if sum(one is not None for one in limits) > 1:
            raise ValueError(
                "a mission has a limit, a share in percent or a share in USD: name one"
            )
        if self.share_percent is not None and not 1 <= self.share_percent <= 100:
            raise ValueError(f"share_percent must be 1..=100, got {self.share_percent!r}")
        if self.share_nano_usd is not None and self.share_nano_usd <= 0:
            raise ValueError("a share is more than 0 USD")

    @property
    def is_share(self) -> bool:
        """Whether it shall have a share."""
        return self.share_percent is not None or self.share_nano_usd is not None


class AuditKind(StrEnum):
    """What happened, who did it and why (AUD-1)."""

    OVERRIDE_GRANTED = "override_granted"
    OVERRIDE_CONSUMED = "override_consumed"
    OVERRIDE_RESTORED = "override_restored"
    OVERRIDE_REPLACED = "override_replaced"
    OVERRIDE_EXPIRED = "override_expired"
    APPROVAL_GRANTED = "approval_granted"
    APPROVAL_DENIED = "approval_denied"
    APPROVAL_EXPIRED = "approval_expired"
    RESET_APPLIED = "reset_applied"
    LIMITS_CHANGED = "limits_changed"
    CONFIG_MIGRATED = "config_migrated"
    TOKEN_CREATED = "token_created"
    TOKEN_REVOKED = "token_revoked"
    SIGN_IN_APPROVED = "sign_in_approved"
    SIGN_IN_DENIED = "sign_in_denied"
    SIGN_IN_ENDED = "sign_in_ended"
    RESERVATION_EXPIRED = "reservation_expired"
    SETTLEMENT_CORRECTED = "settlement_corrected"
    LEDGER_REBUILT = "ledger_rebuilt"
    LEASE_PRESUMED = "lease_presumed"
    STORE_MOVED = "store_moved"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who changed what, when and why: one link of a hash chain (AUD-2).

    Attributes:
        position: 1, 2, … along the chain, without a gap.
        actor: The principal who did it; ``corvus`` where nobody did.
        reason: Why, in the principal's words, without secrets.
        budget: Name of the budget it is about.
        details: More of it as canonical JSON, such as limits before and after.
        previous_hash: Hash of the event before; of the first, 64 zeros.
        hash: SHA-256 over everything above, hexadecimal.
    """

    position: int
    id: str
    kind: AuditKind
    recorded_at: datetime
    actor: str
    reason: str | None = None
    budget: str | None = None
    session_id: str | None = None
    mission_id: str | None = None
    override_id: str | None = None
    reservation_id: str | None = None
    expires_at: datetime | None = None
    removed_cost_nano_usd: NanoUSD | None = None
    removed_requests: int | None = None
    details: str | None = None
    previous_hash: str = ""
    hash: str = ""


class Removed(NamedTuple):
    """What a reset no longer counts, in the unit of the budget.

    Attributes:
        part: Of a budget with ``per``; else empty.
    """

    amount: int
    measure: Measure
    part: str


@dataclass(frozen=True, slots=True)
class ResetResult:
    """What a reset did (RST-2).

    Attributes:
        scope: Name of the budget.
        removed_cost_usd: … as nano-USD in ``removed_cost_nano_usd``: what no longer counts.
        effective_at: Aware UTC: what was settled earlier no longer counts.
        removed: What no longer counts, as the budget counts it.
    """

    scope: str
    removed_cost_nano_usd: NanoUSD
    removed_requests: int
    effective_at: datetime
    audit_event: AuditEvent
    removed: Removed
