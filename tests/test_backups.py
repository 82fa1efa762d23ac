"""Backups are of one instant while calls go on, whole or not there, and sound (LED-6)."""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from corvus import Usage, open_runtime
from corvus.backups import making, restoring
from corvus.backups.content import Backup, read_backup
from corvus.backups.making import back_up
from corvus.backups.restoring import restore
from corvus.base.errors import LedgerError, LedgerLocked, StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.base.time import FixedClock, SystemClock
from corvus.cli.app import application
from corvus.ledger.archive import archive
from corvus.ledger.views import archive_folder
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.request import Request
from corvus.model.reservation import Settlement, Source
from corvus.store.place import place_of
from corvus.store.spill import spill
from tests.books import books_at
from tests.store.sharing import SharedPlace

ROOT = Path(__file__).parents[1]
CENT = 10_000_000
CONFIG = """
[cost]
enabled = true
daily_limit_usd = 100000

[cost.prices.m]
input = 1
output = 2

[governance.ledger]
path = "l.duckdb"
"""
SUMS = """
SELECT coalesce(sum(calls), 0)::BIGINT, coalesce(sum(cost_nano_usd), 0)::BIGINT FROM usage_record
"""

WORK = """
import os, random, sys, threading
from corvus import Usage, open_runtime
from corvus.base.money import NanoUSD
from corvus.model.request import Request

def work(governor, seed):
    chance = random.Random(seed)
    while True:
        decision = governor.reserve(Request("m", NanoUSD(20_000_000), f"s{chance.randrange(4)}"))
        held, fate = decision.reservation, chance.random()
        if fate < 0.8:
            cost = NanoUSD(chance.randint(0, 20_000_000))
            governor.commit(held, Usage(10, 5), cost_nano_usd=cost)
            os.write(1, f"{held.id} {int(cost)}\\n".encode())
        elif fate < 0.9:
            governor.release(held)

runtime = open_runtime([sys.argv[1]])
with runtime.governor() as governor:
    for seed in range(4):
        threading.Thread(target=work, args=(governor, seed), daemon=True).start()
    while True:
        runtime.bookkeeping.drain(governor.store)
"""
BACK_UP = """
import sys
from pathlib import Path
from corvus.backups.making import back_up
from corvus.base.time import SystemClock
from corvus.store.place import place_of
ledger = Path(sys.argv[1])
os_write = __import__("os").write
os_write(1, b"ready\\n")
while True:
    back_up(ledger, place_of(ledger), Path(sys.argv[2]), SystemClock(), keep=3)
"""


