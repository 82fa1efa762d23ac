"""What a call has cost is never dropped, by a busy store or the end of a process (RES-9)."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.errors import SettlementPending, StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.governor.call import Call
from corvus.governor.governor import Governor
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.policy import Policy
from corvus.model.price import HourRates, Price, Tier
from corvus.model.reservation import Outcome, Reservation, Settlement, Source
from corvus.model.usage import TokenKind, Usage
from corvus.store.spill import line_of, pending_of, rejected_path, spill
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store
from tests.faults import raw
from tests.faults.governed import CENT, ROOT, cents, config, governing, policy_of, wait_until

SPENT = NanoUSD(150 * CENT)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return policy_of(config(tmp_path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.store"


@pytest.fixture
def file(path: Path) -> Path:
    return Path(f"{path}.unsettled.jsonl")


@contextmanager
def held_by_a_stranger(path: Path) -> Generator[None]:
    """Hold SQLite's lock, as a stopped process does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        yield


def reserve(governor: Governor, amount: int = 10) -> Reservation:
    reservation = governor.reserve(cents(amount)).reservation
    assert reservation is not None
    return reservation


def spent(governor: Governor) -> int:
    """Return what the first budget counts; -1 while the store is still busy."""
    try:
        return next(one for one in governor.status().decision.statuses).spent
    except StoreUnavailable:
        return -1


def test_a_settlement_outlasts_a_store_that_is_busy(path: Path, policy: Policy) -> None:
    heard: list[str] = []
    store = Store(SqliteBackend(path, busy_seconds=0.05), wait_seconds=0.3)
    governor = Governor(policy, store, listeners=[lambda event: heard.append(type(event).__name__)])
    held = reserve(governor)
    heard.clear()
    with held_by_a_stranger(path):
        with pytest.raises(SettlementPending, match="do not repeat it"):
            governor.commit(held, cost_nano_usd=SPENT)
        with pytest.raises(StoreUnavailable) as refused:
            governor.reserve(cents(1))
        assert not isinstance(refused.value, SettlementPending)
    wait_until(lambda: governor.reservation(held.id).state == "committed")
    assert spent(governor) == SPENT
    wait_until(lambda: "CallSettled" in heard)
    store.close()
    assert raw.findings(path, {}) == []


def test_a_settlement_is_kept_for_an_event_loop_too(path: Path, policy: Policy) -> None:
    with governing(policy, path, wait_seconds=0.3) as governor:
        held = reserve(governor)
        with held_by_a_stranger(path), pytest.raises(SettlementPending):
            asyncio.run(governor.acommit(held, cost_nano_usd=SPENT, settlement_key="k"))
        wait_until(lambda: governor.reservation(held.id).state == "committed")
        assert governor.commit(held, cost_nano_usd=SPENT, settlement_key="k").replayed
        assert spent(governor) == SPENT


def test_a_cancelled_settlement_is_still_written_and_told(path: Path, policy: Policy) -> None:
    heard: list[str] = []
    store = Store(SqliteBackend(path, busy_seconds=0.05), wait_seconds=5)
    governor = Governor(policy, store, listeners=[lambda event: heard.append(type(event).__name__)])
    held = reserve(governor)

    async def work() -> None:
        task = asyncio.create_task(governor.acommit(held, cost_nano_usd=SPENT))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with held_by_a_stranger(path):
        asyncio.run(work())
    wait_until(lambda: "CallSettled" in heard)
    assert spent(governor) == SPENT
    store.close()


def test_what_was_spent_is_counted_before_the_next_call_is_admitted(
    path: Path, policy: Policy
) -> None:
    """The reservation came first, and waited; the settlement decides what it is told."""
    with governing(policy, path, wait_seconds=30) as governor:
        held = reserve(governor)
        entered, go_on = threading.Event(), threading.Event()

        def block(unit: object) -> None:
            entered.set()
            go_on.wait()

        answers: list[bool] = []
        blocking = threading.Thread(target=governor.store.run, args=(block,))
        blocking.start()
        entered.wait()
        asking = threading.Thread(
            target=lambda: answers.append(governor.reserve(cents(900)).allowed)
        )
        asking.start()
        wait_until(lambda: governor.store._jobs.qsize() == 1)  # pyright: ignore[reportPrivateUsage]
        settling = threading.Thread(
            target=lambda: governor.commit(held, cost_nano_usd=NanoUSD(200 * CENT))
        )
        settling.start()
        wait_until(lambda: governor.store._jobs.qsize() == 2)  # pyright: ignore[reportPrivateUsage]
        go_on.set()
        for thread in (blocking, asking, settling):
            thread.join()
        assert answers == [False]


