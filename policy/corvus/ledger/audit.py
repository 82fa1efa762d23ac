"""Reads audit events from the ledger, of every store that told it some (AUD-3)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from corvus.ledger.ledger import Ledger
from corvus.model.steering import AuditEvent, AuditKind

AUDIT_COLUMNS = tuple(one.name for one in fields(AuditEvent))

_NEWEST = f"""
SELECT {", ".join(AUDIT_COLUMNS)}
FROM audit_event
WHERE ($since IS NULL OR recorded_at >= $since::TIMESTAMP)
  AND (len($kinds) = 0 OR list_contains($kinds, kind))
ORDER BY recorded_at DESC, store_id DESC, position DESC
LIMIT $count
"""  # noqa: S608 - made of constants of this package


def audit_events(
    ledger: Ledger, *, limit: int, since: datetime | None = None, kinds: Collection[str] = ()
) -> list[AuditEvent]:
    """Return the newest audit events, the newest last.

    Args:
        ledger: Opened with the outbox, so that what is not drained yet is there, too.
        limit: How many at most, >= 0.
        since: The first instant, inclusive, aware; ``None`` is the beginning.
        kinds: The kinds wanted; none is all.

    Raises:
        LedgerError: DuckDB could not read them.
    """
    first = since.astimezone(UTC).replace(tzinfo=None) if since else None
    values = {"since": first, "kinds": [*kinds], "count": limit}
    with ledger.explaining():
        rows = ledger.connection.execute(_NEWEST, values).fetchall()
    return [event_of(row) for row in reversed(rows)]


def event_of(values: tuple[Any, ...]) -> AuditEvent:
    """Read a row of ``AUDIT_COLUMNS``."""
    named = {name: _plain(value) for name, value in zip(AUDIT_COLUMNS, values, strict=True)}
    return AuditEvent(**named | {"kind": _kind(named["kind"])})


def _kind(text: str) -> Any:
    """Return a kind; one of another version stays text, which hashes alike."""
    return AuditKind(text) if text in AuditKind.__members__.values() else text


def _plain(value: Any) -> Any:
    """Return a value of DuckDB as the store had it: aware instants, ids as text."""
    if isinstance(value, UUID):
        return str(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