class Place:
    """A folder with a config, a ledger and its store, and a folder of backups."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "l.duckdb"
        self.backups = folder / "backups"
        self.config = folder / "corvus.toml"
        folder.mkdir(exist_ok=True)
        self.config.write_text(CONFIG)

    def spend(self, calls: int, *, leave_open: int = 0) -> None:
        with open_runtime([self.config], ledger=self.ledger).governor() as governor:
            for number in range(calls + leave_open):
                decision = governor.reserve(Request("m", NanoUSD(CENT), "s"))
                assert decision.reservation is not None
                if number < calls:
                    governor.commit(decision.reservation, Usage(10, 5), cost_nano_usd=NanoUSD(CENT))

    def back_up(self, keep: int | None = None) -> Backup:
        return back_up(self.ledger, place_of(self.ledger), self.backups, SystemClock(), keep=keep)

    def restore(self, folder: Path | None = None, *, replaces: bool = False) -> Path | None:
        backup = read_backup(folder or self.backups)
        return restore(backup, self.ledger, place_of(self.ledger), SystemClock(), replaces=replaces)

    def recorded(self) -> tuple[int, int]:
        """Return how many calls are recorded, and what they cost."""
        with books_at(self.ledger).ledger() as ledger:
            return ledger.connection.execute(SUMS).fetchone() or (0, 0)

    def counted(self) -> tuple[int, int, int]:
        """Return what the store counts against day and month: spent, held, in how many calls."""
        with closing(sqlite3.connect(f"{self.ledger}.store")) as store:
            rows = store.execute(
                "SELECT spent_nano_usd, held_nano_usd, calls FROM balance WHERE window_start_us > 0"
            ).fetchall()
        (sums,) = set(rows)
        return sums

    def run(self, *words: str) -> Any:
        return CliRunner().invoke(application(), [*words, "--config", str(self.config)])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


def elsewhere(place: Place, name: str) -> Place:
    other = Place(place.folder / name)
    other.backups = place.backups
    return other


def python(code: str, *words: object, out: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "policy")}
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=out)


def test_led_6_a_backup_under_load_restores_to_balances_equal_to_the_sum_of_records(
    place: Place,
) -> None:
    place.spend(1)
    told = place.folder / "told.txt"
    with told.open("wb") as out:
        workers = [python(WORK, place.config, out=out.fileno()) for _ in range(2)]
    try:
        made: list[tuple[Backup, dict[str, int]]] = []
        deadline = time.monotonic() + 60
        while len(made) < 4 and time.monotonic() < deadline:
            time.sleep(0.5)
            lines = told.read_bytes().decode().split("\n")[:-1]
            if len(lines) < 50 * (len(made) + 1):
                continue
            acknowledged = {name: int(cost) for name, cost in map(str.split, lines)}
            made.append((place.back_up(), acknowledged))
        assert all(worker.poll() is None for worker in workers), "the load went on"
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert len(made) == 4
    assert {len(backup.files) for backup, _ in made} == {2}
    calls = 0
    for number, (backup, acknowledged) in enumerate(made):
        other = elsewhere(place, f"other{number}")
        other.restore(backup.folder)
        books = books_at(other.ledger)
        assert books.verify().is_sound
        counted, recorded = other.counted(), other.recorded()
        assert (counted[2], counted[0]) == recorded
        assert recorded[0] > calls, "each backup is of a later instant"
        calls = recorded[0]
        with books.ledger() as ledger:
            rows = ledger.connection.execute(
                "SELECT reservation_id::VARCHAR, cost_nano_usd FROM usage_record"
            ).fetchall()
        assert acknowledged.items() <= dict(rows).items(), "what was acknowledged before is in it"
        other.spend(1)
        assert other.recorded()[0] == calls + 1


def test_kill_9_during_a_backup_leaves_no_half_of_one(place: Place) -> None:
    place.spend(50)
    books_at(place.ledger).drain()
    chance = random.Random(6)
    for _ in range(8):
        worker = python(BACK_UP, place.ledger, place.backups, out=subprocess.PIPE)
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.05, 0.4))
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        for folder in place.backups.glob("[!.]*"):
            assert len(read_backup(folder).files) == 2
    place.back_up(keep=1)
    (left,) = place.backups.iterdir()
    assert not left.name.startswith("."), "what the killed ones left is removed by the next"
    elsewhere(place, "other").restore()


def test_a_backup_that_fails_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.spend(1)
    books_at(place.ledger).drain()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("corvus.backups.making.file_sha256", fail)
    with pytest.raises(LedgerError, match="No space left on device"):
        place.back_up()
    assert [*place.backups.iterdir()] == []


def test_a_place_before_its_first_drain_and_one_without_a_store_are_backed_up(place: Place) -> None:
    with pytest.raises(LedgerError, match="nothing to back up"):
        place.back_up()
    place.spend(2, leave_open=1)
    assert [file.name for file in place.back_up().files] == ["ledger.duckdb.store"]
    other = elsewhere(place, "other")
    other.restore()
    assert other.counted() == (2 * CENT, CENT, 2)
    assert other.recorded() == (2, 2 * CENT)

    only = elsewhere(place, "only")
    only.backups = only.folder / "b"
    books_at(other.ledger).drain()
    shutil.copy(other.ledger, only.ledger)
    assert [file.name for file in only.back_up().files] == ["ledger.duckdb"]


def test_a_ledger_that_the_first_drain_makes_meanwhile_is_in_the_backup(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spend(2)
    copy = making._copy_store  # pyright: ignore[reportPrivateUsage]
    copied: list[Path] = []

    def drain_before(store: Any, part: Path) -> None:
        if not copied:
            books_at(place.ledger).drain()
        copied.append(part)
        copy(store, part)

    monkeypatch.setattr(making, "_copy_store", drain_before)
    place.back_up()
    assert len(copied) == 2
    other = elsewhere(place, "other")
    other.restore()
    assert other.recorded() == (2, 2 * CENT)


def test_what_waits_to_be_settled_and_the_archive_are_restored(place: Place) -> None:
    export = place.folder / "old.csv"
    export.write_text("time,model,i,o\n2025-01-17T10:00:00Z,m,10,5\n2026-11-01T10:00:00Z,m,10,5\n")
    columns = ("timestamp=time", "input_tokens=i", "output_tokens=o")
    maps = [word for column in columns for word in ("--map", column)]
    done = place.run("usage", "import", str(export), *maps)
    assert done.exit_code == 0, done.output
    books = books_at(place.ledger)
    later = FixedClock(datetime.now(UTC))
    assert archive(place.ledger, 90, clock=later).rows == 1
    (archive_folder(place.ledger) / ".x.parquet.upload").write_text("of one who moves months")
    with open_runtime([place.config], ledger=place.ledger).governor() as governor:
        held = governor.reserve(Request("m", NanoUSD(CENT), "s")).reservation
    assert held is not None
    path = books.place.unsettled_path
    assert path is not None
    settled = Settlement(Usage(10, 5), NanoUSD(CENT), Source.PRICED)
    spill(path, [PendingSettlement(PendingKind.COMMIT, held.id, "key", settled)])
    before = place.back_up()
    assert sum(".archive/" in file.name for file in before.files) == 1
    other = elsewhere(place, "other")
    other.restore()
    assert other.recorded() == (3, 40_000 + CENT), "two imported, one settled"
    assert books_at(other.ledger).verify().is_sound


def test_the_log_of_a_ledger_is_taken_into_its_copy(place: Place) -> None:
    place.spend(1)
    books_at(place.ledger).drain()
    code = """
