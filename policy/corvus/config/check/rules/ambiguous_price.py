"""Two own prices for one model (PRC-4)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import Route, Table, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "ambiguous-price",
    Severity.ERROR,
    "two own prices for one model",
    "Two keys of [cost.prices] mean one model when they differ only in how its provider is "
    "named, or when one leaves out the provider that makes the model. An alias counts like a key. "
    "With different prices nobody could tell which of them a call costs.",
    '[cost.prices."gemini/my-model"]\ninput = 1\noutput = 2\n\n'
    '[cost.prices."google/my-model"]\ninput = 3\noutput = 4\n',
    '[cost.prices."google/my-model"]\ninput = 3\noutput = 4\n',
    "Keep the one that is in force.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report own prices that mean one model, by their keys or aliases."""
    route: Route = ("cost", "prices")
    prices = value_at(subject.tables, route)
    if subject.facts is None or not is_table(prices) or reporter.is_reported(route):
        return
    if _all_differ(prices):
        return  # without two names for one id nothing can clash, and nothing need be loaded
    for first, second, why in subject.facts.clashes(prices):
        for name in (first, second):
            for text in (str(name[0]), _text(prices, name)):
                why = why.replace(f'"{text}"', reporter.quoted(text))
        places = [(*route, *name) for name in (first, second)]
        is_key = [len(name) == 1 for name in (first, second)]
        other, place = (
            KeyOf(place) if key else ValueOf(place)
            for place, key in zip(places, is_key, strict=True)
        )
        related = ((ValueOf(places[0]) if is_key[0] else other, "the other price"),)
        reporter.add(Finding(INFO.code, why, place, "the same model", related=related))


def _all_differ(prices: Table) -> bool:
    """Return whether no two keys or aliases end in the same id."""
    names = [*prices]
    for price in prices.values():
        names += map(str, as_items(price.get("aliases")) if is_table(price) else ())
    return len({name.partition("/")[2] or name for name in names}) == len(names)


def _text(prices: Table, name: Route) -> str:
    return str(name[0] if len(name) == 1 else value_at(prices, name))
