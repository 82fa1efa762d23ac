"""The cells of a table of budgets: how full, in which state, of what, until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from corvus.answers.amounts import amount_words, part_words
from corvus.base.money import usd
from corvus.base.period import Period
from corvus.cli.output import is_unicode, words
from corvus.model.budget import Budget, Measure
from corvus.model.decision import BudgetState, BudgetStatus

_GLYPHS = {BudgetState.ALLOWED: "●", BudgetState.WARNING: "▲", BudgetState.EXCEEDED: "■"}
_ASCII = {BudgetState.ALLOWED: "o", BudgetState.WARNING: "!", BudgetState.EXCEEDED: "X"}
_COLOURS = {
    BudgetState.ALLOWED: "green",
    BudgetState.WARNING: "yellow",
    BudgetState.EXCEEDED: "red",
}
_BLOCKING = "■", "X", "red"
"""Glyph, the same in ASCII, and colour of a budget that refuses calls at present."""
BAR_CELLS = (4, 20)
"""Fewest and most cells of a bar; with less room there is none."""
NONE = "-"
"""Stands where there is nothing to say."""


def name_cell(item: BudgetStatus) -> str:
    """Return the name of a budget; of one with ``per``, with the part that is shown."""
    return f"{item.budget.name} ({part_words(item.part)})" if item.part else item.budget.name


def style_of(item: BudgetStatus, *, is_blocking: bool) -> str:
    """Return the colour of a budget."""
    if is_blocking:
        return _BLOCKING[2]
    return _COLOURS[item.state] if item.budget.limit else "dim"


def state_cell(item: BudgetStatus, *, is_blocking: bool) -> str:
    """Return glyph and word of a state."""
    if is_blocking:
        return f"{_BLOCKING[0] if is_unicode() else _BLOCKING[1]} {words()('state.blocking')}"
    if not item.budget.limit:
        return f"  {words()('state.off')}"
    glyph = (_GLYPHS if is_unicode() else _ASCII)[item.state]
    return f"{glyph} {words()(f'state.{item.state.word}')}"


def percent_cell(item: BudgetStatus) -> str:
    """Return how full a budget is."""
    return f"{float(item.percent_used):,.1f} %" if item.budget.limit else NONE


def thresholds_cell(budget: Budget) -> str:
    """Return at which percents a budget warns."""
    if not budget.limit or not budget.thresholds:
        return NONE
    return f"{', '.join(map(str, budget.thresholds))} %"


def limit_cell(item: BudgetStatus) -> str:
    """Return the limit of a budget."""
    limit = item.budget.limit
    return amount(limit, item.budget.measure) if limit else NONE


def left_cell(item: BudgetStatus) -> str:
    """Return what a budget has left."""
    left = item.headroom
    return NONE if left is None else amount(left, item.budget.measure)


def held_cell(item: BudgetStatus) -> str:
    """Return what is held of a budget."""
    return amount(item.held, item.budget.measure)


def spent_cells(items: Sequence[BudgetStatus], known: Sequence[bool]) -> list[str]:
    """Write what was spent, in USD with as many decimals as the smallest amount needs.

    Args:
        items: The budgets.
        known: Whether the spend of each is known.
    """
    from corvus.reporting.formats import usd_places

    pairs = [*zip(items, known, strict=True)]
    places = usd_places(
        [item.spent for item, is_known in pairs if is_known and item.budget.measure is Measure.USD]
    )

    def written(item: BudgetStatus, *, is_known: bool) -> str:
        if not is_known:
            return NONE
        if item.budget.measure is Measure.USD:
            return f"${usd(item.spent):,.{places}f}"
        return amount(item.spent, item.budget.measure)

    return [written(item, is_known=is_known) for item, is_known in pairs]


def amount(value: int, measure: Measure) -> str:
    """Write an amount in the reader's language."""
    if measure is Measure.USD:
        return amount_words(value, measure)
    return words().count(f"unit.{measure}", value, number=f"{value:,}")


def period_cell(budget: Budget) -> str:
    """Return the period of a budget; of a window its length, and what opens it."""
    return words()(f"period.{budget.period}", span=span(timedelta(seconds=budget.window_seconds)))


def resets(item: BudgetStatus, now: datetime) -> str:
    """Return in how long a budget starts again; ``-`` where it never does."""
    if item.resets_at is not None:
        return words()("summary.until", span=span(item.resets_at - now))
    return words()("summary.opens") if item.budget.period is Period.WINDOW else NONE


def span(left: timedelta) -> str:
    """Write a span in the largest unit of which it holds two: ``10 days``, ``6 h``, ``59 min``."""
    minutes = -(-int(left.total_seconds()) // 60)
    if minutes >= 2 * 24 * 60:
        return words()("summary.days", number=minutes // (24 * 60))
    return f"{minutes // 60} h" if minutes >= 2 * 60 else f"{minutes} min"


def bar(item: BudgetStatus, cells: int) -> str:
    """Draw how full a budget is."""
    if not item.budget.limit:
        return ""
    filled = min(cells, round(item.percent_used * cells / 100))
    full, empty = "█░" if is_unicode() else "#."
    return full * filled + empty * (cells - filled)
