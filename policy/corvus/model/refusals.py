"""What a budget has refused in its present window (DSH-4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Refusals:
    """The calls that one sum of a budget refused, and the last of them.

    Attributes:
        count: Calls refused since the window began or the sum was reset, > 0.
        last_at: When the last was refused, aware UTC.
        needed: What the last was expected to use, in the unit of the budget; ``None`` when its
            model has no price.
        left: What the budget had left for it, >= 0.
        model: Its model.
        is_blocking: Whether no call that the budget judges was admitted since; of a status, whether
            it refuses calls at present.
    """

    count: int
    last_at: datetime
    needed: int | None
    left: int
    model: str
    is_blocking: bool = True
