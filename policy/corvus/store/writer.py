"""The thread that alone writes to a store in this process.

It forms a batch of all steps that wait when the store is held, and runs them in one transaction.
A step that spoils the transaction is set apart, and the others run again. What must not get lost
(RES-9) goes first, is tried again for as long as the process lives, and is spilled at its end.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, cast

from corvus.base.errors import PolicyError, SettlementPending, StoreError, StoreUnavailable
from corvus.base.time import Clock, microseconds
from corvus.model.pending import PendingSettlement
from corvus.store.api import Backend, Collided
from corvus.store.cache import Cache
from corvus.store.foresight import foresee
from corvus.store.kinds import APPROVAL, BALANCE
from corvus.store.line import Line
from corvus.store.looks import Foreseen
from corvus.store.spill import spill, spill_early
from corvus.store.tally import StoreTally
from corvus.store.unit import Unit, state_of
from corvus.store.witness import judge_clock, renew_witness

_BATCH_MAX = 256
"""Most steps in one transaction: the last of them waits for all."""
_COLLISIONS_MAX = 8
"""How often a transaction that met another is run again."""
_LONGEST_COLLISION_SECONDS = 0.05
_FETCHES_MAX = 3
"""How often rows are fetched together in a transaction; what is then missing, one by one."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 5.0
"""Between two tries to write what must not get lost."""

_log = logging.getLogger("corvus.store")

WhenLate: TypeAlias = Callable[[Any, BaseException | None], None]
"""Takes the answer, or the fault, of a step whose caller has left."""


class Job:
    """A step, and where its answer goes.

    Whoever takes ``claim`` first decides whether it runs: the writer, or a caller who withdraws it.
    A job with ``keep`` is never withdrawn; its caller may leave, and ``when_late`` gets the answer.

    Attributes:
        keep: Whether the step must not get lost: the settlement it stands for, where it is one.
        fault: Why the step had to wait so far.
        is_spilled: Whether its settlement is in the file of those that wait.
    """

    __slots__ = (
        "_heard",
        "alone",
        "claim",
        "done",
        "error",
        "fault",
        "is_finished",
        "is_spilled",
        "keep",
        "result",
        "step",
        "when_done",
        "when_late",
    )

    def __init__(
        self,
        step: Callable[[Unit], Any],
        *,
        alone: bool = False,
        keep: bool | PendingSettlement = False,
        when_late: WhenLate | None = None,
    ) -> None:
        self.step = step
        self.alone = alone
        self.keep = keep
        self.when_late = when_late
        self.claim = threading.Lock()
        self.done = threading.Lock()
        self.done.acquire()
        self._heard = threading.Lock()
        self.result: Any = None
        self.error: BaseException | None = None
        self.fault: BaseException | None = None
        self.when_done: Callable[[], None] | None = None
        self.is_finished = self.is_spilled = False

    @property
    def settlement(self) -> PendingSettlement | None:
        """The settlement that the step stands for, if it is one."""
        return self.keep if isinstance(self.keep, PendingSettlement) else None

    @property
    def kept_first(self) -> bool:
        """Sorts what must not get lost to the front, so that limits see what was spent."""
        return not self.keep

    def give_up(self) -> bool:
        """Stop waiting, if the answer is not about to come; a step to be kept still runs."""
        return (self._heard if self.keep else self.claim).acquire(blocking=False)

    def leave(self) -> None:
        """Have the answer go to ``when_late``: nobody waits for it."""
        self._heard.acquire(blocking=False)

    def finish(self) -> None:
        """Give the answer to the caller, or to ``when_late`` if the caller has left."""
        self.is_finished = True
        if self._heard.acquire(blocking=False):
            self.done.release()
            if self.when_done is not None:
                self.when_done()
        else:
            self.tell_late()

    def tell_late(self) -> None:
        """Give the answer to whoever hears it in place of the caller, on a thread of its own.

        The hearer may use the store, which the writer's own thread must not wait for.
        """
        if self.when_late is None:
            return
        arguments = (self.result, self.error)
        threading.Thread(
            target=self.when_late, args=arguments, name="corvus-late", daemon=True
        ).start()


