"""What was edited, deleted, moved, doubled or cut off in a ledger is found (AUD-2, STO-2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from corvus.base.money import NanoUSD
from corvus.base.time import instant_at, microseconds
from corvus.ledger.archive import archive
from corvus.ledger.drain import drain
from corvus.ledger.ledger import open_file, open_ledger
from corvus.ledger.verify import (
    AuditHead,
    Finding,
    FindingCode,
    check_archive,
    check_audit,
    check_numbers,
    check_settlements,
    check_watermark,
)
from corvus.model.audit_hash import GENESIS, audit_hash
from corvus.model.outbox import LedgerTable, Row
from corvus.model.steering import AuditEvent, AuditKind
from tests.ledger.outboxes import NOON_US, STORE, FileOutbox, call, mixed, opened, uuid_at

KINDS = (AuditKind.OVERRIDE_GRANTED, AuditKind.RESET_APPLIED, AuditKind.LIMITS_CHANGED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.duckdb"


@pytest.fixture
def outbox(tmp_path: Path) -> FileOutbox:
    return FileOutbox(tmp_path / "outbox.sqlite")


def chain(length: int) -> list[AuditEvent]:
    """Return a sound chain; its events have every field set, some of them, or few."""
    events: list[AuditEvent] = []
    previous = GENESIS
    for position in range(1, length + 1):
        at = instant_at(NOON_US + position * 1_000_003)
        event = AuditEvent(
            position=position,
            id=uuid_at(NOON_US + position, position),
            kind=KINDS[position % 3],
            recorded_at=at,
            actor="ada",
            previous_hash=previous,
        )
        if position % 3:
            event = replace(
                event,
                reason='Größe "1"\n',
                budget="day",
                removed_cost_nano_usd=NanoUSD(2**60),
                removed_requests=0,
            )
        if position % 3 == 2:
            event = replace(
                event,
                session_id="s",
                mission_id="m",
                override_id=uuid_at(NOON_US, 77),
                reservation_id=uuid_at(NOON_US, 78),
                expires_at=at + timedelta(hours=1),
                details='{"a":[1,2]}',
            )
        event = replace(event, hash=audit_hash(event))
        previous = event.hash
        events.append(event)
    return events


def row_of(event: AuditEvent) -> tuple[LedgerTable, Row]:
    row: Row = {}
    for one in fields(event):
        value = getattr(event, one.name)
        row[one.name] = microseconds(value) if isinstance(value, datetime) else value
    return LedgerTable.AUDIT_EVENT, row


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code.value for finding in findings]


def drained(path: Path, outbox: FileOutbox, length: int = 6) -> AuditHead:
    """Drain a sound chain, and return its end."""
    events = chain(length)
    outbox.append(map(row_of, events))
    drain(path, outbox)
    return AuditHead(length, events[-1].hash)


def test_a_sound_chain_in_file_and_tail_has_no_finding(path: Path, outbox: FileOutbox) -> None:
    events = chain(7)
    outbox.append(map(row_of, events[:4]))
    drain(path, outbox)
    outbox.append(map(row_of, events[4:]))
    heads = {STORE: AuditHead(7, events[-1].hash)}
    with open_ledger(path, outbox=outbox) as ledger:
        assert check_audit(ledger, heads) == []
        assert check_audit(ledger, {STORE: AuditHead(3, events[2].hash)}) == []
    with open_ledger(path) as ledger:
        assert codes(check_audit(ledger, heads)) == ["audit-truncated"]


def test_an_empty_chain_is_sound_unless_events_are_expected(path: Path) -> None:
    with open_ledger(path, write=True) as ledger:
        assert check_audit(ledger, {STORE: AuditHead(0, GENESIS)}) == []
        (finding,) = check_audit(ledger, {STORE: AuditHead(3, "f" * 64)})
    assert finding.words == f"the audit events of store {STORE} end at 0, not at 3"


@pytest.mark.parametrize("position", [1, 3, 6])
@pytest.mark.parametrize(
    "assignment",
    [
        "actor = 'eve'",
        "reason = 'because'",
        "kind = 'token_created'",
        "kind = 'of_another_version'",
        "budget = 'month'",
        "session_id = 'x'",
        "mission_id = ''",
        "details = '{}'",
        "recorded_at = recorded_at + INTERVAL 1 MICROSECOND",
        "expires_at = TIMESTAMP '2030-01-01'",
        "removed_cost_nano_usd = 1",
        "removed_requests = 1",
        "override_id = uuid()",
        "reservation_id = uuid()",
        "id = uuid()",
        "hash = repeat('a', 64)",
    ],
)
def test_an_edit_of_any_field_is_found(
    path: Path, outbox: FileOutbox, assignment: str, position: int
) -> None:
    drained(path, outbox)
    with open_file(path, write=True) as ledger:
        ledger.connection.execute(
            f"UPDATE audit_event SET {assignment} WHERE position = ?",  # noqa: S608 - a case of this file
            [position],
        )
        findings = check_audit(ledger)
    words = f"audit event {position} of store {STORE} is not as it was written"
    assert Finding(FindingCode.AUDIT_ALTERED, words) in findings


def test_an_edit_with_its_hash_made_to_fit_breaks_the_chain_behind_it(
    path: Path, outbox: FileOutbox
) -> None:
    head = drained(path, outbox)
    for position, expected in ((3, ["audit-unlinked"]), (6, ["audit-altered"])):
        event = replace(chain(6)[position - 1], actor="eve")
        with open_file(path, write=True) as ledger:
            ledger.connection.execute("BEGIN")
            ledger.connection.execute(
                "UPDATE audit_event SET actor = 'eve', hash = ? WHERE position = ?",
                [audit_hash(event), position],
            )
            assert codes(check_audit(ledger, {STORE: head})) == expected
            ledger.connection.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DELETE FROM audit_event WHERE position = 1", ["audit-missing"]),
        ("DELETE FROM audit_event WHERE position IN (3, 4)", ["audit-missing"]),
        ("DELETE FROM audit_event WHERE position > 4", ["audit-truncated"]),
        ("DELETE FROM audit_event", ["audit-truncated"]),
        ("INSERT INTO audit_event FROM audit_event WHERE position = 2", ["audit-repeated"]),
        (
            "UPDATE audit_event SET position = 7 - position WHERE position IN (3, 4)",
            ["audit-unlinked", "audit-altered"] * 2 + ["audit-unlinked"],
        ),
    ],
)
def test_events_deleted_cut_off_repeated_or_moved_are_found(
    path: Path, outbox: FileOutbox, change: str, expected: list[str]
) -> None:
    head = drained(path, outbox)
    with open_file(path, write=True) as ledger:
        ledger.connection.execute(change)
        assert codes(check_audit(ledger, {STORE: head})) == expected


def test_a_missing_stretch_is_named(path: Path, outbox: FileOutbox) -> None:
    drained(path, outbox)
    with open_file(path, write=True) as ledger:
        ledger.connection.execute("DELETE FROM audit_event WHERE position IN (2, 3, 5)")
        words = [finding.words for finding in check_audit(ledger)]
    assert words == [
        f"audit event 2 to 3 of store {STORE} is missing",
        f"audit event 5 of store {STORE} is missing",
    ]


def test_chains_of_two_stores_are_followed_apart(
    path: Path, tmp_path: Path, outbox: FileOutbox
) -> None:
    other = FileOutbox(tmp_path / "other.sqlite", uuid_at(NOON_US, 2))
    other.append(map(row_of, chain(2)))
    drain(path, other)
    head = drained(path, outbox)
    with open_file(path, write=True) as ledger:
        assert check_audit(ledger, {STORE: head, other.store_id: AuditHead(*_end(2))}) == []
        ledger.connection.execute(
            "DELETE FROM audit_event WHERE store_id = ? AND position = 1", [other.store_id]
        )
        (finding,) = check_audit(ledger)
    assert finding.words == f"audit event 1 of store {other.store_id} is missing"


def _end(length: int) -> tuple[int, str]:
    return length, chain(length)[-1].hash


def test_a_reservation_that_counts_twice_is_found_and_a_correction_is_not(
    path: Path, outbox: FileOutbox
) -> None:
    def settled(number: int, reservation: int, calls: int) -> tuple[LedgerTable, Row]:
        return call(number, reservation_id=uuid_at(NOON_US, reservation), calls=calls)

    corrected = [settled(1, 1, 1), settled(2, 1, -1), settled(3, 1, 1), settled(4, 2, 1)]
    outbox.append([*corrected, settled(5, 3, 1), settled(6, 3, -1), call(7)])
    drain(path, outbox)
    with open_ledger(path, outbox=outbox) as ledger:
        assert check_settlements(ledger) == []
    outbox.append([settled(8, 2, 1), settled(9, 3, -1)])
    with open_ledger(path, outbox=outbox) as ledger:
        words = [finding.words for finding in check_settlements(ledger)]
    assert words == [
        f"reservation {uuid_at(NOON_US, 2)} counts as 2 calls, not as one or none",
        f"reservation {uuid_at(NOON_US, 3)} counts as -1 calls, not as one or none",
    ]


def test_an_event_that_came_twice_is_found(path: Path, outbox: FileOutbox) -> None:
    outbox.append([opened(1), opened(2)])
    drain(path, outbox)
    with open_file(path, write=True) as ledger:
        assert check_numbers(ledger) == []
        ledger.connection.execute("INSERT INTO session FROM session WHERE seq = 2")
        assert check_numbers(ledger) == [
            Finding(FindingCode.EVENT_TWICE, f"event 2 of store {STORE} is there 2 times")
        ]


def test_a_lost_batch_in_the_middle_is_found(
    path: Path, outbox: FileOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corvus.ledger.outbox.BATCH_EVENTS", 2)
    outbox.append(mixed(6))
    drain(path, outbox)
    with open_file(path, write=True) as ledger:
        ledger.connection.execute("DELETE FROM ledger_watermark WHERE seq = 4")
        (finding,) = check_numbers(ledger)
    assert finding.words == f"the batches of store {STORE} have 4 events, but end with event 6"


def test_a_ledger_behind_its_store_is_found(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(5))
    drain(path, outbox)
    with open_file(path, write=True) as ledger:
        assert check_watermark(outbox, ledger.watermark(STORE)) == []
        ledger.connection.execute("DELETE FROM ledger_watermark")
        (finding,) = check_watermark(outbox, ledger.watermark(STORE))
    assert finding.code is FindingCode.EVENTS_MISSING
    assert "has lost events 1 to 5" in finding.words


def _remove(file: Path) -> None:
    file.unlink()


def _lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"x")


@pytest.mark.parametrize(
    ("harm", "code"),
    [(_remove, FindingCode.ARCHIVE_MISSING), (_lengthen, FindingCode.ARCHIVE_ALTERED)],
)
def test_a_harmed_file_of_the_archive_is_found(
    path: Path, outbox: FileOutbox, harm: Callable[[Path], None], code: FindingCode
) -> None:
    outbox.append([call(1)])
    drain(path, outbox)
    (file,) = archive(path, 30).files
    with open_file(path) as ledger:
        assert check_archive(ledger) == []
    harm(Path(file))
    with open_file(path) as ledger:
        (finding,) = check_archive(ledger)
    assert finding.code is code
    assert str(file) in finding.words
