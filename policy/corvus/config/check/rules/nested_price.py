"""A price that stands one table too deep.

To TOML, ``[cost.prices.anthropic.claude]`` and ``[cost.prices.gpt-4.1]`` are tables in tables. It
runs before the settings model, which would say of each that it lacks keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from corvus.config.check.reporter import Reporter
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import Table, is_table
from corvus.diagnostics.codes import CodeInfo, Severity

_PRICE_KEYS = frozenset({"input", "output", "cache_read", "cache_write_5m", "cache_write_1h"})

INFO = CodeInfo(
    "nested-price",
    Severity.ERROR,
    "the price of a model stands one table too deep",
    "A dot outside quotes separates tables in TOML, so [cost.prices.gpt-4.1] is a table 1 in a "
    "table gpt-4, and [cost.prices.anthropic] with models in it is no price. Neither would "
    "ever be found when a call is priced.",
    "[cost.prices.gpt-4.1]\ninput = 2\noutput = 8\n",
    '[cost.prices."gpt-4.1"]\ninput = 2\noutput = 8\n',
    "Put the whole name of the model, with its provider if it has one, in one pair of quotes.",
)


def take_out(data: Table, reporter: Reporter) -> Table:
    """Report such prices, once for each entry; return the tables without them."""
    cost = data.get("cost")
    prices = cost.get("prices") if is_table(cost) else None
    if not is_table(cost) or not is_table(prices):
        return data
    kept: Table = {}
    for name, entry in prices.items():
        nested = _nested(entry)
        if not is_table(entry) or not nested:
            kept[name] = entry
            continue
        _report_nested(name, nested, reporter)
        rest = {key: value for key, value in entry.items() if key not in nested}
        if rest:
            kept[name] = rest
    return {**data, "cost": {**cost, "prices": kept}}


def _nested(entry: object) -> dict[str, str]:
    """Return the keys of an entry that are prices themselves, and the model each stands for."""
    if not is_table(entry):
        return {}
    inner = {key: _model_below(key, value) for key, value in entry.items() if _holds_price(value)}
    dotted = {
        key: model
        for key in entry
        for model, dot, last in [key.rpartition(".")]
        if dot and last in _PRICE_KEYS
    }
    return inner | dotted


def _holds_price(value: object) -> bool:
    """Return whether a table is a price, or holds one at any depth."""
    return is_table(value) and (
        bool(_PRICE_KEYS & set(value)) or any(map(_holds_price, value.values()))
    )


def _model_below(key: str, value: object) -> str:
    """Join the keys that lead to the first price below one."""
    while is_table(value) and not _PRICE_KEYS & set(value):
        inner = next(name for name, below in value.items() if _holds_price(below))
        key, value = f"{key}{'.' if inner[:1].isdigit() else '/'}{inner}", value[inner]
    return key


def _report_nested(name: str, nested: Mapping[str, str], reporter: Reporter) -> None:
    first = next(iter(nested))
    models = list(dict.fromkeys(nested.values()))
    joint = "." if all(model[:1].isdigit() for model in models) else "/"
    shown_models = [
        f"[cost.prices.{reporter.quoted(name + joint + model)}]" for model in models[:3]
    ]
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    entry = reporter.shown(("cost", "prices", name))
    message = f"`{entry}` is not the price of one model: it holds others"
    help_ = (
        f"Write the whole name in one pair of quotes: {', '.join(shown_models)}{more}.",
        "Each takes `input` and `output` in USD per million tokens.",
    )
    place = KeyOf(("cost", "prices", name, first))
    reporter.add(Finding(INFO.code, message, place, "one table too deep", help_))
