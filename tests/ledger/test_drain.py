"""Events come into the ledger in order and exactly once, whatever happens on the way (LED-2)."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.errors import LedgerCorrupt, LedgerError, LedgerLocked
from corvus.base.time import FixedClock
from corvus.ledger import outbox as module
from corvus.ledger.drain import DrainSummary, drain
from corvus.ledger.ledger import open_file, open_ledger
from corvus.ledger.roll_ups import differing
from corvus.model.outbox import LedgerTable, Row
from tests.ledger.outboxes import (
    NOON_US,
    STORE,
    FileOutbox,
    asked,
    call,
    contents,
    keys,
    mixed,
    opened,
    reserved,
    uuid_at,
)
from tests.properties import examples

ROOT = Path(__file__).parents[2]
TABLES = ("usage_record", "reservation_event", "session")
SUMS = {
    "usage_record": ("model_usage", "caller_usage", "session_usage"),
    "reservation_event": ("session_usage",),
}


def into(*tables: str) -> list[str]:
    return [f'INSERT INTO "ledger".main.{table}' for table in tables]


def appending(table: str) -> list[str]:
    """The statements that append events to a table."""
    if table not in SUMS:
        return into(table)
    return ["CREATE OR REPLACE", f"INSERT INTO temp.drained_{table}", *into(*SUMS[table], table)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.duckdb"


@pytest.fixture
def outbox(tmp_path: Path) -> FileOutbox:
    return FileOutbox(tmp_path / "outbox.sqlite")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_EVENTS", 4)


def test_nothing_to_drain_makes_no_ledger(path: Path, outbox: FileOutbox) -> None:
    assert drain(path, outbox) == DrainSummary(0, {}, 0)
    assert not path.exists()


def test_nothing_to_drain_leaves_the_ledger_unopened(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(5))
    drain(path, outbox)
    with open_ledger(path, write=True):
        assert drain(path, outbox, timeout_seconds=0) == DrainSummary(0, {}, 5)


@pytest.mark.usefixtures("small_batches")
def test_a_drain_says_what_it_took_and_the_store_forgets_it(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(10))
    told: list[tuple[int, int]] = []
    summary = drain(path, outbox, on_progress=lambda done, total: told.append((done, total)))
    rows = {
        LedgerTable.USAGE_RECORD: 4,
        LedgerTable.RESERVATION_EVENT: 3,
        LedgerTable.SESSION: 3,
    }
    assert summary == DrainSummary(10, rows, 10)
    assert told == [(4, 10), (8, 10), (10, 10)]
    assert (outbox.drained_seq(), outbox.pending(0, 99)) == (10, [])
    with open_ledger(path) as ledger:
        assert contents(ledger) == keys(mixed(10))


def test_every_value_arrives_as_the_store_had_it(path: Path, outbox: FileOutbox) -> None:
    text = 'é😀 "quoted" \\ \x00 \n'
    reserved_row = reserved(7, tags={"a": text, "": "x"}, provider=text, projected_nano_usd=2**62)
    price: Row = {
        "recorded_at": NOON_US + 1,
        "entry": "openai/gpt-5",
        "book": "user",
        "model": "gpt-5",
        "effective_from": "2026-02-03",
        "rates": {"input": "1250000000"},
    }
    outbox.append([reserved_row, (LedgerTable.PRICE_ENTRY, price)])
    drain(path, outbox)
    with open_ledger(path) as ledger:
        ((event,),) = asked(ledger, "SELECT reservation_event FROM reservation_event")
        prices = asked(
            ledger, "SELECT seq, epoch_us(recorded_at), effective_from, rates FROM price_entry"
        )
    assert str(event["store_id"]) == STORE
    assert (event["tags"], event["provider"]) == ({"a": text, "": "x"}, text)
    assert (event["seq"], event["projected_nano_usd"], event["cost_nano_usd"]) == (1, 2**62, None)
    assert event["expires_at"] - event["recorded_at"] == timedelta(minutes=15)
    assert prices == [
        (2, NOON_US + 1, datetime(2026, 2, 3, tzinfo=UTC).date(), {"input": 1_250_000_000})
    ]


def test_half_a_character_does_not_stop_the_drain(path: Path, outbox: FileOutbox) -> None:
    outbox.append([call(1, session_id="a\ud800b")])
    drain(path, outbox)
    with open_ledger(path) as ledger:
        assert asked(ledger, "SELECT session_id FROM usage_record") == [("a?b",)]


def test_usage_of_a_batch_lies_in_order_of_admission(path: Path, outbox: FileOutbox) -> None:
    outbox.append(call(number) for number in (5, 1, 9, 3))
    drain(path, outbox)
    with open_ledger(path) as ledger:
        assert asked(ledger, "SELECT cost_nano_usd FROM usage_record") == [(1,), (3,), (5,), (9,)]


@pytest.mark.usefixtures("small_batches")
def test_each_batch_leaves_its_watermark(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(6))
    drain(path, outbox, clock=FixedClock(datetime(2026, 1, 2, tzinfo=UTC)))
    with open_ledger(path) as ledger:
        marks = asked(
            ledger, "SELECT store_id::VARCHAR, seq, events, drained_at FROM ledger_watermark"
        )
        assert ledger.watermark(STORE) == 6
        assert ledger.watermark(uuid_at(0, 1)) == 0
    at = datetime(2026, 1, 2)  # noqa: DTZ001 - the ledger is naive UTC
    assert marks == [(STORE, 4, 4, at), (STORE, 6, 2, at)]


def test_two_stores_feed_one_ledger(path: Path, tmp_path: Path, outbox: FileOutbox) -> None:
    other = FileOutbox(tmp_path / "other.sqlite", uuid_at(NOON_US, 2))
    outbox.append(mixed(3))
    other.append(mixed(4, start=3))
    assert drain(path, outbox).through_seq == 3
    assert drain(path, other).through_seq == 4
    with open_ledger(path) as ledger:
        assert contents(ledger) == keys(mixed(7))


@settings(max_examples=examples(20, by_day=8))
@given(
    st.lists(st.sampled_from([call, reserved, opened]), max_size=30),
    st.lists(st.integers(1, 12), min_size=1, max_size=5),
    st.integers(1, 7),
)
def test_any_sequence_of_events_arrives_whole_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, makers: list[Any], cuts: list[int], batch: int
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    outbox, path = FileOutbox(folder / "outbox.sqlite"), folder / "ledger.duckdb"
    rows = [maker(number) for number, maker in enumerate(makers)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_EVENTS", batch)
        left = rows
        for cut in cuts:
            outbox.append(left[:cut])
            left = left[cut:]
            drain(path, outbox)
        outbox.append(left)
        drain(path, outbox)
    if not rows:
        assert not path.exists()
        return
    with open_file(path) as ledger:
        assert contents(ledger) == keys(rows)
        for table in (LedgerTable.RESERVATION_EVENT, LedgerTable.SESSION):
            numbers = [seq for seq, (home, _) in enumerate(rows, start=1) if home is table]
            assert asked(ledger, f"SELECT seq FROM {table}") == [(seq,) for seq in numbers]  # noqa: S608 - a table of ours


def test_a_missing_event_is_corruption_and_what_came_before_it_is_kept(
    path: Path, outbox: FileOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_EVENTS", 2)
    outbox.append(mixed(8))
    outbox.lose(4)
    with pytest.raises(LedgerCorrupt, match=r"has lost event 4 \(found 5 in its place\)"):
        drain(path, outbox)
    with open_file(path) as ledger:
        assert contents(ledger) == keys(mixed(2))


def test_a_ledger_that_lost_rows_the_store_forgot_is_refused(
    path: Path, outbox: FileOutbox
) -> None:
    outbox.append(mixed(5))
    drain(path, outbox)
    path.unlink()
    outbox.append(mixed(2, start=5))
    for use in (lambda: drain(path, outbox), lambda: open_ledger(path, outbox=outbox).__enter__()):
        with pytest.raises(LedgerCorrupt, match=r"events 1 to 5 .* ledger verify --rebuild"):
            use()


def test_a_store_that_was_set_back_is_refused(path: Path, tmp_path: Path) -> None:
    outbox = FileOutbox(tmp_path / "outbox.sqlite")
    outbox.append(mixed(5))
    drain(path, outbox)
    set_back = FileOutbox(tmp_path / "copy.sqlite")
    set_back.append(mixed(3))
    with pytest.raises(LedgerCorrupt, match="the store is older than the ledger"):
        drain(path, set_back)
    assert len(set_back.pending(0, 9)) == 3


@pytest.mark.parametrize(
    ("unusual", "words"),
    [({"colour": "red"}, "colour"), ({"calls": "many"}, "many"), ({"surface": None}, "NOT NULL")],
)
def test_a_row_that_does_not_fit_is_refused_and_stays_in_the_store(
    path: Path, outbox: FileOutbox, unusual: dict[str, Any], words: str
) -> None:
    outbox.append([call(1), call(2, **unusual)])
    with pytest.raises(LedgerError, match=words):
        drain(path, outbox)
    assert len(outbox.pending(0, 9)) == 2
    with open_file(path) as ledger:
        assert asked(ledger, "SELECT count(*) FROM usage_record") == [(0,)]


def test_a_locked_ledger_refuses_the_drain_in_time(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(3))
    with open_ledger(path, write=True), pytest.raises(LedgerLocked):
        drain(path, outbox, timeout_seconds=0.05)
    assert drain(path, outbox).events == 3


@pytest.mark.usefixtures("unprivileged")
def test_a_read_only_folder_loses_nothing(path: Path, outbox: FileOutbox) -> None:
    outbox.append(mixed(3))
    path.parent.chmod(0o500)
    try:
        with pytest.raises(LedgerError, match="ledger"):
            drain(path, outbox)
        with open_ledger(path, outbox=outbox) as ledger:
            assert contents(ledger) == keys(mixed(3))
    finally:
        path.parent.chmod(0o700)
    assert drain(path, outbox).events == 3


@contextmanager
def files_no_larger_than(size: int) -> Generator[None]:
    """Let no file of this process grow beyond a size: writing more fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize(
    ("largest_bytes", "stage"),
    [(0, "ledger"), (300_000, "Failed to commit"), (2_000_000, "Failed to create checkpoint")],
)
def test_a_full_disk_loses_nothing(
    path: Path, outbox: FileOutbox, largest_bytes: int, stage: str
) -> None:
    first, second = mixed(3), mixed(6000, start=3)
    outbox.append(first)
    drain(path, outbox)
    outbox.append(second)
    with files_no_larger_than(largest_bytes), pytest.raises(LedgerError, match=stage):
        drain(path, outbox)
    with open_ledger(path, outbox=outbox) as ledger:
        assert contents(ledger) == keys(first + second)
    drain(path, outbox)
    assert outbox.drained_seq() == 6003
    with open_file(path) as ledger:
        assert contents(ledger) == keys(first + second)