def test_the_callers_own_error_is_not_masked(path: Path, policy: Policy) -> None:
    with governing(policy, path, wait_seconds=0.2) as governor:
        for fault in (KeyError("mine"), KeyboardInterrupt(), GeneratorExit(), SystemExit(3)):
            call = governor.call("m", session_id="s", estimate_usd=1)

            def fail(hold: Callable[[], object], call: Call, fault: BaseException) -> None:
                with call:
                    hold()
                    raise fault

            with (
                held_by_a_stranger_after(path) as hold,
                pytest.raises(type(fault)) as raised,
            ):
                fail(hold, call, fault)
            assert raised.value is fault
            assert "do not repeat it" in str(fault.__notes__)
            wait_until(lambda call=call: _state(governor, call.reservation) == "released")


@contextmanager
def held_by_a_stranger_after(path: Path) -> Generator[Callable[[], object]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        yield lambda: stranger.execute("BEGIN EXCLUSIVE")


def _state(governor: Governor, held: Reservation | None) -> str:
    assert held is not None
    return governor.reservation(held.id).state.value


def test_a_block_that_ends_well_is_only_warned_of_in_the_log(
    path: Path, policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(governor: Governor) -> None:
        async with governor.call("m", session_id="s", estimate_usd=1) as call:
            call.used(cost_nano_usd=SPENT)
            hold()

    with governing(policy, path, wait_seconds=1.0) as governor:
        with (
            held_by_a_stranger_after(path) as hold,
            caplog.at_level(logging.WARNING),
            governor.call("m", session_id="s", estimate_usd=1) as call,
        ):
            call.used(cost_nano_usd=SPENT)
            hold()
        assert "do not repeat it" in caplog.text
        wait_until(lambda: spent(governor) == SPENT)
        with held_by_a_stranger_after(path) as hold:
            asyncio.run(work(governor))
        wait_until(lambda: spent(governor) == 2 * SPENT)


PROCESS = """
import sys
from pathlib import Path
from corvus.base.errors import (SettlementPending)
from corvus.governor.call import Call
from corvus.governor.governor import Governor
from corvus.base.money import NanoUSD
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.faults.governed import cents, policy_of
store = Store(SqliteBackend(Path(sys.argv[2]), busy_seconds=0.05), wait_seconds=0.3)
governor = Governor(policy_of(Path(sys.argv[1])), store)
held = [governor.reserve(cents(10)).reservation for _ in range(3)]
print(*[one.id for one in held], flush=True)
sys.stdin.readline()
for one in held[:2]:
    try:
        governor.commit(one, cost_nano_usd=NanoUSD(1_500_000_000))
    except SettlementPending:
        print("pending", flush=True)
try:
    governor.release(held[2])
except SettlementPending:
    print("pending", flush=True)
"""


def test_the_end_of_a_process_leaves_its_settlements_to_the_next(
    path: Path, file: Path, tmp_path: Path, policy: Policy
) -> None:
    arguments = [sys.executable, "-c", PROCESS, str(config(tmp_path)), str(path)]
    with subprocess.Popen(
        arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ids = process.stdout.readline().split()
        with held_by_a_stranger(path):
            out, _ = process.communicate("go\n", timeout=60)
    assert process.returncode == 0
    assert out.split() == ["pending"] * 3
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().splitlines()) == 3
    with governing(policy, path) as governor:
        assert [_state(governor, governor.reservation(one)) for one in ids] == [
            "committed",
            "committed",
            "released",
        ]
        assert spent(governor) == 2 * SPENT
    assert not file.exists()
    assert raw.findings(path, {}) == []


def pending_commit(held: Reservation, key: str = "k") -> PendingSettlement:
    known = Settlement(Usage(output_tokens=5), SPENT, Source.PROVIDER)
    return PendingSettlement(PendingKind.COMMIT, held.id, key, known)


def test_a_file_taken_in_twice_counts_once(path: Path, file: Path, policy: Policy) -> None:
    """The process that took it in died before it could remove it."""
    with governing(policy, path) as governor:
        held = reserve(governor)
    spill(file, [pending_commit(held)])
    content = file.read_bytes()
    for _ in range(3):
        file.write_bytes(content)
        with governing(policy, path) as governor:
            assert spent(governor) == SPENT
        assert not file.exists()
    assert raw.findings(path, {}) == []


@pytest.mark.parametrize("what", ["pipe", "link"])
def test_what_somebody_put_in_the_place_of_the_file_is_neither_read_nor_written(
    path: Path, file: Path, tmp_path: Path, policy: Policy, what: str
) -> None:
    """A pipe would be waited for, and a link would lead to any file of this user."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    with governing(policy, path) as governor:
        held = reserve(governor)
    if what == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(victim)
    kept = spill(file, [pending_commit(held)])
    assert kept != file
    with governing(policy, path) as governor:
        assert spent(governor) == SPENT
    assert (victim.read_bytes(), kept.exists()) == (b"theirs", False)


def test_many_processes_take_a_file_in_once(path: Path, file: Path, policy: Policy) -> None:
    with governing(policy, path) as governor:
        held = [reserve(governor) for _ in range(5)]
    spill(file, [pending_commit(one, one.id) for one in held])
    seen: list[int] = []

    def open_() -> None:
        with governing(policy, path, wait_seconds=30) as governor:
            seen.append(spent(governor))

    threads = [threading.Thread(target=open_) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    with governing(policy, path) as governor:
        assert spent(governor) == 5 * SPENT


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        '{"version":1}',
        '{"version":2,"kind":"release","reservation":"r","key":"k"}',
        '{"version":1,"kind":"commit","reservation":"r","key":"k"}',
        '{"version":1,"kind":"release","reservation":"nobody","key":"k"}',
        '{"version":1,"kind":"commit","reservation":"r","key":"k","settlement":{"usage":{}',
        "[" * 100_000,
        "null",
    ],
)
def test_a_line_that_cannot_be_applied_is_kept_aside_and_told(
    path: Path, file: Path, policy: Policy, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with governing(policy, path) as governor:
        held = reserve(governor)
    spill(file, [pending_commit(held)])
    with file.open("a") as opened:
        opened.write(line)  # a full disk cut it short
    spill(file, [pending_commit(held, "another")])
    with governing(policy, path) as governor:
        assert spent(governor) == SPENT
    aside = rejected_path(file)
    assert line in aside.read_text().splitlines()
    assert aside.stat().st_mode & 0o777 == 0o600
    assert "kept in" in caplog.text
    with governing(policy, path) as governor:
        assert spent(governor) == SPENT
    assert aside.exists()


def test_a_settlement_after_the_store_was_closed_is_spilled(
    path: Path, file: Path, policy: Policy
) -> None:
    with governing(policy, path) as governor:
        held = reserve(governor)
    with pytest.raises(SettlementPending):
        governor.commit(held, cost_nano_usd=SPENT)
    assert file.exists()
    with governing(policy, path) as governor:
        assert spent(governor) == SPENT


def test_a_spill_that_cannot_be_written_is_told(
    path: Path,
    policy: Policy,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, flags: int) -> int:
        raise OSError(errno.ENOSPC, "no space left", path, None, flags)

    with governing(policy, path) as governor:
        held = reserve(governor)
    monkeypatch.setattr("corvus.store.spill.open_own", full)
    with pytest.raises(StoreUnavailable, match="is closed"):
        governor.commit(held, cost_nano_usd=SPENT)
    assert held.id in caplog.text
    store = Store(MemoryBackend())
    store.close()
    with pytest.raises(StoreUnavailable, match="is closed"):
        store.run(lambda unit: None, keep=pending_commit(held))


WORDS = st.none() | st.text(max_size=10)
COUNTS = st.integers(0, 2**62)
RATES = st.dictionaries(st.sampled_from(TokenKind), COUNTS)
TIERS = st.lists(st.builds(Tier, COUNTS, RATES), max_size=2).map(tuple)
HOURS = st.builds(HourRates, st.frozensets(st.integers(0, 6)), COUNTS, COUNTS, RATES, TIERS)
PRICES = st.builds(
    Price,
    st.text(max_size=5),
    st.text(max_size=5),
    st.sampled_from(["user", "bundled"]),
    st.text(max_size=5),
    RATES,
    TIERS,
    st.none() | st.dates(date(1970, 1, 1)),
    WORDS,
    st.lists(HOURS, max_size=2).map(tuple),
)
SETTLEMENTS = st.builds(
    Settlement,
    st.builds(Usage, *[COUNTS] * len(Usage.__dataclass_fields__)),
    st.none() | COUNTS.map(NanoUSD),
    st.sampled_from(Source),
    st.sampled_from(Outcome),
    WORDS,
    st.none() | PRICES,
    WORDS,
    WORDS,
    st.none() | st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.none() | COUNTS.map(NanoUSD),
    st.booleans(),
)


@given(SETTLEMENTS, st.text(), st.text())
def test_a_settlement_comes_back_from_its_line_as_it_was(
    known: Settlement, reservation_id: str, key: str
) -> None:
    pending = PendingSettlement(PendingKind.COMMIT, reservation_id, key, known)
    line = line_of(pending)
    assert "\n" not in line
    assert pending_of(line) == pending
    assert set(Settlement.__dataclass_fields__) == {
        "usage",
        "cost_nano_usd",
        "source",
        "outcome",
        "answering_model",
        "price",
        "service_tier",
        "provider_request_id",
        "first_token_at",
        "computed_cost_nano_usd",
        "is_at_least",
    }, "a new field must come back, too"
    assert json.loads(line)["version"] == 1


def test_a_killed_process_leaves_whole_lines_or_holds(
    path: Path, file: Path, tmp_path: Path, policy: Policy
) -> None:
    """Without its end, a process can say nothing: its hold stays, and is presumed (RES-6)."""
    arguments = [sys.executable, "-c", PROCESS, str(config(tmp_path)), str(path)]
    with subprocess.Popen(
        arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ids = process.stdout.readline().split()
        with held_by_a_stranger(path):
            process.stdin.write("go\n")
            process.stdin.flush()
            assert process.stdout.readline() == "pending\n"
            process.kill()
            process.wait()
    assert not file.exists()
    with governing(policy, path) as governor:
        assert {_state(governor, governor.reservation(one)) for one in ids} == {"held"}
    assert os.listdir(tmp_path).count(file.name) == 0


DYING = """
import os, signal, sys
from pathlib import Path
from corvus.store import spill
from corvus.store.spill import pending_of
from tests.faults.governed import governing, policy_of
module = sys.modules[sys.argv[1]]
real = getattr(module, sys.argv[2])
def dying(*given, **more):
    if sys.argv[3] == "after":
        real(*given, **more)
    os.kill(os.getpid(), signal.SIGKILL)
config, path, file, line = sys.argv[4:]
policy = policy_of(Path(config))
setattr(module, sys.argv[2], dying)
if line:
    spill.spill(Path(file), [pending_of(line)])
else:
    with governing(policy, Path(path)):
        pass
"""


def dies_at(step: tuple[str, str, str], *given: str) -> None:
    """Run a process that is killed at a step of spilling, or of taking in."""
    done = subprocess.run([sys.executable, "-c", DYING, *step, *given], cwd=ROOT, check=False)
    assert done.returncode == -9, "the step was never reached"


@pytest.mark.nightly
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "name", ["try_lock", "_is_file", "_write", "sync"], ids=lambda name: name.strip("_")
)
def test_a_kill_at_any_step_of_a_spill_leaves_it_whole_or_not_at_all(
    path: Path, file: Path, tmp_path: Path, policy: Policy, name: str, when: str
) -> None:
    with governing(policy, path) as governor:
        held = reserve(governor)
    step = ("corvus.store.spill", name, when)
    dies_at(step, str(config(tmp_path)), str(path), str(file), line_of(pending_commit(held)))
    is_written = name == "sync" or (name, when) == ("_write", "after")
    for _ in range(2):
        with governing(policy, path) as governor:
            assert spent(governor) == (SPENT if is_written else 0)
    assert not file.exists()
    with governing(policy, path) as governor:
        governor.commit(held, cost_nano_usd=SPENT, settlement_key="k")
        assert spent(governor) == SPENT
    assert raw.findings(path, {}) == []


@pytest.mark.nightly
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("corvus.store.spill", "_is_file"),
        ("corvus.governor.settlement", "apply"),
        ("corvus.governor.upkeep", "_settle"),
        ("corvus.store.spill", "sync"),
    ],
)
def test_a_kill_at_any_step_of_taking_in_counts_a_settlement_once(
    path: Path, file: Path, tmp_path: Path, policy: Policy, module: str, name: str, when: str
) -> None:
    with governing(policy, path) as governor:
        held = reserve(governor)
    spill(file, [pending_commit(held)])
    dies_at((module, name, when), str(config(tmp_path)), str(path), str(file), "")
    for _ in range(2):
        with governing(policy, path) as governor:
            assert spent(governor) == SPENT
    assert not file.exists()
    assert raw.findings(path, {}) == []
