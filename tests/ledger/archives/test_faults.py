"""Whatever dies or breaks while months go to a URL: no row is lost, and none counts twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corvus.base.errors import LedgerCorrupt, LedgerError
from corvus.base.time import FixedClock
from corvus.ledger.archive import Destination, archive
from corvus.ledger.archives.manifest import Entry, create_entry
from corvus.ledger.archives.place import ArchiveFault, ArchivePlace
from corvus.ledger.drain import drain
from corvus.ledger.ledger import open_file, open_ledger
from corvus.ledger.verify import check_archive
from tests.ledger.outboxes import FileOutbox, asked, call, contents, keys, mixed
from tests.object_store import Gate, ObjectStore, files_at, in_a_child

ROOT = Path(__file__).parents[3]
LATER = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))

DIE_AT_EACH_STEP = """
import os, shutil, sys
from datetime import UTC, datetime
from pathlib import Path
from corvus.base.time import FixedClock
from corvus.ledger import ledger as ledger_module
from corvus.ledger.archive import Destination, archive
from corvus.ledger.archives import place

def run(folder, fatal):
    steps = [0]
    def guarded(name, function):
        def call(*arguments, **named):
            answer = function(*arguments, **named)
            words = name(*arguments)
            if not words.startswith(("SELECT", "SET")):
                steps[0] += 1
                if steps[0] == fatal:
                    (folder / "died").write_text(words)
                    os._exit(9)
            return answer
        return call
    class Connection:
        def __init__(self, real):
            self.real = real
            self.execute = guarded(lambda sql, *_: " ".join(sql.split()[:2]), real.execute)
        def __getattr__(self, name):
            return getattr(self.real, name)
    connect = ledger_module.connect_to_file
    ledger_module.connect_to_file = lambda *a, **k: Connection(connect(*a, **k))
    place.sync = guarded(lambda _: "sync", place.sync)
    os.replace = guarded(lambda *_: "rename", os.replace)
    os.link = guarded(lambda *_: "link", os.link)
    to = Destination(f"file://{folder}/far/archive")
    clock = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))
    archive(folder / "ledger.duckdb", 30, to=to, clock=clock)

for number in range(1, 1000):
    folder = Path(sys.argv[1]) / str(number)
    folder.mkdir()
    shutil.copy(sys.argv[2], folder / "ledger.duckdb")
    child = os.fork()
    if child == 0:
        run(folder, number)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 9:
        sys.exit(status)
"""


def parquet_files(url: str) -> list[str]:
    return [f"{url}/{name}" for name in files_at(url) if name.endswith(".parquet")]


def assert_settled(path: Path, url: str, rows: list[str], about: object = None) -> None:
    """Check that a run has ended well: each row once, in files of which each is recorded."""
    with open_ledger(path) as ledger:
        assert contents(ledger) == rows, about
        files = asked(ledger, "SELECT file FROM ledger_archive ORDER BY file")
    assert [file for (file,) in files] == parquet_files(url), about
    with open_file(path) as ledger:
        assert check_archive(ledger) == [], about
        for table in ("archive_leftover", "usage_record", "reservation_event"):
            assert asked(ledger, f"FROM {table}") == [], about
    assert not path.with_name(f"{path.name}.archive").exists(), about


def test_a_process_that_dies_at_any_step_loses_nothing_and_doubles_nothing(
    tmp_path: Path, path: Path, outbox: FileOutbox
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    runs = tmp_path / "runs"
    runs.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", DIE_AT_EACH_STEP, str(runs), str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "policy")},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0
    steps: list[str] = []
    for folder in sorted(runs.iterdir(), key=lambda one: int(one.name)):
        if not (folder / "died").exists():
            continue  # the last one ran to its end
        steps.append((folder / "died").read_text())
        copy = folder / "ledger.duckdb"
        with open_ledger(copy, write=True) as ledger:
            assert contents(ledger) == keys(mixed(6)), steps
        url = f"file://{folder}/far/archive"
        archive(copy, 30, to=Destination(url), clock=LATER)
        assert_settled(copy, url, keys(mixed(6)), steps)
    one_file = ["COPY (SELECT", "INSERT INTO", "sync", "rename", "sync", "link", "sync"]
    moved = ["BEGIN TRANSACTION", "DELETE FROM", "INSERT INTO", "DELETE FROM", "COMMIT"]
    assert [step for step in steps if step in {"rename", "link", "CHECKPOINT"}] == [
        *("link", "rename", "link", "rename", "link", "CHECKPOINT")
    ]
    assert {*one_file, *moved} <= {*steps}


SHIP = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from corvus.base.time import FixedClock
from corvus.ledger.archive import Destination, archive
clock = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))
archive(Path(sys.argv[1]), 30, to=Destination(sys.argv[2]), clock=clock)
"""


