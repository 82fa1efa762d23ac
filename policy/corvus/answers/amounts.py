"""An amount as people and programs read it, in the unit of the budget that counts it (CFG-10)."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from corvus.answers.shape import (
    Member,
    Schema,
    member,
    money,
    nullable,
    optional,
    optional_money,
    words,
)
from corvus.base.money import usd_exact, usd_short
from corvus.model.budget import NONE, Budget, Measure, values_of

_UNIT = "Exact, in the unit of `measure`: USD, or a whole number of tokens or calls."


def amount_words(amount: int, measure: Measure) -> str:
    """Write an amount for a person: ``$1.50``, ``1,200 tokens``, ``1 call``."""
    if measure is Measure.USD:
        return f"${usd_short(amount)}"
    return f"{amount:,} {measure.value if amount != 1 else measure.value.removesuffix('s')}"


def amount_exact(amount: int, measure: Measure) -> str:
    """Write an amount for a program, exact: USD with at least 4 decimals, all else whole."""
    return usd_exact(amount) if measure is Measure.USD else str(amount)


def limit_words(budget: Budget) -> str:
    """Write the limit of a budget for a person: ``$5.00``, or ``off``."""
    return amount_words(budget.limit, budget.measure) if budget.limit else "off"


def part_words(part: str, none: str = NONE) -> str:
    """Write for whom a part of a budget is, as a person reads it; empty without one.

    Args:
        part: As the store names it.
        none: What stands for an attribute that calls do not have.
    """
    if not part:
        return ""
    kept = zip(part.split(","), values_of(part), strict=True)
    return ", ".join(none if each == NONE else shown for each, shown in kept)


def attributes_of(budget: Budget, part: str) -> dict[str, str | None]:
    """Return the values of a part by attribute; ``None`` where calls do not have it."""
    kept = zip(part.split(","), values_of(part), strict=True)
    values = [None if each == NONE else shown for each, shown in kept]
    return dict(zip(budget.per, values, strict=False))


def span_words(seconds: int) -> str:
    """Write a length of time in the largest unit that holds it whole: ``5 h``, ``7 d``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def match_words(budget: Budget) -> str:
    """Return what a budget matches on: ``model:claude-*,project:search``; empty is every call."""
    return ",".join(f"{name}:{'|'.join(globs)}" for name, globs in budget.match)


def match_body(budget: Budget) -> dict[str, object]:
    """Return what a budget matches on as data: one glob as a text, several as a list."""
    return {name: globs[0] if len(globs) == 1 else [*globs] for name, globs in budget.match}


def in_unit(
    name: str, description: str, path: str, measure: str, *, may_be_null: bool = False
) -> tuple[Member[Any], ...]:
    """Return the members of an amount: exact in its unit, and in USD where that is the unit.

    Args:
        name: Of the amount, without a unit.
        description: What it is.
        path: Path of the amount.
        measure: Path of the ``Measure`` whose unit it has.
        may_be_null: Whether it may be ``None``.
    """
    get_amount: Callable[[object], int | None] = attrgetter(path)
    get_measure: Callable[[object], Measure] = attrgetter(measure)
    exact: Schema = words(f"{description} {_UNIT}")

    def in_words(source: object) -> str | None:
        amount = get_amount(source)
        return None if amount is None else amount_exact(amount, get_measure(source))

    def is_money(source: object) -> bool:
        return get_measure(source) is Measure.USD

    usd: Member[Any] = (optional_money if may_be_null else money)(name, description, path)
    return (
        optional(usd, is_money),
        member(name, nullable(exact) if may_be_null else exact, in_words),
    )
