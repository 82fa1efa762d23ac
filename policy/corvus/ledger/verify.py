"""Reads the audit, and checks a ledger against itself, its stores and its archive.

Every check (AUD-2, LED-2, STO-2) returns what contradicts; none repairs anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from corvus.base.errors import LedgerCorrupt, LedgerError
from corvus.base.files import file_sha256
from corvus.ledger.archives.place import (
    ArchiveFault,
    ArchiveFileMissing,
    ArchivePlace,
    is_url,
)
from corvus.ledger.ledger import Ledger
from corvus.ledger.outbox import Outbox, refuse_lost_rows
from corvus.ledger.roll_ups import differing
from corvus.ledger.views import archive_folder
from corvus.model.audit_hash import GENESIS, audit_hash
from corvus.model.outbox import NUMBERED
from corvus.model.steering import AuditEvent, AuditKind

AUDIT_COLUMNS = tuple(field.name for field in fields(AuditEvent))

_LATEST = f"""
SELECT {", ".join(AUDIT_COLUMNS)}
FROM audit_event
WHERE ($since IS NULL OR recorded_at >= $since::TIMESTAMP)
  AND ($until IS NULL OR recorded_at < $until::TIMESTAMP)
  AND (len($kinds) = 0 OR list_contains($kinds, kind))
ORDER BY recorded_at DESC, store_id DESC, position DESC
LIMIT $count
"""  # noqa: S608 - made of constants of this package

_AUDIT = f"""
SELECT store_id::VARCHAR, {", ".join(AUDIT_COLUMNS)}
FROM audit_event
ORDER BY store_id, position, seq
"""  # noqa: S608 - made of constants of this package

_SETTLED = """
SELECT reservation_id::VARCHAR, SUM(calls)::BIGINT AS settlements
FROM usage_record
WHERE reservation_id IS NOT NULL
GROUP BY reservation_id
HAVING settlements NOT IN (0, 1)
ORDER BY reservation_id
"""
_TWICE = """
SELECT store_id::VARCHAR, seq, COUNT(*)
FROM ({rows})
GROUP BY store_id, seq
HAVING COUNT(*) > 1
ORDER BY store_id, seq
"""
_NUMBERS = "SELECT store_id, seq FROM {table}"
_BATCHES = """
SELECT store_id::VARCHAR, max(seq), SUM(events)::BIGINT AS events
FROM ledger_watermark
GROUP BY store_id
HAVING max(seq) <> events
ORDER BY store_id
"""
_CHARGES = """
SELECT provider, day, form, source_file, COUNT(*)
FROM provider_charge
GROUP BY provider, day, form, source_file, source, billed_model, kind, service_tier,
    context_tokens, is_kept_in_us, project, label
HAVING COUNT(*) > 1
ORDER BY provider, day, form, source_file
"""
_NEWEST = """
SELECT position, hash FROM audit_event WHERE store_id = ? ORDER BY position DESC LIMIT 1
"""
_AT = "SELECT hash FROM audit_event WHERE position = ?"
_FILES = "SELECT file, sha256 FROM ledger_archive ORDER BY file"


class FindingCode(StrEnum):
    """Kinds of contradiction."""

    AUDIT_MISSING = "audit-missing"
    AUDIT_REPEATED = "audit-repeated"
    AUDIT_ALTERED = "audit-altered"
    AUDIT_UNLINKED = "audit-unlinked"
    AUDIT_TRUNCATED = "audit-truncated"
    SETTLED_TWICE = "settled-twice"
    EVENT_TWICE = "event-twice"
    EVENTS_MISSING = "events-missing"
    CHARGE_TWICE = "charge-twice"
    ROLL_UP_DIFFERS = "roll-up-differs"
    ARCHIVE_MISSING = "archive-missing"
    ARCHIVE_ALTERED = "archive-altered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction.

    Attributes:
        words: What is wrong, with the values seen; one sentence without a full stop.
    """

    code: FindingCode
    words: str


class AuditHead(NamedTuple):
    """The newest event of a chain, as the store or an exported anchor knows it.

    Attributes:
        position: 0 for a chain without events.
    """

    position: int
    hash: str


@dataclass(slots=True)
class _Chain:
    """How far a chain has been followed."""

    store_id: str
    position: int = 0
    hash: str = GENESIS
    hashes: dict[int, str] = field(default_factory=dict[int, str])


