"""A disk or a file that fails: a clear error of the right class, nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from corvus.base.errors import (
    SettlementPending,
    StoreCorrupt,
    StoreError,
    StoreTooNew,
    StoreUnavailable,
)
from corvus.governor.governor import Governor
from corvus.model.policy import Policy
from corvus.model.reservation import Reservation
from corvus.model.steering import ResetRequest
from corvus.store.sqlite import SqliteBackend
from tests.faults import raw
from tests.faults.governed import CENT, cents, config, governing, policy_of, wait_until

FULL = r"full.*again"


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return policy_of(config(tmp_path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.store"


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


def reserve(governor: Governor, amount: int) -> Reservation:
    reservation = governor.reserve(cents(amount)).reservation
    assert reservation is not None
    return reservation


def reserve_until_refused(governor: Governor, acknowledged: list[str]) -> None:
    while True:
        acknowledged.append(reserve(governor, 1).id)


def test_a_disk_that_fills_up_refuses_and_keeps_what_was_acknowledged(
    path: Path, policy: Policy
) -> None:
    with governing(policy, path, wait_seconds=0.2) as governor:
        first = reserve(governor, 1)
        acknowledged = [first.id]
        with files_no_larger_than(450_000), pytest.raises(StoreUnavailable, match=FULL):
            reserve_until_refused(governor, acknowledged)
        with files_no_larger_than(1_000), pytest.raises(SettlementPending, match=FULL) as told:
            governor.commit(first)
        assert "do not repeat it" in str(told.value)
        wait_until(lambda: governor.reservation(first.id).state == "committed")
    assert len(acknowledged) > 5
    states = dict.fromkeys(acknowledged, "held") | {first.id: "committed"}
    assert raw.RawStore(path).states() == states
    assert raw.findings(path, {"day": 1000 * CENT}) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """Mount a file system of 768 KB; only root may, and not everywhere."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=768k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_file_system_without_room_is_told_as_full(small_disk: Path, policy: Policy) -> None:
    path, acknowledged = small_disk / "a.store", list[str]()
    with governing(policy, path) as governor:
        with pytest.raises(StoreUnavailable, match=FULL):
            reserve_until_refused(governor, acknowledged)
        assert len(acknowledged) > 5
    assert raw.RawStore(path).states() == dict.fromkeys(acknowledged, "held")
    assert raw.findings(path, {"day": 1000 * CENT}) == []