import os, sys
from pathlib import Path
from corvus.ledger.ledger import open_file
with open_file(Path(sys.argv[1]), write=True) as ledger:
    ledger.connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    with ledger.transaction():
        ledger.connection.execute(
            "INSERT INTO archive_place VALUES ('file:///x', uuid(), now()::TIMESTAMP)")
    os._exit(0)
"""
    assert python(code, place.ledger).wait() == 0
    assert place.ledger.with_name("l.duckdb.wal").stat().st_size
    assert [file.name for file in place.back_up().files] == ["ledger.duckdb", "ledger.duckdb.store"]
    other = elsewhere(place, "other")
    other.restore()
    with duckdb.connect(other.ledger, read_only=True) as ledger:
        assert ledger.execute("SELECT url FROM archive_place").fetchall() == [("file:///x",)]


def test_another_program_that_writes_the_ledger_keeps_it_from_being_copied(place: Place) -> None:
    place.spend(1)
    books_at(place.ledger).drain()
    code = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(place.ledger)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(LedgerLocked, match="open in another program"):
            place.back_up()
    assert [*place.backups.iterdir()] == []
    place.back_up()


def test_nothing_is_replaced_unasked_and_what_was_there_is_put_aside(place: Place) -> None:
    place.spend(1)
    books_at(place.ledger).drain()
    place.back_up()
    place.spend(2)
    with pytest.raises(LedgerError, match="--replace"):
        place.restore()
    assert place.recorded() == (3, 3 * CENT)
    aside = place.restore(replaces=True)
    assert aside is not None
    assert place.recorded() == (1, CENT)
    assert {file.name for file in aside.iterdir()} >= {"l.duckdb", "l.duckdb.store"}
    place.spend(1)
    assert books_at(place.ledger).verify().is_sound


def test_a_store_that_is_in_use_is_not_replaced(place: Place) -> None:
    place.spend(1)
    books_at(place.ledger).drain()
    place.back_up()
    code = """