def audit_events(
    ledger: Ledger,
    *,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Collection[str] = (),
) -> list[AuditEvent]:
    """Return the newest audit events, the newest last.

    Args:
        ledger: Opened with the outbox, so that what is not drained yet is there, too.
        limit: How many at most, >= 0.
        since: The first instant, inclusive, aware; ``None`` is the beginning.
        until: The end, exclusive, aware; ``None`` is now.
        kinds: The kinds wanted; none is all.

    Raises:
        LedgerError: DuckDB could not read them.
    """
    first, end = (each and each.astimezone(UTC).replace(tzinfo=None) for each in (since, until))
    values = {"since": first, "until": end, "kinds": [*kinds], "count": limit}
    with ledger.explaining():
        rows = ledger.connection.execute(_LATEST, values).fetchall()
    return [_event_of(row) for row in reversed(rows)]


def check_audit(ledger: Ledger, heads: Mapping[str, AuditHead] | None = None) -> list[Finding]:
    """Follow the hash chain of every store through its audit events.

    Args:
        ledger: Opened with the outbox, so that the chain is whole.
        heads: By store id, an event that its chain must hold: the newest one of the store, or an
            anchor exported earlier. Without it, a chain whose end was cut off looks whole.

    Returns:
        An event missing, repeated, altered or moved; or a chain that ends too early.
    """
    expected = dict(heads or {})
    findings: list[Finding] = []
    with ledger.explaining():
        rows = ledger.connection.execute(_AUDIT).fetchall()
    for store_id, events in groupby(rows, key=itemgetter(0)):
        chain = _Chain(str(store_id))
        for row in events:
            findings.extend(_link(chain, _event_of(row[1:])))
        findings.extend(_head(chain, expected.pop(chain.store_id, None)))
    for store_id, head in expected.items():
        findings.extend(_head(_Chain(store_id), head))
    return findings


def check_anchor(ledger: Ledger, anchor: AuditHead) -> list[Finding]:
    """Check that an event which was exported earlier is still there, in the chain of any store.

    Its store may be gone; whether the chain before it is whole is for ``check_audit`` to say.
    """
    if anchor.position == 0:
        return []
    with ledger.explaining():
        rows = ledger.connection.execute(_AT, [anchor.position]).fetchall()
    hashes = [str(row[0]) for row in rows]
    if anchor.hash in hashes:
        return []
    shown = f"audit event {anchor.position}"
    if hashes:
        return [Finding(FindingCode.AUDIT_ALTERED, f"{shown} has another hash than expected")]
    return [Finding(FindingCode.AUDIT_TRUNCATED, f"{shown} is not there any more")]


def check_settlements(ledger: Ledger) -> list[Finding]:
    """Check that every reservation was settled at most once (RES-2); takebacks count against it."""
    with ledger.explaining():
        rows = ledger.connection.execute(_SETTLED).fetchall()
    return [
        Finding(
            FindingCode.SETTLED_TWICE,
            f"reservation {reservation} counts as {settlements} calls, not as one or none",
        )
        for reservation, settlements in rows
    ]


def check_numbers(ledger: Ledger) -> list[Finding]:
    """Check that every event came in once: no number twice, and each batch as long as it says."""
    tables = sorted(NUMBERED)
    numbers = " UNION ALL ".join(_NUMBERS.format(table=table) for table in tables)
    with ledger.explaining():
        twice = ledger.connection.execute(_TWICE.format(rows=numbers)).fetchall()
        batches = ledger.connection.execute(_BATCHES).fetchall()
    return [
        Finding(FindingCode.EVENT_TWICE, f"event {seq} of store {store} is there {times} times")
        for store, seq, times in twice
    ] + [
        Finding(
            FindingCode.EVENTS_MISSING,
            f"the batches of store {store} have {events} events, but end with event {seq}",
        )
        for store, seq, events in batches
    ]


def check_charges(ledger: Ledger) -> list[Finding]:
    """Check that every line of a bill is there once (REC-1)."""
    with ledger.explaining():
        rows = ledger.connection.execute(_CHARGES).fetchall()
    return [
        Finding(
            FindingCode.CHARGE_TWICE,
            f"a charge of {provider} on {day} ({form}, {file}) is there {times} times",
        )
        for provider, day, form, file, times in rows
    ]