def test_a_store_cannot_be_made_on_a_full_disk_and_can_be_later(path: Path, policy: Policy) -> None:
    with files_no_larger_than(0), pytest.raises(StoreUnavailable, match="store"):
        SqliteBackend(path)
    with governing(policy, path) as governor:
        reserve(governor, 1)
    assert raw.findings(path, {}) == []


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_may_not_be_written_is_told(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        with pytest.raises(StoreUnavailable, match=r"cannot write .*--ledger"):
            SqliteBackend(path)
    finally:
        path.parent.chmod(0o700)


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_may_not_be_made_is_told(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        with pytest.raises(StoreUnavailable, match=r"cannot create the folder .*--ledger"):
            SqliteBackend(path.parent / "deeper" / "a.store")
    finally:
        path.parent.chmod(0o700)


@pytest.mark.usefixtures("unprivileged")
def test_a_file_that_may_not_be_written_is_told_and_stays_as_it_is(
    path: Path, policy: Policy
) -> None:
    with governing(policy, path) as governor:
        reserve(governor, 1)
    before = path.read_bytes()
    path.chmod(0o400)
    with (
        governing(policy, path) as governor,
        pytest.raises(StoreUnavailable, match=r"no permission .*--ledger"),
    ):
        governor.reserve(cents(1))
    assert path.read_bytes() == before


def test_only_its_owner_may_read_a_store(path: Path, policy: Policy) -> None:
    """It says who did what and why (AUD-3), whatever the umask."""
    umask = os.umask(0)
    try:
        with governing(policy, path) as governor:
            reserve(governor, 1)
            beside = {each.name: each.stat().st_mode & 0o777 for each in path.parent.glob("a.*")}
    finally:
        os.umask(umask)
    names = ("a.store", "a.store-wal", "a.store-shm", "a.store.lock")
    assert beside == dict.fromkeys(names, 0o600)


def test_permissions_that_an_owner_gave_stay(path: Path, policy: Policy) -> None:
    SqliteBackend(path).close()
    path.chmod(0o660)
    with governing(policy, path) as governor:
        reserve(governor, 1)
        assert path.with_name("a.store-wal").stat().st_mode & 0o777 == 0o660
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_link_and_its_target_are_one_store_with_one_lock(path: Path, policy: Policy) -> None:
    link = path.parent / "folder" / "link.store"
    link.parent.mkdir()
    link.symlink_to(path)
    with governing(policy, link) as one, governing(policy, path) as other:
        reserve(one, 600)
        assert not other.reserve(cents(600)).allowed
    assert [each.name for each in link.parent.iterdir()] == ["link.store"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_something_else_is_refused_and_stays_as_it_is(path: Path) -> None:
    content = b"no database at all" * 40
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="no store, or is damaged"):
        SqliteBackend(path)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_stays_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match=r"no store; name another ledger"):
        SqliteBackend(path)
    assert path.read_bytes() == before
    assert not path.with_name("a.store-wal").exists()


def test_a_newer_store_is_refused_and_stays_as_it_is(path: Path) -> None:
    SqliteBackend(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=r"version 99.*upgrade"):
        SqliteBackend(path)
    assert path.read_bytes() == before


def test_damaged_pages_never_admit_and_are_told(path: Path, policy: Policy) -> None:
    """Whatever page is overwritten: an error of ours, or an answer that the limit allows."""
    with governing(policy, path) as governor:
        for _ in range(60):
            reserve(governor, 10)
    sound = path.read_bytes()
    told: list[StoreError] = []
    for page in range(1, len(sound) // 4096):
        broken = bytearray(sound)
        broken[page * 4096 : page * 4096 + 512] = os.urandom(512)
        path.write_bytes(broken)
        try:
            with governing(policy, path) as governor:
                assert not governor.reserve(cents(401)).allowed
        except StoreError as fault:
            told.append(fault)
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink(missing_ok=True)
    assert any(isinstance(fault, StoreCorrupt) for fault in told)


def test_a_damaged_row_is_told_as_damage(path: Path, policy: Policy) -> None:
    with governing(policy, path) as governor:
        reservation = reserve(governor, 1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE reservation SET body = substr(body, 1, 20)")
    with governing(policy, path) as governor:
        with pytest.raises(SettlementPending, match=r"row of .* damaged .*move them away"):
            governor.commit(reservation)
        assert governor.reserve(cents(1)).allowed


def test_a_deleted_store_is_told_and_the_new_one_enforces(path: Path, policy: Policy) -> None:
    """A new file knows no budgets; without them nothing would ever be refused (EVA-13)."""
    with governing(policy, path) as governor:
        reserve(governor, 900)
        path.unlink()
        with pytest.raises(StoreUnavailable, match=r"deleted or replaced .*try again"):
            governor.reserve(cents(900))
        assert governor.reserve(cents(900)).allowed
        assert not governor.reserve(cents(900)).allowed
        governor.reset(ResetRequest("day", "ana"))
    assert raw.findings(path, {"day": 1000 * CENT}) == []


async def _ask_anew(governor: Governor) -> list[bool]:
    return [(await governor.areserve(cents(900))).allowed for _ in range(2)]


def test_a_deleted_store_enforces_for_an_event_loop_too(path: Path, policy: Policy) -> None:
    with governing(policy, path) as governor:
        path.unlink()
        with pytest.raises(StoreUnavailable):
            governor.status("s")
        assert asyncio.run(_ask_anew(governor)) == [True, False]


def test_a_store_put_in_place_of_another_enforces_by_its_own_numbers(
    path: Path, policy: Policy, tmp_path: Path
) -> None:
    other = tmp_path / "other.store"
    more = '[[cost.budgets]]\nname = "first"\nperiod = "total"\nlimit_usd = 90\n'
    (tmp_path / "other").mkdir()
    with governing(policy_of(config(tmp_path / "other", more=more)), other) as governor:
        reserve(governor, 700)
    with governing(policy, path) as governor:
        reserve(governor, 100)
        for side in ("", "-wal", "-shm"):
            path.with_name(path.name + side).unlink()
        other.rename(path)
        with pytest.raises(StoreUnavailable, match="replaced"):
            governor.reserve(cents(400))
        assert not governor.reserve(cents(400)).allowed
        assert governor.reserve(cents(300)).allowed


def test_the_log_of_a_replaced_store_is_not_taken_over(
    path: Path, policy: Policy, tmp_path: Path
) -> None:
    """SQLite would replay it into whatever file stands there."""
    backup = tmp_path / "backup.store"
    with governing(policy, backup) as governor:
        reserve(governor, 700)
    before = backup.read_bytes()
    with governing(policy, path) as governor:
        reserve(governor, 100)
        backup.rename(path)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"-wal, lies next to it.*start again"):
                governor.reserve(cents(1))
        assert path.read_bytes() == before
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink()
        assert not governor.reserve(cents(400)).allowed


def test_a_program_that_changes_its_folder_stays_with_its_store(
    tmp_path: Path, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with governing(policy, Path("a.store")) as governor:
        reserve(governor, 900)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert not governor.reserve(cents(900)).allowed
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_copy_of_a_store_goes_on_where_it_was_copied(path: Path, policy: Policy) -> None:
    with governing(policy, path) as governor:
        reserve(governor, 700)
    copied = path.with_name("copied.store")
    shutil.copy(path, copied)
    with governing(policy, copied) as governor:
        assert not governor.reserve(cents(400)).allowed


def test_the_log_shrinks_again_after_a_reader_held_it_up(path: Path, policy: Policy) -> None:
    """Its usual size is 1,000 pages; a snapshot that is kept open lets it grow."""
    log = path.with_name("a.store-wal")
    with governing(policy, path) as governor, closing(sqlite3.connect(path)) as reader:
        reserve(governor, 1)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM store_state").fetchone()
        for _ in range(300):
            governor.release(reserve(governor, 1))
        grown = log.stat().st_size
        reader.execute("COMMIT")
        for _ in range(300):
            governor.release(reserve(governor, 1))
        assert grown > 1000 * 4096
        assert log.stat().st_size <= grown + 1100 * 4096


class Failing:
    """A connection of which some statements fail."""

    def __init__(self, connection: sqlite3.Connection, word: str, kind: str) -> None:
        self._connection = connection
        self._word = word
        self._kind = kind

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: object) -> object:
        if self._word in statement:
            fault = sqlite3.OperationalError("disk I/O error")
            fault.sqlite_errorname = self._kind
            raise fault
        return self._connection.execute(statement, *values)  # pyright: ignore[reportArgumentType, reportCallIssue]


@pytest.mark.parametrize("kind", ["SQLITE_IOERR_READ", "SQLITE_CORRUPT_VTAB", "SQLITE_NOTADB"])
def test_one_read_that_fails_hurts_no_other_caller_and_is_no_damage(
    path: Path, policy: Policy, kind: str
) -> None:
    """An innocent neighbour once got an assertion, and everybody the advice to lose the holds."""
    with governing(policy, path, wait_seconds=5) as governor:
        reserve(governor, 1)
        backend = governor.store.backend
        governor.store.run(lambda unit: None)
        backend._connection = Failing(backend._connection, "FROM session", kind)  # pyright: ignore
        entered, go_on = threading.Event(), threading.Event()

        def block(unit: object) -> None:
            entered.set()
            go_on.wait()

        told: list[object] = []

        def ask(session: str) -> None:
            try:
                told.append(governor.reserve(cents(1, session)).allowed)
            except StoreError as fault:
                told.append(fault)

        threads = [threading.Thread(target=governor.store.run, args=(block,))]
        threads += [threading.Thread(target=ask, args=(f"s{n}",)) for n in range(4)]
        threads[0].start()
        entered.wait()
        for thread in threads[1:]:
            thread.start()
        wait_until(lambda: governor.store._jobs.qsize() == 4)  # pyright: ignore[reportPrivateUsage]
        go_on.set()
        for thread in threads:
            thread.join()
        faults = [one for one in told if one is not True]
        assert [type(one) for one in faults] == [StoreUnavailable]
        assert "move" not in str(faults[0])
        assert governor.reserve(cents(1, "later")).allowed
    assert raw.findings(path, {"day": 1000 * CENT}) == []


def test_a_settlement_survives_a_read_that_fails(path: Path, policy: Policy) -> None:
    with governing(policy, path, wait_seconds=20) as governor:
        held = reserve(governor, 1)
        backend = governor.store.backend
        governor.store.run(lambda unit: None)
        backend._connection = Failing(backend._connection, "BEGIN", "SQLITE_IOERR")  # pyright: ignore
        assert governor.commit(held).reservation.state == "committed"