import sys
from corvus import open_runtime
with open_runtime([sys.argv[1]]).governor():
    print("open", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(place.config)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "policy")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StoreUnavailable, match="nothing was restored"):
            place.restore(replaces=True)
    assert not [*place.folder.glob("*.replaced-*")]
    assert place.recorded() == (1, CENT)


@pytest.mark.parametrize("step", range(3))
def test_a_restore_that_dies_at_any_step_is_finished_by_the_next(
    place: Place, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spend(3)
    books_at(place.ledger).drain()
    place.spend(2)
    place.back_up()
    other = elsewhere(place, "other")
    steps = iter(range(100))

    def die(source: Path, target: Path) -> None:
        if next(steps) == step:
            raise KeyboardInterrupt
        os.rename(source, target)

    monkeypatch.setattr(os, "replace", die)
    if step < 2:
        with pytest.raises(KeyboardInterrupt):
            other.restore()
    monkeypatch.undo()
    other.restore(replaces=True)
    assert other.recorded() == (5, 5 * CENT)
    assert books_at(other.ledger).verify().is_sound


def test_a_restored_store_without_its_ledger_admits_no_report_of_less(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spend(3)
    books_at(place.ledger).drain()
    place.back_up()
    other = elsewhere(place, "other")

    def forget(*_: object) -> None:
        pass

    monkeypatch.setattr(restoring, "_put_ledger", forget)
    other.restore()
    with pytest.raises(LedgerError):
        other.recorded()
    assert other.counted() == (3 * CENT, 0, 3), "the store still counts what was spent"


def test_what_is_no_whole_backup_is_refused(place: Place) -> None:
    with pytest.raises(LedgerError, match="is no backup and has none"):
        read_backup(place.backups)
    place.spend(1)
    made = place.back_up()
    store = made.folder / "ledger.duckdb.store"
    whole = store.read_bytes()
    store.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(LedgerError, match="not as it was written"):
        read_backup(place.backups)
    store.unlink()
    with pytest.raises(LedgerError, match="cannot be read"):
        read_backup(place.backups)
    manifest = made.folder / "backup.json"
    body = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(body | {"format": 2, "corvus": "9.9"}))
    with pytest.raises(LedgerError, match=r"made by corvus 9\.9; upgrade"):
        read_backup(place.backups)
    for broken in ("{", "null", "[" * 100_000):
        manifest.write_text(broken)
        with pytest.raises(LedgerError, match="cannot be read"):
            read_backup(place.backups)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "ledger.duckdb.archive/../../evil",
        "ledger.duckdb.archive/a/b",
        "ledger.duckdb.archive/..",
        "ledger.duckdb.store/../x",
        "ledger.duckdb.lock",
        "ledger.duckdb.store.unsettled/x.jsonl",
        "backup.json",
    ],
)
def test_no_backup_writes_where_none_has_a_file(place: Place, name: str) -> None:
    place.spend(1)
    made = place.back_up()
    manifest = made.folder / "backup.json"
    body = json.loads(manifest.read_text())
    body["files"].append({"name": name, "size_bytes": 0, "sha256": "0" * 64})
    manifest.write_text(json.dumps(body))
    with pytest.raises(LedgerError, match="no backup has"):
        read_backup(place.backups)