def check_roll_ups(ledger: Ledger) -> list[Finding]:
    """Check that every roll-up is what the records come to (LED-5)."""
    with ledger.explaining():
        tables = differing(ledger.connection)
    return [
        Finding(FindingCode.ROLL_UP_DIFFERS, f"{table} is not what the records come to")
        for table in tables
    ]


def check_watermark(outbox: Outbox, watermark: int, mark: str | None = None) -> list[Finding]:
    """Check that the ledger has all that a store handed over.

    Args:
        outbox: The events of the store.
        watermark: Number of the newest of them that the ledger has; 0 without a ledger.
        mark: What the ledger has kept of that event, if it has.
    """
    try:
        refuse_lost_rows(outbox, watermark, mark)
    except LedgerCorrupt as lost:
        return [Finding(FindingCode.EVENTS_MISSING, str(lost))]
    return []


def check_archive(ledger: Ledger) -> list[Finding]:
    """Check that every file of the archive is there and as it was written (LED-4).

    Args:
        ledger: Opened with ``open_file``: ``open_ledger`` refuses a ledger that lacks a file.

    Raises:
        LedgerError: The archive is at a URL, and cannot be reached.
    """
    with ledger.explaining():
        rows = ledger.connection.execute(_FILES).fetchall()
    findings: list[Finding] = []
    for name, sha256 in rows:
        place = str(name) if is_url(name) else archive_folder(ledger.path) / str(name)
        found = _sha256(place)
        if found is None:
            findings.append(Finding(FindingCode.ARCHIVE_MISSING, f"{place} is missing"))
        elif found != sha256:
            findings.append(
                Finding(FindingCode.ARCHIVE_ALTERED, f"{place} is not as it was written")
            )
    return findings


def _sha256(place: str | Path) -> str | None:
    """Return the SHA-256 of a file at a URL or on this machine; ``None`` without one."""
    if isinstance(place, Path):
        return file_sha256(place) if place.is_file() else None
    try:
        return ArchivePlace.holding(place).sha256(place)
    except ArchiveFileMissing:
        return None
    except ArchiveFault as fault:
        raise LedgerError(str(fault)) from fault


def newest_audit(ledger: Ledger, store_id: str) -> AuditHead:
    """Return the newest audit event of a store that the ledger has."""
    with ledger.explaining():
        row = ledger.connection.execute(_NEWEST, [store_id]).fetchone()
    return AuditHead(*row) if row is not None else AuditHead(0, GENESIS)


def _link(chain: _Chain, event: AuditEvent) -> Iterator[Finding]:
    """Follow a chain by one event; go on behind whatever is wrong, so that all of it is found."""
    shown = f"audit event {event.position} of store {chain.store_id}"
    if event.position <= chain.position:
        yield Finding(FindingCode.AUDIT_REPEATED, f"{shown} is there more than once")
        return
    if event.position > chain.position + 1:
        missing = f"{chain.position + 1}"
        if event.position > chain.position + 2:
            missing += f" to {event.position - 1}"
        yield Finding(
            FindingCode.AUDIT_MISSING, f"audit event {missing} of store {chain.store_id} is missing"
        )
    elif event.previous_hash != chain.hash:
        yield Finding(FindingCode.AUDIT_UNLINKED, f"{shown} does not follow from the one before it")
    if audit_hash(event) != event.hash:
        yield Finding(FindingCode.AUDIT_ALTERED, f"{shown} is not as it was written")
    chain.position, chain.hash = event.position, event.hash
    chain.hashes[event.position] = event.hash


def _head(chain: _Chain, head: AuditHead | None) -> Iterator[Finding]:
    """Compare a chain that has been followed with an event it must hold."""
    if head is None or head.position == 0:
        return
    if head.position > chain.position:
        yield Finding(
            FindingCode.AUDIT_TRUNCATED,
            f"the audit events of store {chain.store_id} end at {chain.position}, "
            f"not at {head.position}",
        )
    elif (found := chain.hashes.get(head.position)) is not None and found != head.hash:
        yield Finding(
            FindingCode.AUDIT_ALTERED,
            f"audit event {head.position} of store {chain.store_id} has another hash than expected",
        )


def _event_of(values: tuple[Any, ...]) -> AuditEvent:
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
