"""An archive moves to a URL and back, and the ledger has every row all the while (LED-4)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from corvus.base.errors import LedgerError
from corvus.base.time import FixedClock
from corvus.ledger.archive import Destination, archive
from corvus.ledger.archives.manifest import Entry, create_entry
from corvus.ledger.archives.moving import move_archive
from corvus.ledger.archives.place import ArchiveFault, ArchivePlace
from corvus.ledger.archives.records import ArchiveRecords
from corvus.ledger.drain import drain
from corvus.ledger.ledger import open_file, open_ledger
from corvus.ledger.verify import check_archive
from corvus.ledger.views import archive_folder
from tests.ledger.outboxes import FileOutbox, asked, call, contents, keys, mixed
from tests.object_store import files_at

LATER = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))


def records(path: Path) -> ArchiveRecords:
    return ArchiveRecords(path, LATER, 5)


def assert_whole(path: Path, rows: list[str]) -> None:
    with open_ledger(path) as ledger:
        assert contents(ledger) == rows
    with open_file(path) as ledger:
        assert check_archive(ledger) == []
        assert asked(ledger, "FROM archive_leftover") == []


def test_an_archive_goes_to_a_url_to_another_and_back(
    path: Path, outbox: FileOutbox, url: str
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    archive(path, 30, clock=LATER)
    assert len(move_archive(records(path), url).files) == 2
    assert not archive_folder(path).exists()
    assert len(files_at(url)) == 5
    assert_whole(path, keys(mixed(6)))
    assert move_archive(records(path), url).files == ()
    outbox.append([call(7)])
    drain(path, outbox)
    archive(path, 30, to=Destination(url), clock=LATER)
    other = f"{url}-2"
    assert len(move_archive(records(path), other).files) == 3
    assert files_at(url) == ["archive.json"]
    assert_whole(path, keys([*mixed(6), call(7)]))
    move_archive(records(path), None)
    assert files_at(other) == ["archive.json"]
    assert sorted(file.name for file in archive_folder(path).iterdir()) == [
        "reservation_event-2025-11-1.parquet",
        "usage_record-2025-11-1.parquet",
        "usage_record-2025-11-2.parquet",
    ]
    assert_whole(path, keys([*mixed(6), call(7)]))


def test_a_move_that_was_broken_off_goes_on(
    path: Path, outbox: FileOutbox, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    archive(path, 30, clock=LATER)
    made: list[Entry] = []

    def unheard(place: ArchivePlace, entry: Entry) -> None:
        create_entry(place, entry)
        made.append(entry)
        raise ArchiveFault("the connection broke")

    with monkeypatch.context() as patch:
        patch.setattr("corvus.ledger.archives.moving.create_entry", unheard)
        with pytest.raises(LedgerError, match="the connection broke"):
            move_archive(records(path), url)
    with open_ledger(path) as ledger:
        assert contents(ledger) == keys(mixed(6))
    move_archive(records(path), url)
    assert len(made) == 1
    assert len(files_at(url)) == 5, "what counts already is not copied again"
    assert_whole(path, keys(mixed(6)))


def test_another_host_follows_with_the_same_command(path: Path, tmp_path: Path, url: str) -> None:
    replicas = [tmp_path / "a.duckdb", tmp_path / "b.duckdb"]
    for replica in replicas:
        log = FileOutbox(tmp_path / f"{replica.name}.sqlite")
        log.append(mixed(6))
        drain(replica, log)
        archive(replica, 30, to=Destination(url), clock=LATER)
    other = f"{url}-2"
    for replica in replicas:
        assert len(move_archive(records(replica), other).files) == 2
        assert_whole(replica, keys(mixed(6)))
    assert len(files_at(other)) == 5