# Forks before DuckDB has made a thread; the copy with number N dies after its Nth step that writes.
DIE_AT_EACH_STEP = """
import json, os, sys
from pathlib import Path
from corvus.ledger import drain as drain_module, ledger as ledger_module, outbox as outbox_module
from corvus.ledger.drain import drain
from tests.ledger.outboxes import FileOutbox, mixed

def run(folder, fatal):
    steps = [0]
    def step(name):
        steps[0] += 1
        if steps[0] == fatal:
            (folder / "died").write_text(name)
            os._exit(9)
    def guarded(name, function):
        def call(*arguments):
            answer = function(*arguments)
            words = name(*arguments)
            if not words.startswith(("SELECT", "SET")):
                step(words)
            return answer
        return call
    class Connection:
        def __init__(self, real):
            self.real = real
            self.execute = guarded(lambda sql, *_: " ".join(sql.split()[:3]), real.execute)
        def __getattr__(self, name):
            return getattr(self.real, name)
    connect = ledger_module.connect_to_file
    ledger_module.connect_to_file = lambda *a, **k: Connection(connect(*a, **k))
    drain_module.sync = guarded(lambda _: "sync", drain_module.sync)
    outbox_module.BATCH_EVENTS = 4
    outbox = FileOutbox(folder / "outbox.sqlite")
    outbox.append(mixed(6))
    outbox.forget = guarded(lambda _: "forget", outbox.forget)
    drain(folder / "ledger.duckdb", outbox)

for number in range(1, 1000):
    folder = Path(sys.argv[1]) / str(number)
    folder.mkdir()
    child = os.fork()
    if child == 0:
        run(folder, number)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 9:
        sys.exit(status)
"""


