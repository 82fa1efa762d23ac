"""Two own prices for one model (PRC-4)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import Route, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "ambiguous-price",
    Severity.ERROR,
    "two own prices for one model",
    "Two keys of [cost.prices] mean one model when they differ only in how its provider is "
    "named, or when one leaves out the provider that makes the model. With different prices "
    "nobody could tell which of them a call costs.",
    '[cost.prices."gemini/my-model"]\ninput = 1\noutput = 2\n\n'
    '[cost.prices."google/my-model"]\ninput = 3\noutput = 4\n',
    '[cost.prices."google/my-model"]\ninput = 3\noutput = 4\n',
    "Keep the one that is in force.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report own prices that mean one model."""
    route: Route = ("cost", "prices")
    prices = value_at(subject.tables, route)
    if subject.facts is None or not is_table(prices) or reporter.is_reported(route):
        return
    models = {name.partition("/")[2] or name for name in prices}
    if len(models) == len(prices):
        return  # without two keys for one id nothing can clash, and nothing need be loaded
    for first, second, why in subject.facts.clashes(prices):
        for name in (first, second):
            why = why.replace(f'"{name}"', reporter.quoted(name))
        related = ((ValueOf((*route, first)), "the other price"),)
        place = KeyOf((*route, second))
        reporter.add(Finding(INFO.code, why, place, "the same model", related=related))
