"""The one writer of a process: it outlives every step, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from corvus.base.errors import StoreUnavailable
from corvus.model.policy import Policy
from corvus.store.api import Begun
from corvus.store.looks import Foreseen
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.faults import raw
from tests.faults.governed import CENT, ROOT, cents, config, governing, policy_of


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return policy_of(config(tmp_path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.store"


def answer(unit: Unit) -> int:
    return unit.state.next_seq


def raising(fault: BaseException) -> Callable[[Unit], int]:
    def step(unit: Unit) -> int:
        unit.touch()
        raise fault

    return step


@pytest.mark.parametrize("fault", [SystemExit(3), KeyboardInterrupt(), MemoryError(), OSError(5)])
def test_whatever_a_step_raises_goes_to_its_caller_and_not_to_others(
    path: Path, fault: BaseException
) -> None:
    store = Store(SqliteBackend(path), wait_seconds=5)
    with pytest.raises(type(fault)):
        store.run(raising(fault))
    assert store.run(answer) == 1
    store.close()


class Failing(MemoryBackend):
    """A backend whose named operations fail once."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.left = set(names)

    def _fail(self, name: str) -> None:
        if name in self.left:
            self.left.remove(name)
            raise RuntimeError(f"{name} failed")

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        self._fail("begin")
        return super().begin(foreseen)

    def roll_back(self) -> None:
        self._fail("roll_back")
        super().roll_back()


@pytest.mark.parametrize("names", [("begin",), ("roll_back",), ("begin", "roll_back")])
def test_a_backend_that_fails_is_told_and_asked_again(names: tuple[str, ...]) -> None:
    store = Store(Failing(*names), wait_seconds=5)
    for _ in names:
        with pytest.raises(RuntimeError, match="failed"):
            store.run(answer)
    assert store.run(answer) == 1
    store.close()


def test_neighbours_of_a_step_that_spoils_the_transaction_are_served(path: Path) -> None:
    store = Store(SqliteBackend(path), wait_seconds=30)
    entered, go_on = threading.Event(), threading.Event()

    def block(unit: Unit) -> None:
        entered.set()
        go_on.wait()

    def count(unit: Unit) -> None:
        unit.touch().audit_position += 1

    faults: list[BaseException] = []

    def ask(step: Callable[[Unit], object]) -> None:
        try:
            store.run(step)
        except BaseException as fault:
            faults.append(fault)

    steps = [block, *[count] * 5, raising(SystemExit(1)), *[count] * 5, raising(ValueError("v"))]
    threads = [threading.Thread(target=ask, args=(step,)) for step in steps]
    threads[0].start()
    entered.wait()
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(type(fault).__name__ for fault in faults) == ["SystemExit", "ValueError"]
    assert store.run(lambda unit: unit.state.audit_position) == 10
    store.close()


@pytest.mark.parametrize("keep", [False, True])
def test_a_closed_store_refuses_at_once(path: Path, keep: bool) -> None:
    """A settlement once waited there for all its time: here, for ever."""
    store = Store(SqliteBackend(path), wait_seconds=threading.TIMEOUT_MAX)
    store.close()
    with pytest.raises(StoreUnavailable, match=r"is closed; open it again"):
        store.run(answer, keep=keep)
    with pytest.raises(StoreUnavailable, match=r"is closed; open it again"):
        asyncio.run(store.run_async(answer, keep=keep))


def test_callers_that_come_while_the_store_is_closed_are_answered(path: Path) -> None:
    store = Store(SqliteBackend(path), wait_seconds=30)
    entered, go_on = threading.Event(), threading.Event()

    def block(unit: Unit) -> None:
        entered.set()
        go_on.wait()

    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append(str(store.run(answer)))
        except StoreUnavailable as refused:
            answers.append(str(refused))

    blocking = threading.Thread(target=store.run, args=(block,))
    blocking.start()
    entered.wait()
    asking = [threading.Thread(target=ask) for _ in range(8)]
    closing = threading.Thread(target=store.close)
    for thread in (*asking[:4], closing, *asking[4:]):
        thread.start()
    go_on.set()
    for thread in (*asking, closing, blocking):
        thread.join()
    assert len(answers) == 8
    assert all(each == "1" or "is closed" in each for each in answers)


def test_a_forked_child_is_refused_and_opens_a_store_of_its_own(path: Path, tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from corvus.base.errors import (StoreUnavailable)
from corvus.governor.governor import Governor
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.faults.governed import cents, policy_of
policy, path = policy_of(Path(sys.argv[1])), Path(sys.argv[2])
store = Store(SqliteBackend(path))
governor = Governor(policy, store)
held = governor.reserve(cents(600)).reservation
child = os.fork()
if child == 0:
    for attempt in (lambda: governor.reserve(cents(1)), lambda: governor.commit(held)):
        try:
            attempt()
        except StoreUnavailable as refused:
            print(refused, flush=True)
    own = Store(SqliteBackend(path))
    print(Governor(policy, own).reserve(cents(600)).allowed, flush=True)
    print(Governor(policy, own).reserve(cents(300)).allowed, flush=True)
    own.close()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print(governor.reserve(cents(200)).allowed, governor.reserve(cents(100)).allowed)
governor.commit(held)
store.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(config(tmp_path)), str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    refused = "a store cannot be used after a fork; open it in the child"
    assert done.stdout.splitlines() == [refused, refused, "False", "True", "False True"]
    assert raw.findings(path, {"day": 1000 * CENT}) == []
    assert sorted(raw.RawStore(path).states().values()) == ["committed", "held", "held"]


def test_work_that_is_queued_when_the_interpreter_ends_is_done(path: Path, tmp_path: Path) -> None:
    """Daemon threads wait for their answers as the program ends; the store is closed by nobody."""
    script = """
import sys, threading
from pathlib import Path
from corvus.governor.governor import Governor
from corvus.store.sqlite import SqliteBackend
from corvus.store.store import Store
from tests.faults.governed import cents, policy_of
store = Store(SqliteBackend(Path(sys.argv[2])))
governor = Governor(policy_of(Path(sys.argv[1])), store)
entered, go_on = threading.Event(), threading.Event()
def block(unit):
    entered.set()
    go_on.wait()
threading.Thread(target=store.run, args=(block,), daemon=True).start()
entered.wait()
for _ in range(20):
    threading.Thread(target=governor.reserve, args=(cents(1),), daemon=True).start()
while store._jobs.qsize() < 20:
    pass
go_on.set()
"""
    arguments = [sys.executable, "-c", script, str(config(tmp_path)), str(path)]
    subprocess.run(arguments, cwd=ROOT, check=True, timeout=60)
    assert len(raw.RawStore(path).reservations) == 20
    assert raw.findings(path, {"day": 1000 * CENT}) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_caller_thread_that_dies_leaves_a_hold_and_a_store_that_serves(
    path: Path, policy: Policy
) -> None:
    with governing(policy, path) as governor:

        def die() -> None:
            governor.reserve(cents(600))
            raise SystemExit

        dying = threading.Thread(target=die)
        dying.start()
        dying.join()
        assert not governor.reserve(cents(600)).allowed
        assert governor.reserve(cents(400)).allowed
