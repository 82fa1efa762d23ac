"""A budget as a meter: how full, of what, and in which state.

Lengths are percent of the drawn line; above 100 it is full. Refuses to judge: the state is the
governor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from corvus.model.decision import BudgetState, BudgetStatus
from corvus.model.refusals import Refusals
from corvus.model.status_report import StatusReport

GLYPHS = {BudgetState.ALLOWED: "✓", BudgetState.WARNING: "!", BudgetState.EXCEEDED: "✕"}
BLOCKING = "blocking"
"""State of a budget that refuses calls at present, however full it is (DSH-4)."""
_FULL = Fraction(100)


@dataclass(frozen=True, slots=True)
class Meter:
    """One budget to be drawn.

    Attributes:
        state: ``allowed``, ``warning``, ``exceeded``, or ``blocking``.
        glyph: One character for the state.
        percent: Spent and held, of the limit, not clamped.
        spent_length: Percent of the line for what was spent, 0..=100.
        held_length: Percent of the line for what is held, after the spent part.
        warn_at_percent: Where the line has its mark.
        match: Which calls it counts: attribute and pattern.
        refusals: What it refused in its window; ``None`` while nothing.
        calls: ``None`` where no session or mission was named.
        needs_session: Whether it counts one session or mission, and none was named.
    """

    name: str
    period: str
    state: str
    glyph: str
    percent: Fraction
    spent_nano_usd: int
    held_nano_usd: int
    limit_nano_usd: int
    left_nano_usd: int | None
    spent_length: str
    held_length: str
    warn_at_percent: int
    match: tuple[tuple[str, str], ...]
    calls: int | None
    unpriced_calls: int
    resets_at: datetime | None
    config_key: str
    refusals: Refusals | None = None

    @property
    def is_off(self) -> bool:
        """Whether the budget has no limit."""
        return not self.limit_nano_usd

    @property
    def needs_session(self) -> bool:
        """Whether it counts one session or mission, and none was named."""
        return self.calls is None


def meter_of(status: BudgetStatus, report: StatusReport) -> Meter:
    """Return a budget as a meter."""
    budget = status.budget
    spend = report.spends[budget.name]
    spent = _share(status.spent_nano_usd, budget.limit_nano_usd)
    held = _share(status.held_nano_usd, budget.limit_nano_usd)
    is_blocking = report.is_blocking(budget.name)
    spent_length = min(_FULL, spent)
    return Meter(
        name=budget.name,
        period=budget.period.value,
        state=BLOCKING if is_blocking else status.state.word,
        glyph=GLYPHS[BudgetState.EXCEEDED if is_blocking else status.state],
        percent=status.percent_used,
        spent_nano_usd=status.spent_nano_usd,
        held_nano_usd=status.held_nano_usd,
        limit_nano_usd=budget.limit_nano_usd,
        left_nano_usd=status.headroom_nano_usd,
        spent_length=_length(spent_length),
        held_length=_length(min(_FULL - spent_length, held)),
        warn_at_percent=budget.warn_at_percent,
        match=tuple(dict(budget.match).items()),
        calls=spend.calls if spend else None,
        unpriced_calls=spend.unpriced_calls if spend else 0,
        resets_at=status.resets_at,
        config_key=budget.config_key,
        refusals=report.refusals.get(budget.name),
    )


def _share(part_nano_usd: int, limit_nano_usd: int) -> Fraction:
    return Fraction(part_nano_usd * 100, limit_nano_usd) if limit_nano_usd else Fraction(0)


def _length(percent: Fraction) -> str:
    return f"{float(percent):.2f}"