def claimed(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs that nobody has withdrawn; from here on their callers wait to the end."""
    return [job for job in jobs if job.claim.acquire(blocking=False)]


class Writer:
    """Runs steps over a backend, from the moment it is made.

    Args:
        backend: Where the state lies; closed at the end.
        clock: What stamps it.
        line: Who is woken by what was committed.
        trust_clock: Whether to follow a clock that stepped by days.

    Attributes:
        jobs: Takes the steps; ``None`` ends the thread when all before it are done.
        tally: How its transactions went.
    """

    def __init__(
        self, backend: Backend, clock: Clock, line: Line | None = None, *, trust_clock: bool = False
    ) -> None:
        self._backend = backend
        self._line = line or Line()
        self._clock = clock
        self._trust_clock = trust_clock
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._backlog: list[Job] = []
        self._running: list[Job] = []
        self._kept: dict[int, Job] = {}
        self._pause_seconds = 0.0
        self._is_ending = False
        self._cache = Cache()
        self._store_us: int | None = None
        self.tally = StoreTally()
        self._thread = threading.Thread(target=self._write, name="corvus-store", daemon=True)
        self._thread.start()

    def hand_over(self, job: Job) -> None:
        """Have a step run; one that comes too late is refused, or spilled."""
        if job.keep:
            self._kept[id(job)] = job
        self.jobs.put(job)
        if not self._thread.is_alive():
            self._spill_kept()
            self._fail(claimed([job]), self.over())

    def end(self, timeout_seconds: float) -> None:
        """Finish what was handed over, and spill the settlements that cannot be written in time."""
        self.jobs.put(None)
        self._thread.join(timeout_seconds)
        self._spill_kept()

    def over(self) -> StoreUnavailable:
        """Return the refusal of those who come after the end."""
        return StoreUnavailable(f"the store {self._backend.name} is closed; open it again")

    def pending(self, job: Job) -> SettlementPending:
        """Return the answer for the caller of a kept step who waits no longer."""
        why = f" ({job.fault})" if job.fault is not None else ""
        what = "the settlement" if job.settlement is not None else "the change"
        return SettlementPending(
            f"the store {self._backend.name} cannot be written now{why}; {what} is kept and will "
            "be written as soon as it can be: do not repeat it"
        )

    def spill(self, settlements: list[PendingSettlement]) -> bool:
        """Write settlements next to the store; return whether they are on disk."""
        path = self._backend.unsettled_path
        ids = ", ".join(settlement.reservation_id for settlement in settlements)
        if path is None:
            _log.error("the store is gone; not settled: reservations %s", ids)
            return False
        try:
            file = spill(path, settlements)
        except OSError as fault:
            _log.error("%s cannot be written (%s); not settled: reservations %s", path, fault, ids)
            return False
        _log.warning("settlements are kept in %s until the store takes them: %s", file, ids)
        return True

    def _spill_early(self, jobs: Iterable[Job]) -> None:
        """Write settlements next to a store that is away, in case that the process is killed.

        They are tried again all the same; whoever takes the file in finds them settled by then.
        """
        path = self._backend.unsettled_path
        new = {job: job.settlement for job in jobs if not job.is_spilled}
        settlements = [settlement for settlement in new.values() if settlement is not None]
        if path is None or not settlements:
            return
        try:
            is_spilled = spill_early(path, settlements)
        except OSError as fault:
            _log.warning("%s cannot be written (%s); a kill would lose what it is for", path, fault)
            return
        for job in new:
            job.is_spilled = is_spilled

    def _write(self) -> None:
        """Run batches until the store is closed."""
        while self._has_work():
            try:
                self._run_batch()
            except BaseException as fault:  # none may be left waiting, whatever it was
                self._abandon()
                unfinished = self._running + claimed(self._backlog)
                self._running, self._backlog = [], []
                self._fail([job for job in unfinished if not job.is_finished], fault)
        self._backend.close()
        self._refuse_late_comers()

    def _has_work(self) -> bool:
        """Wait for a job, or for the next try of what is kept; return whether to go on."""
        is_waiting = not self._backlog or self._pause_seconds
        if is_waiting and not self._is_ending:
            with suppress(Empty):
                self._take(self.jobs.get(timeout=self._pause_seconds or None))
        self._take_all()
        if self._is_ending:
            return bool(self._backlog) and not self._pause_seconds
        return True

    def _take(self, job: Job | None) -> None:
        if job is None:
            self._is_ending = True
        else:
            self._backlog.append(job)

    def _take_all(self) -> None:
        with suppress(Empty):
            while True:
                self._take(self.jobs.get_nowait())

    def _next_batch(self) -> list[Job]:
        """Return the jobs of one transaction: what must not get lost first, then as they came."""
        self._backlog.sort(key=lambda job: job.kept_first)
        batch: list[Job] = []
        for job in self._backlog:
            if len(batch) == _BATCH_MAX or (job.alone and batch):
                break
            batch.append(job)
            if job.alone:
                break
        return batch

    def _refuse_late_comers(self) -> None:
        """Answer those who handed over a job while the store was being closed."""
        self._take_all()
        late = [job for job in self._backlog if not job.keep]
        self._backlog = []
        self._fail(claimed(late), self.over())

    def _run_batch(self) -> None:
        """Run jobs in one transaction; one that breaks it is set apart and the others run again.

        The batch is formed when the store is held, from all who wait by then.
        """
        try:
            jobs = self._running = self._begin()
        except BaseException as fault:
            self._take_all()
            refused, self._backlog = claimed(self._backlog), []
            self._fail(refused, fault)
            return
        self._pause_seconds = 0.0
        while jobs:
            broken = self._try(jobs)
            if broken is None:
                break
            jobs.remove(broken)
            self._fail([broken], cast("BaseException", broken.error))
            if jobs and (fault := self._begin_again(jobs)) is not None:
                self._fail(jobs, fault)
                return
        else:
            self._backend.roll_back()
        for job in jobs:
            self._finish(job)

    def _begin(self) -> list[Job]:
        """Start a transaction, and return the jobs of it."""
        ahead = self._next_batch() if self._backend.is_far else []
        self._start(ahead)
        self._take_all()
        batch = self._next_batch()
        if self._backend.is_far:
            batch = self._without_late(batch, ahead)
        taken = {id(job) for job in batch}
        self._backlog = [job for job in self._backlog if id(job) not in taken]
        return claimed(batch)

    def _begin_again(self, jobs: list[Job]) -> BaseException | None:
        try:
            self._start(jobs)
        except BaseException as fault:
            return fault
        return None

    def _start(self, jobs: list[Job]) -> None:
        """Start a transaction; of a far store, with the rows that jobs will look for."""
        foreseen = self._foresee(jobs)
        with self.tally.waiting():
            begun = self._backend.begin(foreseen)
        self._store_us = begun.now_us
        if foreseen is None:
            self._cache = Cache() if begun.others_wrote else self._cache
            return
        if begun.others_wrote or begun.others_wrote_rare:
            self._cache = self._cache.outlast(rare=begun.others_wrote_rare)
        if foreseen.is_blind or begun.others_wrote_rare:
            try:
                self._fetch(jobs)
            except BaseException:
                self._abandon()
                raise

    def _fetch(self, jobs: list[Job]) -> None:
        """Fetch together what jobs will look for, in a transaction of a far store."""
        self._cache.state = self._cache.state or state_of(self._backend)
        Unit(self._backend, self._cache, self._present_us()).budgets()
        for _ in range(_FETCHES_MAX):
            foreseen = self._foresee(jobs)
            if foreseen is None or not foreseen.unknown:
                return
            self._backend.fetch(foreseen.unknown)

    def _foresee(self, jobs: list[Job]) -> Foreseen | None:
        backend = self._backend
        if not backend.is_far:
            return None
        steps = [job.step for job in jobs if not job.alone]
        return foresee(
            steps, self._cache, self._present_us(), name=backend.name, fetched=backend.fetched
        )

    def _without_late(self, batch: list[Job], ahead: list[Job]) -> list[Job]:
        """Leave jobs that came after the rows were fetched to the next batch, if they want more."""
        known = {id(job) for job in ahead}
        late = [job for job in batch if id(job) not in known]
        if not late or len(late) == len(batch):
            return batch
        foreseen = self._foresee(late)
        if foreseen is None or not (foreseen.unknown or foreseen.is_blind):
            return batch
        return [job for job in batch if id(job) in known]

    def _present_us(self) -> int:
        present_us = self._backend.present_us()
        return microseconds(self._clock.now()) if present_us is None else present_us

    def _try(self, jobs: list[Job]) -> Job | None:
        """Run all jobs and commit; return the one that spoiled the transaction, if one did.

        All run again where the transaction met one of another host.
        """
        for collisions in count(1):
            try:
                return self._try_once(jobs)
            except Collided as fault:
                self._abandon()
                if collisions > _COLLISIONS_MAX:
                    return self._spoiled(jobs, fault)
                time.sleep(random.uniform(0, _LONGEST_COLLISION_SECONDS))
            if (fault := self._begin_again(jobs)) is not None:
                return self._spoiled(jobs, fault)
        return None

    def _try_once(self, jobs: list[Job]) -> Job | None:
        """Run all jobs and commit; return the one that spoiled the transaction, if one did.

        A fault of the store itself spoils it too, even where nothing was changed: what the others
        would read may come from a connection that is gone.
        """
        try:
            unit = Unit(self._backend, self._cache, self._clock_us())
        except BaseException as fault:
            return self._spoiled(jobs, fault)
        for job in jobs:
            before = unit.wrote
            job.error = None
            try:
                job.result = job.step(unit)
            except BaseException as fault:
                job.error = fault
                if unit.wrote != before or not _is_of_the_step(fault):
                    self._abandon()
                    return job
        try:
            self._commit(unit)
        except Collided:
            raise
        except BaseException as fault:
            return self._spoiled(jobs, fault)
        self._cache.trim(unit.changes)
        return None

    def _commit(self, unit: Unit) -> None:
        if unit.changes.state is None:
            self._backend.roll_back()
        else:
            renew_witness(self._backend, unit.changes.state)
            with self.tally.committing():
                self._backend.commit(unit.changes)
            self._line.ring(unit.changes.changed_of(BALANCE))
            self._line.ring(unit.changes.changed_of(APPROVAL))

    def _spoiled(self, jobs: list[Job], fault: BaseException) -> Job:
        """Fail all jobs but one with a fault that is nobody's own; the last goes to the caller."""
        self._abandon()
        last = jobs[-1]
        self._fail(jobs[:-1], fault)
        del jobs[:-1]
        last.error = fault
        return last

    def _abandon(self) -> None:
        self._cache = Cache()
        with suppress(Exception):  # what made the transaction fail is raised instead
            self._backend.roll_back()

    def _fail(self, jobs: list[Job], fault: BaseException) -> None:
        is_away = isinstance(fault, StoreUnavailable)
        if is_away and self._backend.is_far:
            self._spill_early(job for job in jobs if job.settlement is not None)
        for job in jobs:
            if job.keep and is_away:
                self._keep(job, fault)
                continue
            job.error = fault
            if job.settlement is not None and isinstance(fault, StoreError):
                job.fault = fault
                if job.is_spilled or self.spill([job.settlement]):
                    job.error = self.pending(job)
            self._finish(job)

    def _keep(self, job: Job, fault: StoreUnavailable) -> None:
        """Put a step off that must not get lost; it is tried again after a pause."""
        longer = max(2 * self._pause_seconds, _FIRST_PAUSE_SECONDS)
        self._pause_seconds = min(longer, _LONGEST_PAUSE_SECONDS)
        job.fault = fault
        self._backlog.append(job)
        job.claim.release()

    def _finish(self, job: Job) -> None:
        self._kept.pop(id(job), None)
        job.finish()

    def _spill_kept(self) -> None:
        """Spill the settlements that were not written; one under way is replayed by its key."""
        left = [job for job in [*self._kept.values()] if not job.is_finished]
        if not left:
            return
        mine = claimed(left)
        new = (job for job in left if not job.is_spilled)
        settlements = [job.settlement for job in new if job.settlement is not None]
        is_spilled = not settlements or self.spill(settlements)
        if lost := sum(job.settlement is None for job in mine):
            _log.error("%d changes of sessions or missions could not be written", lost)
        for job in mine:
            job.error = self.pending(job) if is_spilled and job.settlement else self.over()
            self._finish(job)

    def _clock_us(self) -> int:
        clock_us = microseconds(self._clock.now()) if self._store_us is None else self._store_us
        if self._cache.state is None:
            self._cache.state = state_of(self._backend)
        judge_clock(self._backend, self._cache.state, clock_us, is_trusted=self._trust_clock)
        return clock_us


def _is_of_the_step(fault: BaseException) -> bool:
    """Return whether a step raised it on purpose, about its own arguments: the store is well."""
    return isinstance(fault, PolicyError | ValueError) and not isinstance(fault, StoreError)
