"""An amount as people and programs read it, in the unit of the budget that counts it (CFG-10)."""

from __future__ import annotations

from corvus.base.money import usd_exact, usd_short
from corvus.model.budget import Budget, Measure, values_of


def amount_words(amount: int, measure: Measure) -> str:
    """Write an amount for a person: ``$1.50``, ``1,200 tokens``, ``1 call``."""
    if measure is Measure.USD:
        return f"${usd_short(amount)}"
    return f"{amount:,} {measure.value if amount != 1 else measure.value.removesuffix('s')}"


def amount_exact(amount: int, measure: Measure) -> str:
    """Write an amount for a program, exact: USD with at least 4 decimals, all else whole."""
    return usd_exact(amount) if measure is Measure.USD else str(amount)


def part_words(part: str) -> str:
    """Write for whom a part of a budget is, as a person reads it; empty without one."""
    return ", ".join(values_of(part)) if part else ""


def match_words(budget: Budget) -> str:
    """Return what a budget matches on: ``model:claude-*,project:search``; empty is every call."""
    return ",".join(f"{name}:{'|'.join(globs)}" for name, globs in budget.match)


def match_body(budget: Budget) -> dict[str, object]:
    """Return what a budget matches on as data: one glob as a text, several as a list."""
    return {name: globs[0] if len(globs) == 1 else [*globs] for name, globs in budget.match}
