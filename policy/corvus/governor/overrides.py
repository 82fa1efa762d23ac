"""Overrides: dated, attributed, single-use lifts of a block (OVR).

There is one active override for each session, and one for any session. A call takes that of its own
session first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple, Unpack

from corvus.base.errors import OverridesDisabled, SteeringRefused
from corvus.base.ids import new_id
from corvus.base.period import window_at
from corvus.events import BudgetOverride, Event, OverrideAction
from corvus.governor.audit_chain import SYSTEM, About, append_audit
from corvus.governor.scopes import refuse_other_project
from corvus.model.decision import BudgetState, BudgetStatus
from corvus.model.policy import Policy
from corvus.model.request import Surface
from corvus.model.reservation import Reservation
from corvus.model.steering import AuditKind, Override, OverrideRequest, OverrideState
from corvus.store.unit import Unit

SCOPE = "next_request"
EXPIRES_IN = timedelta(hours=1)
"""Life of an override that states none (OVR-2)."""


class Standing(NamedTuple):
    """Where the budgets stand when an override is granted.

    Attributes:
        statuses: Of all budgets, the governing one first.
        blocking: Those of them that refuse calls.
    """

    statuses: Sequence[BudgetStatus]
    blocking: Sequence[BudgetStatus]


def grant(
    unit: Unit, policy: Policy, request: OverrideRequest, before: Standing | None = None
) -> tuple[Override, list[Event]]:
    """Grant an override for the next call that would be refused.

    Args:
        unit: The transaction under way.
        policy: The policy in force.
        request: Who wants it, and why.
        before: Where the budgets stand, for audit and event.

    Raises:
        SteeringRefused: The policy allows no override (OVR-1), it would have expired already, or
            its session is one of another project.
    """
    require_allowed(policy)
    expires_in = EXPIRES_IN if request.expires_in is None else request.expires_in
    if expires_in <= timedelta(0):
        raise SteeringRefused(f"an override must expire later than now, got {expires_in}")
    refuse_other_project(unit, request.session_id, request.project)
    bound = request.session_id, request.project if request.session_id else None
    events = expire_overrides(unit)
    for active in [*unit.active_overrides().values()]:
        if (active.session_id, active.project) == bound:
            events.append(_end(unit, active, OverrideState.REPLACED, request.actor))
    override = Override(
        id=new_id(unit.now_us),
        actor=request.actor,
        reason=request.reason,
        session_id=request.session_id,
        granted_at=unit.now,
        expires_at=unit.now + expires_in,
        project=bound[1],
    )
    unit.put_override(override)
    about = _about(unit, "blocked", before.blocking if before else (), bound[1])
    _audit(unit, AuditKind.OVERRIDE_GRANTED, override, (request.actor, request.reason), **about)
    event = _event("granted", override, request.surface)
    return override, [*events, _with_state(event, before.statuses if before else ())]


def require_allowed(policy: Policy) -> None:
    """Check that the policy lets a block be lifted.

    Raises:
        OverridesDisabled: It does not (OVR-1).
        SteeringRefused: There is nothing to steer.
    """
    require_enabled(policy)
    if not policy.allow_override:
        raise OverridesDisabled("Cost overrides are disabled by policy")


def require_enabled(policy: Policy) -> None:
    """Check that there is something to steer: a reset would be lost, and nothing is blocked.

    Raises:
        SteeringRefused: Governance is disabled (API-3).
    """
    if not policy.enabled:
        raise SteeringRefused("Cost tracking is disabled: set cost.enabled = true first")


def usable(unit: Unit, session_id: str, project: str | None) -> Override | None:
    """Return the override that a call of a session may use; expired ones are gone already.

    One that is bound to the session comes before one for any.
    """
    active = [each for each in unit.active_overrides().values() if each.serves(session_id, project)]
    return min(active, key=lambda each: each.session_id is None, default=None)


def consume(
    unit: Unit, override: Override, reservation: Reservation, statuses: Sequence[BudgetStatus]
) -> Event:
    """Use an override for a reservation; its audit names all that it lifts (OVR-6).

    Args:
        unit: The transaction under way.
        override: What is used.
        reservation: Of the call.
        statuses: What every budget says of the call, the governing one first.
    """
    request = reservation.request
    used = replace(override, state=OverrideState.CONSUMED, consumed_by=reservation.id)
    unit.put_override(used)
    lifted = [status for status in statuses if status.state is BudgetState.EXCEEDED]
    about = _about(unit, "lifted", lifted)
    about["session_id"], about["mission_id"] = request.session_id, request.mission_id
    _audit(unit, AuditKind.OVERRIDE_CONSUMED, used, (override.actor, override.reason), **about)
    event = replace(_event("consumed", used, request.surface), session_id=request.session_id)
    return _with_state(event, statuses)


def restore(unit: Unit, released: Reservation) -> list[Event]:
    """Give back the override of a call that was released without spend (OVR-4)."""
    if released.override_id is None:
        return []
    override = unit.override(released.override_id)
    if override is None or override.consumed_by != released.id:
        return []
    active = [(each.session_id, each.project) for each in unit.active_overrides().values()]
    if (override.session_id, override.project) in active:
        return [_end(unit, override, OverrideState.REPLACED, SYSTEM)]
    if override.expires_at <= unit.now:
        return [_end(unit, override, OverrideState.EXPIRED, SYSTEM)]
    restored = replace(override, state=OverrideState.ACTIVE, consumed_by=None)
    unit.put_override(restored)
    session_id = released.request.session_id
    _audit(unit, AuditKind.OVERRIDE_RESTORED, restored, (SYSTEM, None), session_id=session_id)
    return [replace(_event("restored", restored, released.request.surface), session_id=session_id)]


def expire_overrides(unit: Unit) -> list[Event]:
    """End the overrides whose time is over, each once."""
    overdue = [each for each in unit.active_overrides().values() if each.expires_at <= unit.now]
    return [_end(unit, each, OverrideState.EXPIRED, SYSTEM) for each in overdue]


def _end(unit: Unit, override: Override, state: OverrideState, actor: str) -> Event:
    unit.put_override(replace(override, state=state, consumed_by=None))
    if state is OverrideState.REPLACED:
        _audit(unit, AuditKind.OVERRIDE_REPLACED, override, (actor, None))
        return _event("replaced", override)
    _audit(unit, AuditKind.OVERRIDE_EXPIRED, override, (actor, None))
    return _event("expired", override)


def _audit(
    unit: Unit,
    kind: AuditKind,
    override: Override,
    whose: tuple[str, str | None],
    **about: Unpack[About],
) -> None:
    """Append an event; ``whose`` is who did it, and why."""
    own: About = {
        "session_id": override.session_id,
        "override_id": override.id,
        "reservation_id": override.consumed_by,
        "expires_at": override.expires_at,
    }
    append_audit(unit, kind, *whose, **{**own, **about})


def _about(
    unit: Unit, word: str, statuses: Sequence[BudgetStatus], project: str | None = None
) -> About:
    """Return the governing one of some budgets, and all of them with their windows as details.

    Args:
        unit: The transaction under way.
        word: What they are called.
        statuses: Of the budgets.
        project: Of the session that an override is bound to.
    """
    details: dict[str, object] = {}
    if statuses:
        details[word] = [_status_json(unit, status) for status in statuses]
    if project is not None:
        details["project"] = project
    if not details:
        return {}
    text = json.dumps(details, sort_keys=True, separators=(",", ":"))
    return {"budget": statuses[0].budget.name if statuses else None, "details": text}


def _status_json(unit: Unit, status: BudgetStatus) -> dict[str, object]:
    budget = status.budget
    window = window_at(budget.period, unit.now, budget.timezone)
    start = window.start if window else None
    if budget.window_seconds and status.resets_at is not None:
        start = status.resets_at - timedelta(seconds=budget.window_seconds)
    amounts = {
        "limit": budget.limit,
        "spent": status.spent,
        "held": status.held,
        "projected": status.projected,
    }
    of_part = {"part": status.part} if budget.per else {}
    return {
        "budget": budget.name,
        "period": budget.period.value,
        "window_start": start.isoformat() if start else None,
        "resets_at": status.resets_at.isoformat() if status.resets_at else None,
        **{f"{name}_{budget.measure.unit}": amount for name, amount in amounts.items()},
        **of_part,
    }


def _with_state(event: BudgetOverride, statuses: Sequence[BudgetStatus]) -> BudgetOverride:
    if not statuses:
        return event
    governing = statuses[0]
    return replace(event, previous_state=governing.state.word, period=governing.budget.period.value)


def _event(
    action: OverrideAction, override: Override, surface: str = Surface.STORE
) -> BudgetOverride:
    return BudgetOverride(action, SCOPE, None, None, override.id, override.session_id, surface)
