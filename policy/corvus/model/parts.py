"""The parts of a budget with ``per``: which are wanted, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from corvus.model.budget import Budget
from corvus.model.decision import BudgetStatus
from corvus.model.refusals import Refusals
from corvus.model.request import require_text
from corvus.model.spend import Spend

PARTS_MAX = 1000
"""Most parts that are shown at once."""
OFFSET_MAX = 10_000_000


class PartOrder(StrEnum):
    """By what parts are sorted."""

    USED = "used"
    """The largest percent of the limit first."""
    NAME = "name"
    LEFT = "left"
    """The least that is left first; those without a limit last."""
    REFUSED = "refused"
    """Those that refused a call last first; those that refused none last, by use."""


@dataclass(frozen=True, slots=True)
class PartsQuery:
    """Which parts of a budget are wanted.

    Attributes:
        budget: Name of a budget with ``per``.
        part: Only this one, as it is kept (``part_named``).
        search: Only those with this text in a value, without regard to the case of ASCII letters.
        order: By what they are sorted; equal ones by name.
        offset: How many are passed over, 0..=10,000,000.
        limit: How many at most, 1..=1000.
        session_id: Whose, where the budget counts sessions or missions.
        mission_id: Whose, where it counts missions.
        project: Of that session.
    """

    budget: str
    part: str = ""
    search: str = ""
    order: PartOrder = PartOrder.USED
    offset: int = 0
    limit: int = 50
    session_id: str | None = None
    mission_id: str | None = None
    project: str | None = None

    def __post_init__(self) -> None:
        require_text(self.part, self.search)
        if not 0 <= self.offset <= OFFSET_MAX:
            raise ValueError(f"offset must be 0..={OFFSET_MAX}, got {self.offset}")
        if not 1 <= self.limit <= PARTS_MAX:
            raise ValueError(f"limit must be 1..={PARTS_MAX}, got {self.limit}")


@dataclass(frozen=True, slots=True)
class PartStanding:
    """Where one part stands.

    Attributes:
        status: With the limit that counts for the part, and the key that sets it.
        window_start: Start of its window, aware UTC; ``None`` without one.
        refusals: What it refused; ``None`` while nothing.
    """

    status: BudgetStatus
    spend: Spend
    window_start: datetime | None = None
    refusals: Refusals | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether it refuses calls at present."""
        return self.refusals is not None and self.refusals.is_blocking


@dataclass(frozen=True, slots=True)
class PartCounts:
    """How many parts of a budget have a sum in their present window.

    Attributes:
        blocking: Those that refuse calls at present.
        refusals: Calls that they refused in these windows.
        last_refused: The part that refused a call last, as it is kept; empty while none did.
    """

    parts: int = 0
    blocking: int = 0
    refusals: int = 0
    last_refused: str = ""


@dataclass(frozen=True, slots=True)
class PartsPage:
    """Some parts of a budget, sorted.

    Attributes:
        now: The instant of which this is true, aware UTC.
        counts: Of all parts of the budget.
        found: How many of them the query meets.
    """

    now: datetime
    budget: Budget
    query: PartsQuery
    counts: PartCounts = PartCounts()
    found: int = 0
    rows: tuple[PartStanding, ...] = ()