def child(code: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "policy")},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_dies_at_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    process = child(DIE_AT_EACH_STEP, tmp_path)
    process.communicate(timeout=120)
    assert process.returncode == 0
    steps: list[str] = []
    for folder in sorted(tmp_path.iterdir(), key=lambda one: int(one.name)):
        if not (folder / "died").exists():
            continue  # the last one ran to its end
        steps.append((folder / "died").read_text())
        path, outbox = folder / "ledger.duckdb", FileOutbox(folder / "outbox.sqlite")
        if path.exists():
            with open_ledger(path, write=True, outbox=outbox) as ledger:
                assert contents(ledger) == keys(mixed(6)), steps[-1]
                assert differing(ledger.connection) == [], steps[-1]
        drain(path, outbox)
        with open_file(path) as ledger:
            assert contents(ledger) == keys(mixed(6)), steps[-1]
            assert differing(ledger.connection) == [], steps[-1]
        assert (outbox.drained_seq(), outbox.pending(0, 9)) == (6, []), steps[-1]
    first, second = (
        ["BEGIN TRANSACTION", *chain(*map(appending, tables)), *into("ledger_watermark"), "COMMIT"]
        for tables in (TABLES, TABLES[1:])
    )
    ending = [*first, *second, "CHECKPOINT", "sync", "forget"]
    assert steps[-len(ending) :] == ending
    assert "CREATE TABLE ledger_migration" in steps


