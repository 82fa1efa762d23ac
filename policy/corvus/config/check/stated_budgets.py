"""The budgets of a config as rules compare them: those of ``[cost]`` and the named ones alike."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from corvus.base.record import Record
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.model.defaults import LIMIT_KEYS, SCOPES, budget_faults
from corvus.config.toml.values import Route, Table, as_items, is_table, value_at

_WITHIN = {
    "day": ("week", "month", "quarter", "year", "total"),
    "week": ("total",),
    "month": ("quarter", "year", "total"),
    "quarter": ("year", "total"),
    "year": ("total",),
    "session": ("total",),
    "mission": ("session", "total"),
    "window": ("total",),
}
"""Which windows hold the whole of another one: a week may lie in two months, and a session in two
days."""
_WITHOUT_ZONE = frozenset({"session", "mission", "total", "window"})


class StatedBudget(Record):
    """One budget without a mistake.

    Attributes:
        route: The key of its limit.
        limit: Its limit in its unit; 0 is off.
        exceptions: Globs and limits of ``limits``.
        match: Attribute to globs.
        per: Attributes that divide it.
        recurs: Its period, or ``window``.
        window: The length of its window, as it is written.
        timezone: Whose calendar counts; empty where none does.
        blocks: Whether it refuses calls.
        is_stated: Whether it is no default.
    """

    route: Route
    limit: Decimal
    exceptions: tuple[tuple[str, Decimal], ...] = ()
    match: frozenset[tuple[str, tuple[str, ...]]] = frozenset()
    per: tuple[str, ...] = ()
    recurs: str = "total"
    window: str = ""
    timezone: str = ""
    blocks: bool = True
    is_stated: bool = True

    @property
    def limits(self) -> tuple[tuple[Route, Decimal], ...]:
        """All its limits with their keys: that of every sum, then the exceptions."""
        table = (*self.route[:-1], "limits")
        return (
            (self.route, self.limit),
            *(((*table, glob), limit) for glob, limit in self.exceptions),
        )

    @property
    def most(self) -> tuple[Route, Decimal] | None:
        """The highest of its limits, with its key; ``None`` where one of them is off."""
        if not all(limit for _, limit in self.limits):
            return None
        return max(self.limits, key=lambda one: one[1])

    def holds(self, other: StatedBudget) -> bool:
        """Return whether every sum of another budget lies within one sum of this.

        Then no sum of the other can pass the limit of this one.
        """
        return (
            self.match <= other.match  # first: it differs in most pairs of many budgets
            and _unit(self) == _unit(other)
            and {*self.per} <= {*other.per}
            and self._lasts_as_long_as(other)
        )

    def _lasts_as_long_as(self, other: StatedBudget) -> bool:
        if self.recurs == other.recurs:
            return self.window == other.window and self.timezone == other.timezone
        is_zone_alike = self.recurs in _WITHOUT_ZONE or self.timezone == other.timezone
        return self.recurs in _WITHIN.get(other.recurs, ()) and is_zone_alike


def _unit(budget: StatedBudget) -> str:
    return str(budget.route[-1]).rpartition("_")[2]


def of_cost(subject: Subject, reporter: Reporter) -> Iterator[StatedBudget]:
    """Yield the limits of ``[cost]``, stated or default, where they were not reported."""
    for period, key in SCOPES.items():
        route: Route = ("cost", key)
        limit = subject.limit(route, reporter)
        zone = "" if period in _WITHOUT_ZONE else "UTC"
        is_stated = value_at(subject.tables, route) is not None
        if limit is not None:
            yield StatedBudget(route, limit, recurs=period, timezone=zone, is_stated=is_stated)


def named(subject: Subject, reporter: Reporter) -> Iterator[StatedBudget]:
    """Yield the named budgets in which no mistake was found."""
    for index, budget in enumerate(as_items(value_at(subject.tables, ("cost", "budgets")))):
        route: Route = ("cost", "budgets", index)
        if is_table(budget) and not reporter.is_reported(route) and not any(budget_faults(budget)):
            yield _named(route, budget)


def _named(route: Route, budget: Table) -> StatedBudget:
    key = next(key for key in LIMIT_KEYS if key in budget)
    limits, match = budget.get("limits"), budget.get("match")
    recurs = str(budget.get("period", "window"))
    return StatedBudget(
        (*route, key),
        _number(budget[key]),
        tuple((glob, _number(limit)) for glob, limit in _items(limits)),
        frozenset((name, _globs(globs)) for name, globs in _items(match)),
        tuple(map(str, as_items(budget.get("per")))),
        recurs,
        str(budget.get("window", "")),
        "" if recurs in _WITHOUT_ZONE else str(budget.get("timezone", "UTC")),
        budget.get("enforce") != "warn",
    )


def _items(value: object) -> Iterator[tuple[str, object]]:
    yield from (value.items() if is_table(value) else ())


def _number(value: object) -> Decimal:
    assert isinstance(value, int | Decimal), "a budget without a mistake"
    return Decimal(value)


def _globs(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(map(str, as_items(value)))
