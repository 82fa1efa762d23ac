"""Months go to an archive at a URL exactly once, and are read from there (LED-4)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from corvus.base.errors import LedgerError
from corvus.base.time import FixedClock
from corvus.ledger.archive import ArchiveSummary, Destination, archive
from corvus.ledger.drain import drain
from corvus.ledger.ledger import open_file, open_ledger
from corvus.ledger.verify import FindingCode, check_archive
from tests.ledger.outboxes import FileOutbox, asked, call, contents, keys, mixed
from tests.object_store import file_system, files_at

LATER = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))


def ship(path: Path, url: str) -> ArchiveSummary:
    return archive(path, 30, to=Destination(url), clock=LATER)


def shown(path: Path) -> object:
    with open_ledger(path) as ledger:
        return contents(ledger)


def test_a_month_is_moved_once_and_reports_read_it_there(
    path: Path, outbox: FileOutbox, url: str
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    summary = ship(path, url)
    assert summary.rows == 4
    assert [str(file).rsplit("-", 1)[0] for file in summary.files] == [
        f"{url}/usage_record/2025-11/usage_record-2025-11-1",
        f"{url}/reservation_event/2025-11/reservation_event-2025-11-1",
    ]
    assert shown(path) == keys(mixed(6))
    with open_file(path) as ledger:
        left = asked(ledger, "SELECT count(*) FROM usage_record")
        assert check_archive(ledger) == []
        assert asked(ledger, "SELECT count(*) FROM archive_leftover") == [(0,)]
    assert left == [(0,)]
    before = files_at(url)
    assert ship(path, url) == ArchiveSummary(0, ())
    assert files_at(url) == before
    assert len(before) == 5


def test_late_rows_of_a_moved_month_get_a_further_file(
    path: Path, outbox: FileOutbox, url: str
) -> None:
    for number in (1, 2, 3):
        outbox.append([call(number)])
        drain(path, outbox)
        assert ship(path, url).rows == 1
    with open_ledger(path) as ledger:
        costs = asked(ledger, "SELECT cost_nano_usd FROM usage_record ORDER BY 1")
    assert costs == [(1,), (2,), (3,)]
    entries = [name for name in files_at(url) if name.startswith("manifest/")]
    assert entries == [f"manifest/usage_record-2025-11-{number}.json" for number in (1, 2, 3)]


def test_files_of_before_and_after_a_new_column_are_read_together(
    path: Path, outbox: FileOutbox, url: str
) -> None:
    outbox.append([call(1)])
    drain(path, outbox)
    ship(path, url)
    with open_file(path, write=True) as ledger:
        ledger.connection.execute("ALTER TABLE usage_record ADD COLUMN colour VARCHAR")
    outbox.append([call(2, colour="red")])
    drain(path, outbox)
    ship(path, url)
    with open_ledger(path) as ledger:
        colours = asked(ledger, "SELECT cost_nano_usd, colour FROM usage_record ORDER BY ALL")
    assert colours == [(1, None), (2, "red")]


def test_the_archive_of_another_ledger_is_refused(path: Path, outbox: FileOutbox, url: str) -> None:
    outbox.append([call(1)])
    drain(path, outbox)
    ship(path, url)
    other = path.with_name("other.duckdb")
    theirs = FileOutbox(path.with_name("other.sqlite"), "01900000-0000-7000-8000-000000000002")
    theirs.append([call(2)])
    drain(other, theirs)
    before = files_at(url)
    with pytest.raises(LedgerError, match="has the archive of another ledger; name another"):
        ship(other, url)
    assert files_at(url) == before
    assert shown(other) == keys([call(2)])


def test_a_replica_takes_over_what_another_has_archived(
    path: Path, tmp_path: Path, url: str
) -> None:
    replicas = [tmp_path / "a.duckdb", tmp_path / "b.duckdb"]
    logs = [FileOutbox(tmp_path / f"{replica.name}.sqlite") for replica in replicas]
    for replica, log in zip(replicas, logs, strict=True):
        log.append(mixed(6))
        drain(replica, log)
    logs[0].append([call(7)])
    drain(replicas[0], logs[0])
    first = ship(replicas[0], url)
    assert first.rows == 5
    behind = archive(replicas[1], 30, to=Destination(url), clock=LATER)
    assert [Path(str(file)).parent.parent.name for file in behind.files] == ["reservation_event"]
    assert shown(replicas[1]) == keys(mixed(6)), "it lacks call 7, so the file is not its own yet"
    logs[1].append([call(7)])
    drain(replicas[1], logs[1])
    ship(replicas[1], url)
    assert shown(replicas[0]) == shown(replicas[1]) == keys([*mixed(6), call(7)])
    with open_file(replicas[1]) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(0,)]
    assert len(files_at(url)) == 5, "no second copy of a month"


def test_only_the_elected_host_archives(path: Path, outbox: FileOutbox, url: str) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    other = Destination(url, may_archive=lambda: False)
    assert archive(path, 30, to=other, clock=LATER) == ArchiveSummary(0, ())
    answers = iter([True, False])  # it is voted out during the upload
    assert (
        archive(path, 30, to=Destination(url, lambda: next(answers, False)), clock=LATER).rows == 0
    )
    assert [name for name in files_at(url) if "parquet" in name or "manifest" in name] == []
    assert shown(path) == keys(mixed(6))


def test_two_archivers_at_once_make_one_file(path: Path, tmp_path: Path, url: str) -> None:
    replicas = [tmp_path / "a.duckdb", tmp_path / "b.duckdb"]
    for replica in replicas:
        log = FileOutbox(tmp_path / f"{replica.name}.sqlite")
        log.append([call(1), call(2)])
        drain(replica, log)
    questions: list[int] = []

    def overtaken() -> bool:
        questions.append(1)
        if len(questions) == 2:  # our file is there, our entry is not
            ship(replicas[1], url)
        return True

    archive(replicas[0], 30, to=Destination(url, overtaken), clock=LATER)
    names = files_at(url)
    assert len([name for name in names if name.endswith(".parquet")]) == 1
    assert shown(replicas[0]) == shown(replicas[1]) == keys([call(1), call(2)])
    with open_file(replicas[0]) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(0,)]


def test_verify_finds_what_is_missing_and_what_was_altered(
    path: Path, outbox: FileOutbox, url: str
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    usage, events = ship(path, url).files
    fs, name = file_system(str(usage))
    content = bytearray(fs.cat_file(name))
    content[100] ^= 1
    fs.pipe_file(name, bytes(content))
    fs.rm_file(file_system(str(events))[1])
    with open_file(path) as ledger:
        found = check_archive(ledger)
    assert {(one.code, one.words.split(" is ")[0]) for one in found} == {
        (FindingCode.ARCHIVE_ALTERED, str(usage)),
        (FindingCode.ARCHIVE_MISSING, str(events)),
    }
