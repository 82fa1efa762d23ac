"""The one writer of a process.

Callers hand over steps, and those that come together share a transaction and its fsync (group
commit). Steps run on a thread of their own, so that Ctrl-C in a caller never cuts a transaction in
two. A caller is answered when its step is durable, or has changed nothing. What must not get lost
is never withdrawn (RES-9): it goes first as soon as the store can be written, and what is left at
the end of the process is spilled next to the store. Whatever a step or the backend raises goes to a
caller, and never ends the thread. It cannot be used after a fork, and
nobody waits without end.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from corvus.base.errors import StoreUnavailable
from corvus.base.time import Clock, SystemClock
from corvus.model.pending import PendingSettlement
from corvus.store.api import Backend, Rows
from corvus.store.line import Line, Waker
from corvus.store.tally import StoreTally
from corvus.store.unit import Unit
from corvus.store.writer import Job as _Job
from corvus.store.writer import WhenLate, Writer

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

WAIT_SECONDS = 10.0
"""How long a caller waits for its turn before it is refused, or learns that it is kept."""


class Store:
    """A store: a backend, and the thread that alone writes to it in this process.

    Args:
        backend: Where the state lies.
        clock: What stamps it; the machine's by default.
        wait_seconds: How long a caller waits for its turn, > 0.
        trust_clock: Whether to follow a clock that stepped by days: the stamps were wrong.

    Attributes:
        line: Who waits in this process for something in the store.
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
        self._process = os.getpid()
        self._closed = False
        self.line = Line()
        self._wakers: dict[asyncio.AbstractEventLoop, Waker] = {}
        self._writer = Writer(backend, self.clock, self.line, trust_clock=trust_clock)
        self._jobs = self._writer.jobs
        atexit.register(self.close)

    @property
    def backend(self) -> Backend:
        """Where the state lies."""
        return self._backend

    @property
    def tally(self) -> StoreTally:
        """How the transactions of this process went."""
        return self._writer.tally

    def run(
        self,
        step: Callable[[Unit], T],
        *,
        undo: Callable[[T], object] | None = None,
        keep: bool | PendingSettlement = False,
        when_late: WhenLate | None = None,
        alone: bool = False,
    ) -> T:
        """Run a step in a transaction, and return its answer once that is durable.

        Args:
            step: Reads and changes the unit. It may run again if a neighbour in its transaction
                failed, so it changes nothing else. What it raises goes to the caller, with nothing
                changed.
            undo: Called with the answer when the caller was interrupted (Ctrl-C) while the step
                succeeded, before the interruption goes on.
            keep: Whether the step must not get lost (RES-9): it is tried until it is written, also
                after its caller has left. The settlement that it stands for, where it is one,
                outlives the process too.
            when_late: Gets the answer of a kept step whose caller has left, on another thread.
            alone: Whether the step has a transaction of its own: it reads what is on disk, and
                what its neighbours change is not there yet.

        Raises:
            SettlementPending: A step to be kept could not be written yet; it will be.
            StoreUnavailable: It could not be done in time, or not be written; nothing was changed,
                as far as the disk can tell.
            StoreCorrupt: What is stored contradicts itself.
        """
        job = _Job(step, alone=alone, keep=keep, when_late=when_late)
        self._refuse_unusable(job)
        try:
            self._writer.hand_over(job)
            finished = job.done.acquire(timeout=self._wait_seconds) or _outlasted(job)
        except BaseException:
            self._interrupted(job, undo)
            raise
        if not finished:
            raise self._late(job)
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    def look(self, read: Callable[[Rows], T]) -> T:
        """Read rows as they were written last, without keeping the writer from its work.

        A store in memory reads them in a transaction.

        Args:
            read: Reads; changes nothing.

        Raises:
            StoreUnavailable: The store cannot be read.
            StoreCorrupt: What is stored contradicts itself.
        """
        looking = self._backend.looking()
        if looking is None:
            return self.run(lambda unit: read(unit.rows), alone=True)
        with looking as rows:
            rows.hold_still()
            return read(rows)

    async def run_async(
        self,
        step: Callable[[Unit], T],
        *,
        undo: Callable[[T], object] | None = None,
        keep: bool | PendingSettlement = False,
        when_late: WhenLate | None = None,
    ) -> T:
        """Do what ``run`` does, without keeping the event loop waiting.

        A cancelled caller is answered at once; ``undo`` then runs as soon as the outcome is known,
        and with ``keep`` the step is done all the same.
        """
        import asyncio  # a quarter of the time to import the governor, for those who do without

        job = _Job(step, keep=keep, when_late=when_late)
        self._refuse_unusable(job)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[bool] = loop.create_future()

        def outlast() -> None:
            # one that is being written has its end near, which must be known
            nonlocal has_given_up
            if not ended.done() and job.give_up():
                has_given_up = True
                ended.set_result(False)

        has_given_up = False
        job.when_done = partial(self._waker(loop).wake, ended)
        timer = loop.call_later(self._wait_seconds, outlast)
        try:
            self._writer.hand_over(job)
            if not await ended:
                raise self._late(job)
        except asyncio.CancelledError:
            if not has_given_up:
                self._cancelled(job, undo)
            raise
        finally:
            timer.cancel()
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    def _waker(self, loop: asyncio.AbstractEventLoop) -> Waker:
        """Return what wakes those who wait in an event loop."""
        waker = self._wakers.get(loop)
        if waker is None:
            self._wakers = {each: w for each, w in self._wakers.items() if not each.is_closed()}
            waker = self._wakers[loop] = Waker(loop)
        return waker

    def post(self, step: Callable[[Unit], object], hear: WhenLate | None = None) -> None:
        """Hand a step over whose end nobody waits for; one that comes too late is not done.

        Args:
            step: Reads and changes the unit.
            hear: Gets the answer, on another thread.
        """
        if self._closed or os.getpid() != self._process:
            return
        job = _Job(step, when_late=hear)
        job.leave()
        self._writer.hand_over(job)

    def close(self) -> None:
        """Finish what was handed over, and let go of the backend. May be called again.

        Settlements that cannot be written within the time that a caller waits are spilled.
        """
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        self._writer.end(self._wait_seconds)
        atexit.unregister(self.close)

    def _refuse_unusable(self, job: _Job) -> None:
        if os.getpid() != self._process:
            raise StoreUnavailable("a store cannot be used after a fork; open it in the child")
        if not self._closed:
            return
        if job.settlement is not None and self._writer.spill([job.settlement]):
            raise self._late(job)
        raise self._writer.over()

    def _interrupted(self, job: _Job, undo: Callable[[Any], object] | None) -> None:
        if not job.keep and job.give_up():
            return  # it will never run
        # NOTE: the interruption may come when `done` was just acquired, and it opens once only.
        finished = job.is_finished or job.done.acquire(timeout=self._wait_seconds)
        if not finished and job.keep and not job.give_up():
            finished = True  # it was answered meanwhile
        if finished and undo is not None and job.error is None:
            undo(job.result)

    def _cancelled(self, job: _Job, undo: Callable[[Any], object] | None) -> None:
        if job.keep:
            if not job.give_up():
                job.tell_late()  # it was finished while the cancellation was on its way
            return
        if job.give_up() or undo is None:
            return

        def wait_and_undo() -> None:
            job.done.acquire()
            if job.error is None:
                undo(job.result)

        threading.Thread(target=wait_and_undo, name="corvus-undo", daemon=True).start()

    def _late(self, job: _Job) -> StoreUnavailable:
        if job.keep:
            return self._writer.pending(job)
        return StoreUnavailable(
            f"the store {self._backend.name} did not answer, or was in use by others for all of "
            f"{self._wait_seconds:.3g} s; nothing was admitted or changed"
        )


def _outlasted(job: _Job) -> bool:
    """Stop waiting; if the step is being written, its end is near and must be known instead."""
    return not job.give_up() and job.done.acquire()
