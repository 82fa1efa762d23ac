"""Appends audit events to their chain, in the transaction of what they describe (AUD-2).

Among them the changes of limits: the policy of each origin is compared with the one it had in force
the last time (AUD-1).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import TypedDict, Unpack

from corvus.base.ids import new_id
from corvus.base.money import NanoUSD
from corvus.events import Event, LimitsChanged
from corvus.governor.leases.rows import raise_epoch
from corvus.model.audit_hash import audit_hash, audit_row
from corvus.model.budget import Budget
from corvus.model.outbox import LedgerTable
from corvus.model.policy import Policy
from corvus.model.steering import AuditEvent, AuditKind
from corvus.store.unit import Unit

SYSTEM = "corvus"
"""The actor of what happens by itself."""


class About(TypedDict, total=False):
    """What an audit event may say next to kind, actor and reason."""

    budget: str | None
    session_id: str | None
    mission_id: str | None
    override_id: str | None
    reservation_id: str | None
    removed_cost_nano_usd: NanoUSD | None
    removed_requests: int | None
    expires_at: datetime | None
    details: str | None


def append_audit(
    unit: Unit, kind: AuditKind, actor: str, reason: str | None = None, **about: Unpack[About]
) -> AuditEvent:
    """Append an event to the chain.

    Args:
        unit: The transaction under way.
        kind: What happened.
        actor: Who did it.
        reason: Why, without secrets.
        **about: What it is about.
    """
    state = unit.touch()
    event = AuditEvent(
        position=state.audit_position + 1,
        id=new_id(unit.now_us),
        kind=kind,
        recorded_at=unit.now,
        actor=actor,
        reason=reason,
        previous_hash=state.audit_head,
        **about,
    )
    event = replace(event, hash=audit_hash(event))
    state.audit_position, state.audit_head = event.position, event.hash
    unit.append(LedgerTable.AUDIT_EVENT, audit_row(event))
    is_reset = kind is AuditKind.RESET_APPLIED and event.session_id is None
    if is_reset or kind is AuditKind.LIMITS_CHANGED:
        raise_epoch(unit)
    return event


def note_limits(unit: Unit, policy: Policy, origin: str, actor: str) -> tuple[None, list[Event]]:
    """Compare the limits of a policy with those of the same origin the last time.

    The first time nothing has changed. The event has before and after; a policy may come back to
    earlier limits as often as it likes, each time is an event.

    Args:
        unit: The transaction under way.
        policy: What is in force now.
        origin: Where it came from.
        actor: Who put it in force.
    """
    after = _limits(policy)
    before = unit.limits(origin)
    if before == after:
        return None, []
    unit.put_limits(origin, after)
    if before is None:
        return None, []
    details = {"origin": origin, "before": json.loads(before), "after": json.loads(after)}
    text = json.dumps(details, sort_keys=True, separators=(",", ":"))
    append_audit(unit, AuditKind.LIMITS_CHANGED, actor, details=text)
    return None, [LimitsChanged(policy.content_hash)]


def are_limits_outdated(unit: Unit, policy: Policy, origin: str) -> bool:
    """Return whether an origin has had other limits in force since those of a policy."""
    newest = unit.limits(origin)
    return newest is not None and newest != _limits(policy)


def note_migration(unit: Unit, origin: str, actor: str, keys: Sequence[str]) -> bool:
    """Keep in the audit that the file of a policy was migrated, if it has governed here.

    Args:
        unit: The transaction under way.
        origin: Where the policy comes from, as it was noted with its limits.
        actor: Who migrated it.
        keys: The deprecated keys that were rewritten.

    Returns:
        Whether it has governed, so that there is something to keep.
    """
    if unit.limits(origin) is None:
        return False
    details = {"origin": origin, "keys": sorted(keys)}
    text = json.dumps(details, sort_keys=True, separators=(",", ":"))
    append_audit(unit, AuditKind.CONFIG_MIGRATED, actor, details=text)
    return True


def _limit(budget: Budget) -> dict[str, object]:
    """Return what limits a budget; what it does not use is left out."""
    limit: dict[str, object] = {
        budget.limit_key: budget.limit,
        "warn_at_percent": budget.warn_at_percent,
    }
    if len(budget.thresholds) > 1:
        limit["thresholds"] = budget.thresholds
    if budget.limits:
        limit["limits"] = dict(budget.limits)
    if budget.enforce != "block":
        limit["enforce"] = budget.enforce
    return limit


def _limits(policy: Policy) -> str:
    limits = {
        "enabled": policy.enabled,
        "allow_override": policy.allow_override,
        "unpriced_models": policy.unpriced_models,
        "budgets": {budget.name: _limit(budget) for budget in policy.budgets},
        "autonomy": asdict(policy.autonomy),
    }
    return json.dumps(limits, sort_keys=True, separators=(",", ":"))
