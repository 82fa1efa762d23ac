"""An audit event as programs see it: who changed what, when and why (AUD-3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from corvus.answers.amounts import part_words
from corvus.answers.shape import (
    COUNT,
    INSTANT,
    Schema,
    Shape,
    choice,
    document,
    exact_words,
    in_usd,
    iso,
    member,
    nullable,
    optional_text,
    text,
)
from corvus.base.period import Period
from corvus.model.budget import Measure
from corvus.model.steering import AuditEvent, AuditKind


def _digest(description: str) -> Schema:
    return {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": description}


def details_of(event: AuditEvent) -> object:
    """Return the details of an event as data; as they are where somebody has made them no JSON."""
    if event.details is None:
        return None
    try:
        return json.loads(event.details)
    except ValueError:
        return event.details


def part_of_event(event: AuditEvent) -> str:
    """Return for whom the part of a budget is that an event is about; empty without one."""
    details = details_of(event)
    if not isinstance(details, dict):
        return ""
    return part_words(str(cast("dict[str, object]", details).get("part") or ""))


def _period(event: AuditEvent) -> str | None:
    """Return the period of the budget that an event is about, as far as it says."""
    details = details_of(event)
    if isinstance(details, dict):
        members = cast("dict[str, object]", details)
        for name in ("lifted", "blocked"):
            if isinstance(statuses := members.get(name), list) and statuses:
                first = cast("list[dict[str, object]]", statuses)[0]
                return str(first.get("period"))
    return event.budget if event.budget in set(Period) else None


class Lifted(NamedTuple):
    """A budget as an event about an override keeps it; amounts are in the unit of the measure."""

    name: str
    measure: Measure
    projected: int
    limit: int


def lifted_of(status: Mapping[str, Any]) -> Lifted:
    """Return one budget of the ``lifted`` or ``blocked`` of an event's details."""
    measure = next(each for each in Measure if f"limit_{each.unit}" in status)
    projected, limit = status[f"projected_{measure.unit}"], status[f"limit_{measure.unit}"]
    return Lifted(status["budget"], measure, projected, limit)


AUDIT_EVENT = Shape[AuditEvent](
    member("position", {"type": "integer", "minimum": 1, "description": "Along the chain."}),
    text("id", "UUIDv7."),
    member("kind", choice(AuditKind), lambda event: str(event.kind)),
    member("recorded_at", INSTANT, lambda event: event.recorded_at.isoformat()),
    text("actor", "The authenticated principal; corvus for what happens by itself."),
    optional_text("reason", "In the principal's words, without secrets."),
    optional_text("period", "Period of the budget it is about.", _period),
    member(
        "override_scope",
        choice(("next_request", None), "Of override events."),
        lambda event: "next_request" if event.kind.startswith("override_") else None,
    ),
    optional_text(
        "reset_scope",
        "The budget that was reset.",
        lambda event: event.budget if event.kind is AuditKind.RESET_APPLIED else None,
    ),
    optional_text("budget", "The budget it is about."),
    optional_text("session_id", "The session it is about."),
    optional_text("mission_id", "The mission it is about."),
    optional_text("override_id", "The override it is about."),
    optional_text("reservation_id", "The reservation it is about."),
    member("expires_at", nullable(INSTANT), lambda event: iso(event.expires_at)),
    member(
        "removed_cost_usd",
        nullable({"type": "number", "description": "For reading."}),
        lambda event: in_usd(event.removed_cost_nano_usd),
    ),
    member(
        "removed_cost_nano_usd",
        nullable(exact_words("What a reset no longer counts.")),
        lambda event: (
            None if event.removed_cost_nano_usd is None else str(event.removed_cost_nano_usd)
        ),
    ),
    member("removed_requests", nullable(COUNT)),
    member(
        "details",
        {"description": "More of it, such as limits before and after; or null."},
        details_of,
    ),
    member("previous_hash", _digest("Of the event before; of the first, zeros.")),
    member("hash", _digest("SHA-256 over everything above.")),
    title="Who changed what, when and why: one link of a hash chain",
)


def audit_document() -> Schema:
    """Return the published schema of an audit event."""
    return document("audit-event", AUDIT_EVENT.schema)
