"""What is known of recorded calls: what each asked for, what was decided, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from corvus.model.budget import Amounts, Rung
from corvus.model.decision import Denial
from corvus.model.request import Request


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """What was decided of a call when it was made.

    Attributes:
        denial: Why it was refused; ``None`` is a permission.
        budget: Name of the budget that governed; ``None`` without one.
        part: Of a budget with ``per``, as it is kept; else empty.
        rungs: What let it pass in place of a refusal, in order.
        model: The model that was called.
        hold: What was held for it; of a refused call what would have been.
        output_cap_tokens: The maximum that was stated in place of a larger one.
        override_id: The override that lifted its block.
        approval_id: The call as it was parked for a person.
        policy_hash: Content hash of the policy that decided.
    """

    denial: Denial | None
    budget: str | None
    part: str
    rungs: tuple[Rung, ...]
    model: str
    hold: Amounts
    output_cap_tokens: int | None
    override_id: str | None
    approval_id: str | None
    policy_hash: str | None


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call of the past.

    Attributes:
        id: Its reservation. Of a refused call, which has none, store and number of its event; of
            usage that nobody held, its record.
        requested_us: When it was asked for, microseconds since 1970.
        decided_us: When it was decided; later where it waited.
        request: As its caller described it.
        decision: ``None`` where nobody held anything for it: then its estimate is its cost.
        is_judged: Whether it may be refused. A second call under one idempotency key was never
            admitted by itself (RES-2).
        times: How many calls it stands for: refusals of one kind are counted together, and exports
            of providers state sums.
        cost_nano_usd: What it cost as it is known now; ``None`` is unknown, or refused.
        tokens: Of all kinds, likewise.
    """

    id: str
    requested_us: int
    decided_us: int
    request: Request
    decision: RecordedDecision | None
    is_judged: bool
    times: int
    cost_nano_usd: int | None
    tokens: int


class Turn(StrEnum):
    """What may happen to a call; ``decided`` is the end of its wait."""

    DECIDED = "decided"
    EXTENDED = "extended"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class CallTurn:
    """What happened to a call.

    Attributes:
        call_id: The call.
        kind: What happened; all but ``decided`` and ``extended`` end it.
        at_us: When, microseconds since 1970.
        counted_nano_usd: What counts from then on in budgets: its cost, or the bound of one that is
            unknown; ``None`` where nothing counts.
        is_known: Whether that is its cost.
        tokens: What counts in budgets of tokens.
        hold_nano_usd: What is held from then on, where it was extended.
        has_record: Whether anything was recorded: a hold that expires is given back without.
    """

    call_id: str
    kind: Turn
    at_us: int
    counted_nano_usd: int | None
    is_known: bool
    tokens: int
    hold_nano_usd: int
    has_record: bool


@dataclass(frozen=True, slots=True)
class RecordedReset:
    """A new baseline for one sum of a budget.

    Attributes:
        at_us: When, microseconds since 1970.
        budget: Name of the budget.
        budget_key: What identifies it (``corvus.store.kinds.budget_key``).
        window_start_us: 0 without a window.
        session_id: Of session and mission budgets; else empty.
        mission_id: Of mission budgets; else empty.
        project: Of that session; else empty.
        part: Of budgets with ``per``; else empty.
    """

    at_us: int
    budget: str
    budget_key: str
    window_start_us: int
    session_id: str
    mission_id: str
    project: str
    part: str


@dataclass(frozen=True, slots=True)
class RecordedOverride:
    """A grant to lift the next block.

    Attributes:
        id: As the ledger has it.
        at_us: When it was granted, microseconds since 1970.
        expires_us: From then on it is expired.
        session_id: The session it is bound to; ``None`` serves any.
        project: The project of that session.
    """

    id: str
    at_us: int
    expires_us: int
    session_id: str | None
    project: str | None


@dataclass(frozen=True, slots=True)
class RecordedMission:
    """What a mission was told to do.

    Attributes:
        event: ``started``, ``resumed`` or ``ended``.
        at_us: When, microseconds since 1970.
        limit_nano_usd: 0 is no limit.
        max_steps: 0 is no limit.
        deadline_us: ``None`` is no limit.
        outcome: Of one that ended.
        is_share: Whether its limit is kept free for it in what gave it.
        parent_id: The mission that gave the share; ``None`` is the session.
    """

    event: str
    at_us: int
    session_id: str
    mission_id: str
    project: str | None
    limit_nano_usd: int
    max_steps: int
    deadline_us: int | None
    outcome: str | None
    is_share: bool
    parent_id: str | None


RecordedEvent: TypeAlias = (
    RecordedCall | CallTurn | RecordedReset | RecordedOverride | RecordedMission
)
