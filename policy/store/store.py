"""The one writer of a process.

Callers hand over steps, and those that come together share a transaction and its fsync (group
commit). Steps run on a thread of their own, so that Ctrl-C in a caller never cuts a transaction in
two. A caller is answered when its step is durable, or has changed nothing. Whatever a step or the
backend raises goes to a caller, and never ends the thread. Refuses to be used after a fork, and to
make anybody wait for ever.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from policy.clock import Clock, SystemClock, instant_at, microseconds
from policy.errors import PolicyError, StoreUnavailable
from policy.store.api import Backend
from policy.store.unit import Known, Unit

T = TypeVar("T")

WAIT_SECONDS = 10.0
"""How long a caller waits for its turn before it is refused."""

_BATCH_MAX = 256
"""Most steps in one transaction: the last of them waits for all."""
_BACKWARDS_US = 24 * 3600 * 1_000_000
"""How far the clock may step back: so long, time stands still. Beyond it, nobody can tell which of
the two times was wrong."""


class _Job:
    """A step, and where its answer goes. Whoever takes ``claim`` first decides whether it runs."""

    __slots__ = ("alone", "claim", "done", "error", "is_finished", "result", "step", "when_done")

    def __init__(self, step: Callable[[Unit], Any], *, alone: bool = False) -> None:
        self.step = step
        self.alone = alone
        self.claim = threading.Lock()
        self.done = threading.Lock()
        self.done.acquire()
        self.result: Any = None
        self.error: BaseException | None = None
        self.when_done: Callable[[], None] | None = None
        self.is_finished = False

    def finish(self) -> None:
        self.is_finished = True
        self.done.release()
        if self.when_done is not None:
            self.when_done()


class Store:
    """A store: a backend, and the thread that alone writes to it in this process.

    Args:
        backend: Where the state lies.
        clock: What stamps it; the machine's by default.
        wait_seconds: How long a caller waits for its turn, > 0.
        trust_clock: Whether to follow a clock that stepped back by days: the stamps were wrong.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Clock | None = None,
        *,
        wait_seconds: float = WAIT_SECONDS,
        trust_clock: bool = False,
    ) -> None:
        self._backend = backend
        self.clock = clock or SystemClock()
        self._wait_seconds = wait_seconds
        self._trust_clock = trust_clock
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._known = Known()
        self._process = os.getpid()
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="corvus-store", daemon=True)
        self._writer.start()
        atexit.register(self.close)

    @property
    def backend(self) -> Backend:
        """Where the state lies."""
        return self._backend

    def run(
        self,
        step: Callable[[Unit], T],
        *,
        undo: Callable[[T], object] | None = None,
        keep: bool = False,
        alone: bool = False,
    ) -> T:
        """Run a step in a transaction, and return its answer once that is durable.

        Args:
            step: Reads and changes the unit. It may run again if a neighbour in its transaction
                failed, so it changes nothing else. What it raises goes to the caller, with nothing
                changed.
            undo: Called with the answer when the caller was interrupted (Ctrl-C) while the step
                succeeded, before the interruption goes on.
            keep: Whether an interrupted caller waits for the step before the interruption goes on,
                because what it says must not get lost.
            alone: Whether the step has a transaction of its own: it reads what is on disk, and
                what its neighbours change is not there yet.

        Raises:
            StoreUnavailable: It could not be done in time, or not be written; nothing was changed,
                as far as the disk can tell.
            StoreCorrupt: What is stored contradicts itself.
        """
        self._refuse_unusable()
        job = _Job(step, alone=alone)
        try:
            self._jobs.put(job)
            finished = job.done.acquire(timeout=self._wait_seconds) or _outlasted(job)
        except BaseException:
            self._interrupted(job, undo, keep=keep)
            raise
        if not finished:
            raise self._late()
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    async def run_async(
        self,
        step: Callable[[Unit], T],
        *,
        undo: Callable[[T], object] | None = None,
        keep: bool = False,
    ) -> T:
        """Do what ``run`` does, without keeping the event loop waiting.

        A cancelled caller is answered at once; ``undo`` then runs as soon as the outcome is known,
        and with ``keep`` the step is done all the same.
        """
        import asyncio  # a quarter of the time to import the governor, for those who do without

        self._refuse_unusable()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        job = _Job(step)

        def settle() -> None:
            if not ended.done():
                ended.set_result(None)

        def tell() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle)

        job.when_done = tell
        try:
            self._jobs.put(job)
            finished, _ = await asyncio.wait([ended], timeout=self._wait_seconds)
            if not finished and job.claim.acquire(blocking=False):
                raise self._late()
            await ended  # from the moment it is being written, its end is near and must be known
        except asyncio.CancelledError:
            self._cancelled(job, undo, keep=keep)
            raise
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    def close(self) -> None:
        """Finish what was handed over, and let go of the backend. May be called again."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        self._jobs.put(None)
        self._writer.join(self._wait_seconds)
        atexit.unregister(self.close)

    def _refuse_unusable(self) -> None:
        if os.getpid() != self._process:
            raise StoreUnavailable("a store cannot be used after a fork; open it in the child")
        if self._closed:
            raise self._over()

    def _interrupted(self, job: _Job, undo: Callable[[Any], object] | None, *, keep: bool) -> None:
        if not keep and job.claim.acquire(blocking=False):
            return  # it will never run
        finished = job.done.acquire(timeout=self._wait_seconds)
        if finished and undo is not None and job.error is None:
            undo(job.result)

    def _cancelled(self, job: _Job, undo: Callable[[Any], object] | None, *, keep: bool) -> None:
        if keep or job.claim.acquire(blocking=False) or undo is None:
            return

        def wait_and_undo() -> None:
            job.done.acquire()
            if job.error is None:
                undo(job.result)

        threading.Thread(target=wait_and_undo, name="corvus-undo", daemon=True).start()

    def _over(self) -> StoreUnavailable:
        return StoreUnavailable(f"the store {self._backend.name} is closed; open it anew")

    def _late(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"the store {self._backend.name} was in use by others for all of "
            f"{self._wait_seconds:.3g} s; nothing was admitted or changed"
        )

    def _write(self) -> None:
        """Run batches until the store is closed."""
        open_ = True
        while open_:
            jobs, open_ = self._take()
            try:
                for batch in _batches(jobs):
                    self._run_batch(batch)
            except BaseException as fault:  # none may be left waiting, whatever it was
                self._abandon()
                self._fail(_unfinished(jobs), fault)
        self._backend.close()
        self._refuse_late_comers()

    def _refuse_late_comers(self) -> None:
        """Answer those who handed over a job while the store was being closed."""
        with suppress(Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    self._fail(_claimed([job]), self._over())

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job, then take all that have come with it."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _BATCH_MAX:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs, True
        return jobs, False

    def _run_batch(self, jobs: list[_Job]) -> None:
        """Run jobs in one transaction; one that breaks it is set apart and the others run again."""
        if not jobs:
            return
        try:
            stale = self._backend.begin()
        except BaseException as fault:
            self._fail(_claimed(jobs), fault)
            return
        jobs = _claimed(jobs)
        if stale:
            self._known = Known()
        while jobs:
            broken = self._try(jobs)
            if broken is None:
                break
            jobs.remove(broken)
            self._fail([broken], cast("BaseException", broken.error))
            if jobs and (fault := self._begin_again()) is not None:
                self._fail(jobs, fault)
                return
        else:
            self._backend.roll_back()
        for job in jobs:
            job.finish()

    def _begin_again(self) -> BaseException | None:
        try:
            self._backend.begin()
        except BaseException as fault:
            return fault
        return None

    def _try(self, jobs: list[_Job]) -> _Job | None:
        """Run all jobs and commit; return the one that spoiled the transaction, if one did."""
        try:
            unit = Unit(self._backend, self._known, self._clock_us())
        except BaseException as fault:
            return self._spoiled(jobs, fault)
        for job in jobs:
            before = unit.wrote
            job.error = None
            try:
                job.result = job.step(unit)
            except BaseException as fault:
                job.error = fault
                if unit.wrote != before or not isinstance(fault, PolicyError | ValueError):
                    self._abandon()
                    return job
        try:
            self._commit(unit)
        except BaseException as fault:
            return self._spoiled(jobs, fault)
        self._known.trim(unit.changes)
        return None

    def _commit(self, unit: Unit) -> None:
        if unit.changes.state is None:
            self._backend.roll_back()
        else:
            self._backend.commit(unit.changes)

    def _spoiled(self, jobs: list[_Job], fault: BaseException) -> _Job:
        """Fail all jobs but one with a fault that is nobody's own; the last goes to the caller."""
        self._abandon()
        last = jobs[-1]
        self._fail(jobs[:-1], fault)
        del jobs[:-1]
        last.error = fault
        return last

    def _abandon(self) -> None:
        self._known = Known()
        with suppress(Exception):  # what made the transaction fail is told instead
            self._backend.roll_back()

    def _fail(self, jobs: list[_Job], fault: BaseException) -> None:
        for job in jobs:
            job.error = fault
            job.finish()

    def _clock_us(self) -> int:
        clock_us = microseconds(self.clock.now())
        if self._known.state is None:
            self._known.state = self._backend.state()
        state = self._known.state
        if clock_us < state.last_us - _BACKWARDS_US and self._trust_clock:
            state.last_us = clock_us
        elif clock_us < state.last_us - _BACKWARDS_US:
            raise StoreUnavailable(
                f"the clock says {instant_at(clock_us):%Y-%m-%d %H:%M} UTC, but the store "
                f"{self._backend.name} has stamped {instant_at(state.last_us):%Y-%m-%d %H:%M}; "
                "set the clock right, or run `corvus ledger verify --rebuild` if the stamp is wrong"
            )
        return clock_us


def _batches(jobs: list[_Job]) -> Iterator[list[_Job]]:
    """Yield the jobs in order, those together that may share a transaction."""
    batch: list[_Job] = []
    for job in jobs:
        if job.alone and batch:
            yield batch
            batch = []
        batch.append(job)
        if job.alone:
            yield batch
            batch = []
    if batch:
        yield batch


def _outlasted(job: _Job) -> bool:
    """Take a job back; if it is being written, its end is near and must be known instead."""
    return not job.claim.acquire(blocking=False) and job.done.acquire()


def _unfinished(jobs: list[_Job]) -> list[_Job]:
    """Return the jobs whose callers wait for an answer, and will not be told by another."""
    _claimed(jobs)
    return [job for job in jobs if not job.is_finished]


def _claimed(jobs: list[_Job]) -> list[_Job]:
    """Return the jobs whose callers still wait; from here on they do until the end."""
    return [job for job in jobs if job.claim.acquire(blocking=False)]