def test_the_store_is_in_its_place_at_every_instant_of_a_restore(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spend(2)
    place.back_up()
    place.spend(3)
    store = place.ledger.with_name("l.duckdb.store")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("corvus.store.operations.sqlite_file.os.replace", die)
    with pytest.raises(KeyboardInterrupt):
        place.restore(replaces=True)
    monkeypatch.undo()
    assert store.is_file()
    assert place.counted() == (5 * CENT, 0, 5), "it is the one that was there"
    place.restore(replaces=True)
    assert place.counted() == (2 * CENT, 0, 2)


def test_a_folder_of_somebody_else_stays(place: Place) -> None:
    place.spend(1)
    for name in (".rsync.part", ".trash.gone", "20200101T000000Z.part"):
        (place.backups / name).mkdir(parents=True)
    place.back_up(keep=1)
    assert len([*place.backups.iterdir()]) == 4


def test_only_backups_are_removed_and_the_newest_stay(place: Place) -> None:
    place.spend(1)
    (place.backups / "mine").mkdir(parents=True)
    (place.backups / "20200101T000000Z").mkdir()
    made: list[Backup] = []
    for second in range(4):
        clock = FixedClock(datetime(2026, 11, 29, 10, 0, second % 3, tzinfo=UTC))
        made.append(back_up(place.ledger, place_of(place.ledger), place.backups, clock, keep=2))
    assert [backup.folder.name for backup in made] == [
        "20261129T100000Z",
        "20261129T100001Z",
        "20261129T100002Z",
        "20261129T100000Z",
    ]
    left = sorted(path.name for path in place.backups.iterdir())
    assert left == ["20200101T000000Z", "20261129T100001Z", "20261129T100002Z", "mine"]


def test_a_shared_store_is_no_part_of_the_backup_and_stores_are_not_mixed_up(place: Place) -> None:
    shared = SharedPlace(place.folder / "shared.store")
    place.spend(1)
    own = place.back_up()
    with pytest.raises(LedgerError, match=r"governance\.ledger\.url"):
        restore(own, place.folder / "other.duckdb", shared, SystemClock())


def test_of_a_shared_store_the_ledger_is_copied_and_goes_on_elsewhere(
    place: Place, postgres_url: str
) -> None:
    place.config.write_text(f'{CONFIG}url = "{postgres_url}"\n')
    place.spend(2)
    assert place.run("ledger", "drain").exit_code == 0
    done = place.run("ledger", "backup", "backups", "--format", "text")
    assert done.exit_code == 0, done.output
    assert "dump it now, with pg_dump" in done.stdout
    backup = read_backup(place.backups)
    assert backup.is_shared
    assert [file.name for file in backup.files] == ["ledger.duckdb"]
    place.spend(1)
    other = str(place.folder / "other" / "l.duckdb")
    restored = place.run("ledger", "restore", "backups", "--ledger", other, "--format", "json")
    assert restored.exit_code == 0, restored.output
    words = ("sql", "SELECT sum(calls) AS calls FROM usage_record", "--format", "csv")
    answers = [place.run(*words, "--ledger", path).stdout for path in (str(place.ledger), other)]
    assert answers[0] == answers[1] == "calls\n3\n", "what it lacked comes from the store"
    gc.collect()  # closes what the runtimes of this process have left open for their next look


def test_commands_back_up_restore_and_keep_in_the_audit_who_did(place: Place) -> None:
    place.spend(1)
    done = place.run("ledger", "backup", "backups", "--keep", "3", "--format", "json")
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    assert (body["files"], body["removed"]) == (1, [])
    place.spend(1)
    refused = place.run("ledger", "restore", "backups", "--replace")
    assert refused.exit_code == 2
    assert "--yes" in refused.output
    words = ("--replace", "--yes", "--reason", "the disk failed", "--format", "text")
    restored = place.run("ledger", "restore", "backups", *words)
    assert restored.exit_code == 0, restored.output
    assert "all balances equal what is recorded" in restored.stdout
    assert place.recorded() == (1, CENT)
    audit = place.run("cost", "audit", "--format", "json").stdout
    assert "the disk failed" in audit
    assert "restored from the backup of" in audit


def test_a_hold_that_was_open_is_presumed_spent_at_its_deadline(place: Place) -> None:
    place.spend(1, leave_open=1)
    place.back_up()
    other = elsewhere(place, "other")
    other.restore()
    assert other.counted() == (CENT, CENT, 1)
    late = FixedClock(datetime.now(UTC) + timedelta(hours=2))
    books_at(other.ledger, late)
    with open_runtime([other.config], ledger=other.ledger, clock=late).governor() as governor:
        governor.keep_up()
    spent, held, calls = other.counted()
    assert (spent, held, calls) == (2 * CENT, 0, 2)
