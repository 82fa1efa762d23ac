"""Says how far each target of notifications has got, next to any writer (OBS-4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from corvus.model.notify import NotifyTarget, TargetProgress
from corvus.store import kinds
from corvus.store.place import StorePlace

PENDING_MAX = 100_000
"""Most notices that are counted; a store keeps no more."""


@dataclass(frozen=True, slots=True)
class TargetStanding:
    """A target, and how far it has got.

    Attributes:
        progress: Zeros while nothing was kept for it.
        pending: Notices that are to be delivered.
    """

    target: NotifyTarget
    progress: TargetProgress
    pending: int = 0

    @property
    def state(self) -> str:
        """``ok``, ``pending`` or ``failing``."""
        if self.progress.failing_since is not None:
            return "failing"
        return "pending" if self.pending else "ok"


def standings(place: StorePlace, targets: Sequence[NotifyTarget]) -> list[TargetStanding]:
    """Return how far targets have got, in their order.

    Raises:
        StoreError: The store cannot be read.
    """
    fresh = [TargetStanding(target, TargetProgress(target.name)) for target in targets]
    if not targets or not place.exists:
        return fresh
    with place.looking() as look:
        look.hold_still()
        if not look.is_current:
            return fresh
        rows = {row.name: row for row in look.find(kinds.NOTIFY_TARGETS)}
        first = min((row.done_seq for row in rows.values()), default=0)
        waiting = look.find(kinds.NOTICE_HEADS, first, PENDING_MAX) if rows else []
    return [_standing(each.target, rows.get(each.target.name), waiting) for each in fresh]


def _standing(
    target: NotifyTarget,
    row: TargetProgress | None,
    waiting: Sequence[tuple[int, str, str | None]],
) -> TargetStanding:
    if row is None:
        return TargetStanding(target, TargetProgress(target.name))
    pending = sum(
        seq > row.done_seq and target.wants(topic, budget) for seq, topic, budget in waiting
    )
    return TargetStanding(target, row, pending)
