"""What is wrong with keys and lists of budgets and prices, with places and advice (CFG-10, PRC-2).

``budget_faults`` finds keys that exclude each other, or need another, for the settings model, too.
It looks at what was written, so that they are found although another value of the budget is wrong
(CFG-3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from corvus.config.check.reporter import Reporter
from corvus.config.model.defaults import LIMIT_KEYS, REFUSE, BudgetFault, budget_faults
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import (
    Route,
    Table,
    as_items,
    is_table,
    kind,
    quoted,
    value_at,
)
from corvus.diagnostics.model import Fix

FOUND_HERE = frozenset({"incoherent", "distinct", "ladder", "ascending"})
"""Errors of the settings model for which this module finds the places itself."""
_ADVICE = {
    "window": "A `period` follows the calendar; a `window` opens with the first call.",
    "limit_usd": "A budget has one unit; write a second budget for the other.",
    "warn_at_percent": "`warn_at_percent = 80` is the same as `thresholds = [80]`.",
}
"""What to say of keys that exclude each other, by one of them."""
SYNONYMS = {
    "username": "user",
    "developer": "user",
    "person": "user",
    "repo": "project",
    "repository": "project",
    "key": "token",
    "api_key": "token",
    "team": "tag.team",
}
"""What other tools call an attribute of ours."""


def _faults(data: Table) -> Iterator[tuple[Route, BudgetFault]]:
    for index, budget in enumerate(as_items(value_at(data, ("cost", "budgets")))):
        if is_table(budget):
            route: Route = ("cost", "budgets", index)
            yield from ((route, fault) for fault in budget_faults(budget))


def lacking(data: Table) -> Iterator[tuple[Route, tuple[str, ...]]]:
    """Yield each budget with keys of which it lacks one."""
    for budget, fault in _faults(data):
        if fault.kind == "missing" and fault.keys != ("per",):
            yield budget, fault.keys


def mistyped(data: Table) -> Iterator[tuple[str, Route]]:
    """Yield values that the unit of their budget forbids, each with its kind of error."""
    for budget, fault in _faults(data):
        if fault.kind not in {"missing", "conflict"}:
            yield fault.kind, (*budget, *fault.keys)


def bounding(route: Route, data: Table) -> Route:
    """Return the key whose bounds a value has: an exception to a limit has those of the limit."""
    if route[:2] != ("cost", "budgets") or route[-2:-1] != ("limits",):
        return route
    unit = (key for key in LIMIT_KEYS if value_at(data, (*route[:3], key)) is not None)
    return (*route[:3], next(unit, LIMIT_KEYS[0]))


def report(data: Table, reporter: Reporter) -> None:
    """Report keys that exclude or need each other, items in excess, and tiers out of order."""
    for budget, fault in _faults(data):
        if fault.kind == "conflict":
            _report_conflict(budget, fault.keys, reporter)
        elif fault.keys == ("per",):
            _report_limits_without_per(budget, reporter)
    for route in _lists(data):
        _report_list(route, value_at(data, route), reporter)
    for price in _prices(data):
        _report_tiers(price, as_items(value_at(data, (*price, "tiers"))), reporter)


def _lists(data: Table) -> Iterator[Route]:
    """Yield the lists that have each item once."""
    yield ("cost", "on_exceeded")
    downgrade = value_at(data, ("cost", "downgrade"))
    yield from (("cost", "downgrade", glob) for glob in (downgrade if is_table(downgrade) else ()))
    for index, _ in enumerate(as_items(value_at(data, ("cost", "budgets")))):
        for key in ("per", "thresholds", "on_exceeded"):
            yield ("cost", "budgets", index, key)
    yield from ((*price, "aliases") for price in _prices(data))


def _report_conflict(budget: Route, keys: tuple[str, ...], reporter: Reporter) -> None:
    first, *others = keys
    for other in others:
        route = (*budget, other)
        message = f"`{reporter.shown(route)}` and `{first}` exclude each other"
        help_ = tuple(words for key, words in _ADVICE.items() if key in keys)[:1]
        related = ((KeyOf((*budget, first)), "the other one"),)
        found = Finding("conflicting-keys", message, KeyOf(route), "one too many", help_, related)
        reporter.add(found)


def _report_limits_without_per(budget: Route, reporter: Reporter) -> None:
    route = (*budget, "limits")
    message = f"`{reporter.shown(route)}` needs `per`: it is for the values of those attributes"
    help_ = ('Write whose limits they are, such as `per = ["user"]`.',)
    reporter.add(Finding("missing-key", message, KeyOf(route), "whose limits?", help_))


def _report_list(route: Route, value: object, reporter: Reporter) -> None:
    """Report an item that a list has twice, and ``refuse`` before the end of a ladder."""
    items = as_items(value)
    for index, item in enumerate(items):
        place = (*route, index)
        if (kind(item), item) in ((kind(other), other) for other in items[:index]):
            first = (*route, items.index(item))
            message = f"`{reporter.shown(route)}` has {reporter.seen(place, item)} twice"
            related = ((ValueOf(first), "first here"),)
            help_ = ("Remove one of them.",)
            found = Finding("duplicate-item", message, ValueOf(place), "again", help_, related)
            reporter.add(found._replace(fix=_removal(place, reporter)))
        elif item == REFUSE and index < len(items) - 1:
            message = f'`{reporter.shown(route)}` goes on after "{REFUSE}", which refuses the call'
            help_ = ("Move it to the end, or leave it out: it is implied.",)
            found = Finding("invalid-value", message, ValueOf(place), "the end", help_)
            reporter.add(found._replace(fix=_removal(place, reporter)))


def _removal(place: Route, reporter: Reporter) -> Fix | None:
    from corvus.config.check.fixes import remove

    return remove(reporter, place)


def attribute_advice(word: str) -> tuple[str, ...]:
    """Say how to write what is no attribute of a call, where that is known."""
    if word.partition(".")[0] in {"tag", "tags"}:
        return ('A tag is one attribute, written in quotes: "tag.team".',)
    if word in {"session", "mission"}:
        return (f'Each {word} has a sum of its own with `period = "{word}"`.',)
    if word in SYNONYMS:
        return (f"Did you mean {quoted(SYNONYMS[word])}?",)
    return ()


def _prices(data: Table) -> Iterator[Route]:
    prices = value_at(data, ("cost", "prices"))
    yield from (("cost", "prices", name) for name in (prices if is_table(prices) else ()))


def _report_tiers(price: Route, tiers: Sequence[object], reporter: Reporter) -> None:
    """Report tiers that do not begin above the one before them."""
    starts = [
        ((*price, "tiers", index, "above_tokens"), tier["above_tokens"])
        for index, tier in enumerate(tiers)
        if is_table(tier) and type(tier.get("above_tokens")) is int
    ]
    for (first, lower), (place, start) in pairwise(starts):
        if isinstance(lower, int) and isinstance(start, int) and start <= lower:
            _report_order(first, place, lower, start, reporter)


def _report_order(first: Route, place: Route, lower: int, start: int, reporter: Reporter) -> None:
    is_same = start == lower
    what = f"`{reporter.shown(place)}` must be above that of the tier before it, {lower}"
    message = f"{what}, not {'the same' if is_same else start}"
    help_ = (
        "Two tiers from the same length on leave open which of them a call costs: keep one."
        if is_same
        else "Write the tiers from the shortest context to the longest.",
    )
    related = ((ValueOf(first), "the tier before it"),)
    reporter.add(Finding("invalid-value", message, ValueOf(place), "not above", help_, related))
