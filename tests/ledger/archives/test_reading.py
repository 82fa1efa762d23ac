"""Reports fetch what they need of an archive at a URL, and nothing else; none has fewer rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from corvus.base.errors import LedgerError, PolicyError, ReportError
from corvus.base.time import FixedClock
from corvus.ledger.archive import Destination, archive
from corvus.ledger.drain import drain
from corvus.ledger.ledger import Ledger, open_file, open_ledger
from corvus.ledger.verify import check_archive
from corvus.reporting.sql import run_sql
from tests.ledger.outboxes import NOON_US, FileOutbox, asked, call, reserved
from tests.object_store import Gate, ObjectStore, file_system

LATER = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))
DAY_US = 86_400_000_000
CALLS = 6000
RECENT = "SELECT count(*), sum(cost_nano_usd)::BIGINT FROM usage_record WHERE admitted_at >= ?"
BY_CALL = "SELECT count(*) FROM usage_call WHERE admitted_at >= ?"
OLD = f"{RECENT} AND admitted_at < ?"
MONTHS = [datetime(2025, month, 1) for month in (11, 12)]  # noqa: DTZ001 - the ledger is naive UTC


def found(ledger: Ledger, statement: str, *values: object) -> list[tuple[Any, ...]]:
    return ledger.connection.execute(statement, values).fetchall()


@pytest.fixture
def gate(object_store: ObjectStore) -> Gate:
    return object_store.gate


@pytest.fixture
def archived(path: Path, outbox: FileOutbox, bucket: str) -> Path:
    """A ledger with three archived months, of more than the ledger keeps of a file, and a call."""
    days = (0, 30, 60)
    outbox.append(
        call(number, admitted_at=NOON_US + days[number % 3] * DAY_US + number)
        for number in range(CALLS)
    )
    outbox.append([reserved(1), call(5000, admitted_at=NOON_US + 360 * DAY_US)])
    drain(path, outbox)
    assert archive(path, 30, to=Destination(bucket), clock=LATER).rows == CALLS + 1
    return path


def test_a_report_of_recent_days_reaches_nothing(archived: Path, gate: Gate) -> None:
    gate.shut()
    gate.requests.clear()
    recent = datetime(2026, 11, 1)  # noqa: DTZ001 - the ledger is naive UTC
    with open_ledger(archived) as ledger:
        assert found(ledger, RECENT, recent) == [(1, 5000)]
        assert found(ledger, BY_CALL, recent) == [(1,)]
    assert gate.requests == []


def test_a_report_of_one_old_month_reads_the_file_of_that_month_alone(
    archived: Path, gate: Gate
) -> None:
    gate.requests.clear()
    with open_ledger(archived) as ledger:
        assert found(ledger, OLD, *MONTHS)[0][0] == CALLS // 3
    assert {line.split("/corvus/")[1].split("/usage_record-")[0] for line in gate.requests} == {
        "usage_record/2025-11"
    }


def shut(gate: Gate) -> None:
    gate.shut()


def forbid(gate: Gate) -> None:
    gate.forbid()


@pytest.mark.parametrize(
    ("fail", "words"), [(shut, "cannot be reached"), (forbid, "refuses access")]
)
def test_a_report_of_old_months_says_that_the_archive_is_away_and_where(
    archived: Path, gate: Gate, bucket: str, fail: Callable[[Gate], None], words: str
) -> None:
    fail(gate)
    away = pytest.raises(LedgerError)
    with open_ledger(archived) as ledger, away as refusal, ledger.explaining():
        ledger.connection.execute(OLD, MONTHS).fetchall()
    assert f"the archive {bucket} {words}" in str(refusal.value)
    assert "testing-secret" not in str(refusal.value)
    with open_ledger(archived) as ledger, pytest.raises(ReportError, match=words) as refused:
        run_sql(ledger.connection, "SELECT count(DISTINCT id) FROM usage_record")
    assert "Traceback" not in str(refused.value)
    with open_file(archived) as ledger, pytest.raises(PolicyError, match=words):
        check_archive(ledger)
    gate.open()
    with open_ledger(archived) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(CALLS + 1,)]


def test_a_slow_archive_delays_and_changes_nothing(archived: Path, gate: Gate) -> None:
    gate.slow_down(0.2)
    with open_ledger(archived) as ledger:
        assert asked(ledger, "SELECT sum(cost_nano_usd)::BIGINT FROM usage_record") == [
            (sum(range(CALLS)) + 5000,)
        ]


def test_a_file_that_is_gone_is_named(archived: Path, bucket: str) -> None:
    fs, root = file_system(f"{bucket}/usage_record")
    fs.rm(root, recursive=True)
    missing = pytest.raises(LedgerError, match=r"parquet is missing$")
    with open_ledger(archived) as ledger, missing, ledger.explaining():
        ledger.connection.execute(OLD, MONTHS).fetchall()


def test_no_other_file_of_the_place_can_be_read(archived: Path, bucket: str) -> None:
    with open_ledger(archived) as ledger:
        for name in (f"{bucket}/archive.json", f"corvus-archive://{bucket}/archive.json"):
            with pytest.raises(Exception, match="disabled by configuration"):
                ledger.connection.execute("SELECT * FROM read_text(?)", [name])
