"""A context that serves ``with`` and ``async with`` alike."""

from __future__ import annotations

from contextlib import AbstractContextManager
from threading import Lock
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Opening(Generic[T]):
    """What is opened and closed by a context; where there is an event loop, aside from it.

    Args:
        context: Does the work. It may be entered on one thread and left on another, and once.
    """

    def __init__(self, context: AbstractContextManager[T]) -> None:
        self._context = context
        self._entry = Lock()

    def __enter__(self) -> T:
        self._enter_once()
        return self._context.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._context.__exit__(kind, error, trace)

    async def __aenter__(self) -> T:
        from asyncio import CancelledError, ensure_future, shield, to_thread

        self._enter_once()
        opening = ensure_future(to_thread(self._context.__enter__))
        try:
            return await shield(opening)
        except CancelledError:
            opening.add_done_callback(lambda done: self._left(done.exception()))
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        from asyncio import to_thread

        return await to_thread(self._context.__exit__, kind, error, trace)

    def _enter_once(self) -> None:
        if not self._entry.acquire(blocking=False):
            raise RuntimeError("this was opened before: call what made it again, for each `with`")

    def _left(self, fault: BaseException | None) -> None:
        """Close what was opened for somebody who did not wait for it."""
        if fault is None:
            self._context.__exit__(None, None, None)
