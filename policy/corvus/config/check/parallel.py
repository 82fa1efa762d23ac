"""A pool of processes for many items, where that is worth it.

Processes are forked, so that what was loaded is not loaded again; elsewhere than on Linux, next to
threads and for few items all is done here. It knows nothing of the items.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from typing import BinaryIO

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

PER_WORKER: Final = 100
"""Fewest items for which a process is started; a check takes a third of a millisecond."""
_MOST: Final = 8


def each(items: Sequence[_Item], do: Callable[[_Item], _Result]) -> list[_Result]:
    """Return the results in the order of the items.

    Args:
        items: What to work on.
        do: Called once for each; again here if a process ends before its time. Its results must be
            picklable.
    """
    workers = _workers(len(items))
    if workers < 2:
        return [do(item) for item in items]
    first = do(items[0])  # loads what all of them need, before the fork
    rest = items[1:]
    size = -(-len(rest) // workers)
    own, *others = (rest[at : at + size] for at in range(0, len(rest), size))
    started = [_Worker(part, do) for part in others]
    try:
        results = [first, *(do(item) for item in own)]
        for worker in started:
            results += worker.results()
    finally:
        for worker in started:
            worker.stop()
    return results


def _workers(items: int) -> int:
    threads = sys.modules.get("threading")
    if sys.platform != "linux" or (threads and threads.active_count() > 1):
        return 1  # macOS can fork, but its libraries may not survive it
    return min(len(os.sched_getaffinity(0)), _MOST, items // PER_WORKER)


class _Worker(Generic[_Item, _Result]):
    """A process that works on a part and sends its results when it is done."""

    def __init__(self, part: Sequence[_Item], do: Callable[[_Item], _Result]) -> None:
        self._part, self._do = part, do
        reader, writer = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(reader)
            self._work(os.fdopen(writer, "wb"))
        os.close(writer)
        self._answer = os.fdopen(reader, "rb")

    def results(self) -> list[_Result]:
        """Return the results; those of a process that was killed are made here."""
        import pickle

        with self._answer:
            answer = self._answer.read()
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        results: list[_Result]
        results = pickle.loads(answer) if status == 0 else [self._do(item) for item in self._part]
        return results

    def stop(self) -> None:
        """End the process if it still runs."""
        if self._pid:
            self._answer.close()
            with suppress(ProcessLookupError):
                os.kill(self._pid, 9)
            os.waitpid(self._pid, 0)

    def _work(self, answer: BinaryIO) -> None:
        status = 1
        try:
            import pickle

            with answer:
                pickle.dump([self._do(item) for item in self._part], answer)
            status = 0
        finally:
            os._exit(status)  # neither buffers nor handlers of the parent are ours to end
