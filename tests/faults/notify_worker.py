"""A real gateway that kills itself at a named point of a delivery: ``notify_worker POINT …``.

The points are those between which something becomes durable. Nothing else is changed but how long a
target is held, so that a test need not wait a minute.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from typing import Any

from corvus.base.time import instant_at
from corvus.cli.main import main
from corvus.model.notify import Notice
from corvus.observability.notify import delivery, queue
from corvus.store import kinds
from corvus.store.api import Changes
from corvus.store.sqlite import SqliteBackend

POINTS = (
    "before notice",
    "after notice",
    "look",
    "before claim",
    "after claim",
    "sent",
    "before mark",
    "after mark",
)
"""A notice, a claim and a mark are durable with a commit; a look precedes a claim."""


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(point: str) -> None:
    """Arrange for the end of this process."""
    commit, send = SqliteBackend.commit, delivery.Courier._send  # pyright: ignore[reportPrivateUsage]

    def committing(self: SqliteBackend, changes: Changes) -> None:
        what = kept(changes)
        if point == f"before {what}":
            die()
        commit(self, changes)
        if point == f"after {what}":
            die()

    def sending(self: delivery.Courier, notice: Notice) -> Any:
        outcome = send(self, notice)
        return die() if point == "sent" else outcome

    SqliteBackend.commit = committing
    delivery.Courier._send = sending  # pyright: ignore[reportPrivateUsage]
    if point == "look":
        queue.claim = die


def kept(changes: Changes) -> str:
    """Return which step of a delivery a transaction has in it."""
    if kinds.NOTICE in changes.new:
        return "notice"
    for row in changes.changed_of(kinds.NOTIFY_TARGET).values():
        return "mark" if row.last_delivered_at == last_stamp(changes) else "claim"
    return ""


def last_stamp(changes: Changes) -> Any:
    assert changes.state is not None
    return instant_at(changes.state.last_us)


if __name__ == "__main__":
    queue.HELD_FOR = timedelta(seconds=0.5)
    if sys.argv[1] != "never":
        die_at(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
