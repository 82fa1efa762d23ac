"""What a host keeps for a store: which state of it was seen, and settlements that wait (STO-3)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from corvus.base.errors import StoreCorrupt
from corvus.model.outbox import LedgerTable
from corvus.store.postgres.address import PostgresAddress
from corvus.store.postgres.generation import SEEN, SeenGeneration
from corvus.store.postgres.place import PostgresPlace
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.postgres import PostgresServer, drop_schema


def append(unit: Unit) -> int:
    return unit.append(LedgerTable.SESSION, {"recorded_at": unit.now_us})


@pytest.fixture
def place(tmp_path: Path, postgres_url: str) -> PostgresPlace:
    return PostgresPlace(PostgresAddress.of(postgres_url), tmp_path / "ledger.duckdb")


def test_files_bear_the_id_of_the_store(tmp_path: Path, place: PostgresPlace) -> None:
    assert place.unsettled_path is None
    with closing(Store(place.backend())) as store:
        store.run(append)
        store_id = store.run(lambda unit: unit.state.store_id)
        assert place.unsettled_path == tmp_path / f"ledger.duckdb.{store_id}.unsettled.jsonl"
        assert store.backend.unsettled_path == place.unsettled_path
    assert os.listdir(tmp_path) == [f"ledger.duckdb.{store_id}{SEEN}"]


def test_another_server_behind_the_same_url_reads_no_file_of_the_first(
    place: PostgresPlace, postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """And the first one's are there when it is back: it is not taken for an older state."""
    with closing(Store(place.backend())) as first:
        for _ in range(5):
            first.run(append)
    spilled = place.unsettled_path
    assert spilled is not None
    spilled.write_text("of the first\n")
    (seen,) = tmp_path.glob(f"*{SEEN}")
    before = seen.read_bytes()
    drop_schema(postgres_server, postgres_url.rpartition("=")[2])
    other = PostgresPlace(PostgresAddress.of(postgres_url), tmp_path / "ledger.duckdb")
    with closing(Store(other.backend())) as store:
        assert store.run(append) == 1
        assert other.unsettled_path not in (None, spilled)
    assert spilled.read_text() == "of the first\n"
    assert seen.read_bytes() == before
    assert len([*tmp_path.glob(f"*{SEEN}")]) == 2


def test_a_store_that_changes_under_a_process_is_refused(
    place: PostgresPlace, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """What the process holds is not there: to go on would spend it twice."""
    with closing(Store(place.backend())) as store:
        assert store.run(append) == 1
        schema = postgres_url.rpartition("=")[2]
        postgres_server.query(f'UPDATE "{schema}".store_state SET store_id = gen_random_uuid()')  # noqa: S608 - a plain name
        with pytest.raises(StoreCorrupt, match="another store than before"):
            store.run(append)


def test_what_was_seen_outlives_a_kill_at_any_moment(tmp_path: Path) -> None:
    """It is written before it is acknowledged, here by printing it."""
    path = tmp_path / "x.seen"
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from corvus.store.postgres.generation import SeenGeneration\n"
        "seen = SeenGeneration(Path(sys.argv[1]))\n"
        "for number in range(1, 10**9):\n"
        "    seen.note(number)\n"
        "    print(number, flush=True)\n"
    )
    for _ in range(3):
        path.unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(500)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        acknowledged = int([line for line in lines if line.endswith("\n")][-1])
        process.wait()
        process.stdout.close()
        assert SeenGeneration(path).missing(acknowledged) >= 0


def test_what_another_process_of_the_host_has_seen_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.seen"
    one, other = SeenGeneration(path), SeenGeneration(path)
    one.note(105)
    other.note(104)
    assert SeenGeneration(path).missing(105) == 0
    other.note(2_000_000_000_000_000)
    assert SeenGeneration(path).missing(0) == 2_000_000_000_000_000
    one.forget()
    one.note(7)
    for each in (one, other):
        each.close()
    assert SeenGeneration(path).missing(0) == 7


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"of a store 7", b"\xff" * 80, b"9" * 5000],
    ids=["empty", "line", "of old", "bytes", "digits"],
)
def test_a_damaged_file_is_written_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.seen"
    path.write_bytes(content)
    with closing(SeenGeneration(path)) as seen:
        seen.note(7)
    assert SeenGeneration(path).missing(0) == 7


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with closing(SeenGeneration(tmp_path / "file" / "x.seen")) as seen:
        seen.note(7)
        assert seen.missing(0) == 7