def test_a_process_that_is_killed_in_the_middle_of_an_upload_is_made_good(
    path: Path, outbox: FileOutbox, bucket: str, object_store: ObjectStore
) -> None:
    rows = [call(number) for number in range(6000)]
    outbox.append(rows)
    drain(path, outbox)
    object_store.gate.stall_after(20_000)
    child = subprocess.Popen(
        [sys.executable, "-c", SHIP, str(path), bucket],
        env=in_a_child(object_store.environment) | {"PYTHONPATH": str(ROOT / "policy")},
    )
    assert object_store.gate.stalled.wait(60), "the upload has not come so far"
    with open_ledger(path) as ledger:  # which nobody holds during an upload
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(6000,)]
    child.kill()
    child.wait()
    object_store.gate.open()
    with open_file(path) as ledger:
        assert asked(ledger, "SELECT count(*) FROM archive_leftover") == [(1,)]
    assert archive(path, 30, to=Destination(bucket), clock=LATER).rows == 6000
    assert_settled(path, bucket, keys(rows))


def shut(gate: Gate) -> None:
    gate.shut()


def forbid(gate: Gate) -> None:
    gate.forbid()


def cut(gate: Gate) -> None:
    gate.cut_after(2_000)


@pytest.mark.parametrize("fail", [shut, forbid, cut])
def test_an_archive_that_cannot_be_written_moves_nothing(
    path: Path,
    outbox: FileOutbox,
    bucket: str,
    object_store: ObjectStore,
    fail: Callable[[Gate], None],
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    fail(object_store.gate)
    with pytest.raises(LedgerError, match=f"the archive {bucket} ") as refusal:
        archive(path, 30, to=Destination(bucket), clock=LATER)
    assert "testing-secret" not in str(refusal.value)
    with open_file(path) as ledger:
        assert contents(ledger) == keys(mixed(6))
    object_store.gate.open()
    archive(path, 30, to=Destination(bucket), clock=LATER)
    assert_settled(path, bucket, keys(mixed(6)))


def test_a_bucket_is_never_made(path: Path, outbox: FileOutbox, bucket: str) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    nowhere = f"{bucket.removesuffix('/corvus')}x/corvus"
    with pytest.raises(LedgerError):
        archive(path, 30, to=Destination(nowhere), clock=LATER)
    with open_file(path) as ledger:
        assert contents(ledger) == keys(mixed(6))


def test_an_answer_that_is_lost_after_the_entry_was_made_is_resolved(
    path: Path, outbox: FileOutbox, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)

    def created_unheard(place: ArchivePlace, entry: Entry) -> None:
        create_entry(place, entry)
        raise ArchiveFault("the connection broke")

    with monkeypatch.context() as patch:
        patch.setattr("corvus.ledger.archives.archiver.create_entry", created_unheard)
        with pytest.raises(LedgerError, match="the connection broke"):
            archive(path, 30, to=Destination(url), clock=LATER)
    with open_ledger(path) as ledger:
        assert contents(ledger) == keys(mixed(6))
    archive(path, 30, to=Destination(url), clock=LATER)
    assert_settled(path, url, keys(mixed(6)))


def test_a_ledger_that_was_restored_from_an_older_copy_takes_its_files_over_again(
    path: Path, outbox: FileOutbox, url: str
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    archive(path, 30, to=Destination(url), clock=LATER)
    before = files_at(url)
    shutil.copy(copy, path)
    archive(path, 30, to=Destination(url), clock=LATER)
    assert files_at(url) == before
    assert_settled(path, url, keys(mixed(6)))


def test_one_process_of_a_machine_archives_at_a_time(
    path: Path, outbox: FileOutbox, bucket: str, object_store: ObjectStore
) -> None:
    outbox.append(mixed(6))
    drain(path, outbox)
    object_store.gate.stall_after(500)
    child = subprocess.Popen(
        [sys.executable, "-c", SHIP, str(path), bucket],
        env=in_a_child(object_store.environment) | {"PYTHONPATH": str(ROOT / "policy")},
    )
    try:
        assert object_store.gate.stalled.wait(60)
        started = time.monotonic()
        with pytest.raises(LedgerError, match="another process moves months"):
            archive(path, 30, to=Destination(bucket), timeout_seconds=0.2, clock=LATER)
        assert time.monotonic() - started < 30
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100_000, b"null"])
def test_an_entry_that_is_damaged_is_called_so(data: bytes) -> None:
    with pytest.raises(LedgerCorrupt, match="manifest/usage_record"):
        Entry.of(data, "file:///far/manifest/usage_record-2025-11-1.json")
