"""The steps that callers hand over to the writer of a store, and how their answers come back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from corvus.model.pending import PendingSettlement

if TYPE_CHECKING:
    from corvus.store.unit import Unit

WhenLate: TypeAlias = Callable[[Any, BaseException | None], None]
"""Takes the answer, or the fault, of a step whose caller has left."""


class Job:
    """A step, and where its answer goes.

    Whoever takes ``claim`` first decides whether it runs: the writer, or a caller who withdraws it.
    A job with ``keep`` is never withdrawn; its caller may leave, and ``when_late`` gets the answer.

    Attributes:
        keep: Whether the step must not get lost: the settlement it stands for, where it is one.
        fault: Why the step had to wait so far.
    """

    __slots__ = (
        "_heard",
        "alone",
        "claim",
        "done",
        "error",
        "fault",
        "is_finished",
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
        self.is_finished = False

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