APPEND_AND_DRAIN = """
import sys
from pathlib import Path
from corvus.ledger import outbox as outbox_module
from corvus.ledger.drain import drain
from tests.ledger.outboxes import FileOutbox, mixed
outbox_module.BATCH_EVENTS = 50
folder, start = Path(sys.argv[1]), int(sys.argv[2])
outbox = FileOutbox(folder / "outbox.sqlite")
while True:
    outbox.append(mixed(120, start))
    start += 120
    print(start, flush=True)
    drain(folder / "ledger.duckdb", outbox)
"""


def test_a_process_killed_at_any_moment_loses_nothing_and_doubles_nothing(
    tmp_path: Path, path: Path, outbox: FileOutbox
) -> None:
    moments = random.Random(5)
    start = 0
    for _ in range(6):
        process = child(APPEND_AND_DRAIN, tmp_path, start)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.communicate()
        ((told,), (gone,)) = (
            outbox._ask("SELECT coalesce(max(seq), 0) FROM event"),  # pyright: ignore[reportPrivateUsage] - a look into the fake
            outbox._ask("SELECT coalesce(max(seq), 0) FROM drained"),  # pyright: ignore[reportPrivateUsage] - a look into the fake
        )
        start = max(told[0], gone[0])
        with open_ledger(path, write=True, outbox=outbox) as ledger:
            assert contents(ledger) == keys(mixed(start))
    assert start >= 120
    drain(path, outbox)
    with open_file(path) as ledger:
        assert contents(ledger) == keys(mixed(start))
        assert ledger.watermark(STORE) == start


DRAIN = """
import sys
from pathlib import Path
from corvus.ledger import outbox as outbox_module
from corvus.ledger.drain import drain
from tests.ledger.outboxes import FileOutbox
outbox_module.BATCH_EVENTS = 50
folder = Path(sys.argv[1])
print(drain(folder / "ledger.duckdb", FileOutbox(folder / "outbox.sqlite")).events)
"""


def test_processes_that_drain_at_once_share_the_events_between_them(
    tmp_path: Path, path: Path, outbox: FileOutbox
) -> None:
    outbox.append(mixed(300))
    processes = [child(DRAIN, tmp_path) for _ in range(3)]
    taken = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(taken) == 300
    with open_file(path) as ledger:
        assert contents(ledger) == keys(mixed(300))
