"""Notices that the limits in force have changed, and keeps it in the audit (AUD-1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from corvus.events import Event, LimitsChanged
from corvus.governor.audit import append_audit
from corvus.model.policy import Policy
from corvus.model.steering import AuditKind
from corvus.store.unit import Unit


def note(unit: Unit, policy: Policy, origin: str, actor: str) -> tuple[None, list[Event]]:
    """Compare the limits of a policy with those of the same origin the last time.

    The first time nothing has changed. The event tells before and after; a policy may come back to
    earlier limits as often as it likes, each time is told.

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
    told = json.dumps(details, sort_keys=True, separators=(",", ":"))
    append_audit(unit, AuditKind.LIMITS_CHANGED, actor, details=told)
    return None, [LimitsChanged(policy.content_hash)]


def is_outdated(unit: Unit, policy: Policy, origin: str) -> bool:
    """Say whether other limits were put in force for an origin since those of a policy."""
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
    told = json.dumps(details, sort_keys=True, separators=(",", ":"))
    append_audit(unit, AuditKind.CONFIG_MIGRATED, actor, details=told)
    return True


def _limits(policy: Policy) -> str:
    limits = {
        "enabled": policy.enabled,
        "allow_override": policy.allow_override,
        "unpriced_models": policy.unpriced_models,
        "budgets": {
            budget.name: {
                "limit_nano_usd": budget.limit_nano_usd,
                "warn_at_percent": budget.warn_at_percent,
            }
            for budget in policy.budgets
        },
        "autonomy": asdict(policy.autonomy),
    }
    return json.dumps(limits, sort_keys=True, separators=(",", ":"))
