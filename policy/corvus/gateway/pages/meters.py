"""A budget as a meter: how full, of what, and in which state.

Lengths are percent of the drawn line; above 100 it is full. Refuses to judge: the state is the
governor's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from corvus.answers.amounts import span_words
from corvus.model.budget import Match, Measure
from corvus.model.decision import BudgetState, BudgetStatus
from corvus.model.parts import PartCounts, PartStanding
from corvus.model.refusals import Refusals
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport

GLYPHS = {BudgetState.ALLOWED: "✓", BudgetState.WARNING: "!", BudgetState.EXCEEDED: "✕"}
BLOCKING = "blocking"
"""State of a budget that refuses calls at present, however full it is (DSH-4)."""
_FULL = Fraction(100)
_SEVERITIES = [*(state.word for state in sorted(BudgetState)), BLOCKING]


@dataclass(frozen=True, slots=True)
class Meter:
    """One budget to be drawn.

    Attributes:
        state: ``allowed``, ``warning``, ``exceeded``, or ``blocking``.
        glyph: One character for the state.
        percent: Spent and held, of the limit, not clamped.
        spent_length: Percent of the line for what was spent, 0..=100.
        held_length: Percent of the line for what is held, after the spent part.
        spent: As all amounts, in the unit of ``measure``.
        thresholds: Percents where the line has its marks.
        match: Which calls it counts: attribute and patterns.
        refusals: What it refused in its window; ``None`` while nothing.
        calls: ``None`` where no session or mission was named.
        per: Attributes that divide the budget.
        part: Which part all figures are of; empty without ``per``.
        parts: How many parts there are, of a budget with ``per``.
        window_seconds: Length of a window that opens with its first call; 0 without.
        only_warns: Whether the budget never refuses.
    """

    name: str
    period: str
    state: str
    glyph: str
    percent: Fraction
    measure: Measure
    spent: int
    held: int
    limit: int
    left: int | None
    spent_length: str
    held_length: str
    thresholds: tuple[int, ...]
    match: Match
    calls: int | None
    unpriced_calls: int
    resets_at: datetime | None
    config_key: str
    refusals: Refusals | None = None
    per: tuple[str, ...] = ()
    part: str = ""
    parts: PartCounts | None = None
    window_seconds: int = 0
    only_warns: bool = False

    @property
    def span(self) -> str:
        """Length of a window that opens with its first call: ``5 h``."""
        return span_words(self.window_seconds)

    @property
    def opens_with_a_call(self) -> bool:
        """Whether no window is open: the next call opens one."""
        return bool(self.window_seconds) and self.resets_at is None

    @property
    def severity(self) -> int:
        """How bad the state is: higher is worse."""
        return _SEVERITIES.index(self.state)

    @property
    def is_off(self) -> bool:
        """Whether the budget has no limit."""
        return not self.limit

    @property
    def needs_session(self) -> bool:
        """Whether it counts one session or mission, and none was named."""
        return self.calls is None


def meter_of(status: BudgetStatus, report: StatusReport) -> Meter:
    """Return a budget as a meter; one with ``per`` as its part that is nearest its limit."""
    name = status.budget.name
    meter = _meter(status, report.spends[name], report.refusals.get(name))
    return replace(meter, parts=report.parts.get(name))


def part_meter(standing: PartStanding) -> Meter:
    """Return a part of a budget as a meter."""
    return _meter(standing.status, standing.spend, standing.refusals)


def _meter(status: BudgetStatus, spend: Spend | None, refusals: Refusals | None) -> Meter:
    budget = status.budget
    spent = _share(status.spent, budget.limit)
    held = _share(status.held, budget.limit)
    is_blocking = refusals is not None and refusals.is_blocking
    spent_length = min(_FULL, spent)
    return Meter(
        name=budget.name,
        period=budget.period.value,
        state=BLOCKING if is_blocking else status.state.word,
        glyph=GLYPHS[BudgetState.EXCEEDED if is_blocking else status.state],
        percent=status.percent_used,
        measure=budget.measure,
        spent=status.spent,
        held=status.held,
        limit=budget.limit,
        left=status.headroom,
        spent_length=_length(spent_length),
        held_length=_length(min(_FULL - spent_length, held)),
        thresholds=budget.thresholds,
        match=budget.match,
        calls=spend.calls if spend else None,
        unpriced_calls=spend.unpriced_calls if spend else 0,
        resets_at=status.resets_at,
        config_key=budget.config_key,
        refusals=refusals,
        per=budget.per,
        part=status.part,
        window_seconds=budget.window_seconds,
        only_warns=budget.enforce == "warn",
    )


def _share(amount: int, limit: int) -> Fraction:
    return Fraction(amount * 100, limit) if limit else Fraction(0)


def _length(percent: Fraction) -> str:
    return f"{float(percent):.2f}"
