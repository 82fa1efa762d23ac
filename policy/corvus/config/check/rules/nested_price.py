"""A price that stands one table too deep.

To TOML, ``[cost.prices.anthropic.claude]`` and ``[cost.prices.gpt-4.1]`` are tables in tables. It
runs before the settings model, which would say of each that it lacks keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from corvus.config.check.reporter import Reporter
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import Route, Table, is_table, quoted
from corvus.diagnostics.codes import CodeInfo, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.diagnostics.model import Fix

_PRICE_KEYS = frozenset({"input", "output", "cache_read", "cache_write_5m", "cache_write_1h"})
_OWN_TABLES = frozenset({"tiers"})
"""Keys of a price that hold rates themselves."""

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


def take_out(
    data: Table, reporter: Reporter, is_known: Callable[[str], bool] | None = None
) -> Table:
    """Report such prices, once for each entry; return the tables without them.

    Args:
        data: The governed tables.
        reporter: Receives the findings.
        is_known: Returns whether the price book has a model of this name.
    """
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
        _report_nested(name, nested, reporter, is_known or _knows_none)
        rest = {key: value for key, value in entry.items() if key not in nested}
        if rest:
            kept[name] = rest
    return {**data, "cost": {**cost, "prices": kept}}


def _knows_none(_model: str) -> bool:
    return False


def _nested(entry: object) -> dict[str, Route]:
    """Return the keys of an entry that are prices themselves, with the names that lead to each."""
    if not is_table(entry):
        return {}
    inner = {
        key: _names_below(key, value)
        for key, value in entry.items()
        if key not in _OWN_TABLES and _holds_price(value)
    }
    dotted: dict[str, Route] = {
        key: (model,)
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


def _names_below(key: str, value: object) -> Route:
    """Return the keys that lead to the first price below one, itself included."""
    names = [key]
    while is_table(value) and not _PRICE_KEYS & set(value):
        inner = next(name for name, below in value.items() if _holds_price(below))
        names.append(inner)
        value = value[inner]
    return tuple(names)


def _spellings(names: Route, is_known: Callable[[str], bool]) -> list[str]:
    """Return the names of a model that the parts of a table may stand for, the likeliest first.

    They are joined by dots as they were written, or by a slash behind a provider. The name that the
    price book knows goes first. Behind a plain word, such as a provider, a dot is no choice unless
    it is in the book.
    """
    parts = [str(name) for name in names]
    dotted, slashed = ".".join(parts), parts[0]
    for part in parts[1:]:
        slashed += f"{'.' if part[:1].isdigit() else '/'}{part}"
    if parts[0].isalpha() and not is_known(dotted):
        return [slashed]
    return sorted(dict.fromkeys((dotted, slashed)), key=is_known, reverse=True)


def _report_nested(
    name: str, nested: Mapping[str, Route], reporter: Reporter, is_known: Callable[[str], bool]
) -> None:
    first = next(iter(nested))
    models = list(dict.fromkeys(nested.values()))
    spelt = [_spellings((name, *names), is_known) for names in models]
    shown_models = [
        " or ".join(f"[cost.prices.{reporter.quoted(model)}]" for model in spellings)
        for spellings in spelt[:3]
    ]
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    entry = reporter.shown(("cost", "prices", name))
    message = f"`{entry}` is not the price of one model: it holds others"
    help_ = (
        f"Write the whole name in one pair of quotes: {', '.join(shown_models)}{more}.",
        "Each takes `input` and `output` in USD per million tokens.",
    )
    fix = _joined(name, models, spelt, reporter) if _is_certain(spelt, is_known) else None
    place = KeyOf(("cost", "prices", name, first))
    reporter.add(Finding(INFO.code, message, place, "one table too deep", help_, fix=fix))


def _is_certain(spelt: list[list[str]], is_known: Callable[[str], bool]) -> bool:
    """Return whether each model has one spelling, or one that the price book knows."""
    return all(len(names) == 1 or sum(map(is_known, names)) == 1 for names in spelt)


def _joined(
    name: str, models: list[Route], spelt: list[list[str]], reporter: Reporter
) -> Fix | None:
    """Offer the whole names in the headers; not where a name may be a secret."""
    from corvus.config.check.fixes import join_names, together

    table = ("cost", "prices")
    chosen = [names[0] for names in spelt]
    if any(reporter.quoted(model) != quoted(model) for model in chosen):
        return None
    return together(
        [
            join_names(reporter, table, (*table, name, *names), model)
            for names, model in zip(models, chosen, strict=True)
        ]
    )
