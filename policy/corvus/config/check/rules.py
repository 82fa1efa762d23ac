"""Rules across fields (CFG-9) and shapes that the model alone would explain badly, on raw data.

They run also when other fields are wrong, and are silent about a value that was already reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from corvus.config.check.reporter import Note, Reporter
from corvus.config.model.defaults import LIMITS_USD, ZERO_LIMIT
from corvus.config.toml.values import Route, Table, as_items, is_table, quoted, shown, value_at

HasPrice: TypeAlias = Callable[[str], bool]
"""Tells whether the bundled price book prices a model."""
PriceClashes: TypeAlias = Callable[[Table], Iterable[tuple[str, str, str]]]
"""Takes valid ``cost.prices``; yields two of its keys that clash (PRC-4), and why they do."""


class PriceFacts(NamedTuple):
    """What the price books know that rules ask; config itself may not import them.

    Attributes:
        has_price: Asked for the host's default model.
        clashes: Asked for own prices, once they are valid.
    """

    has_price: HasPrice
    clashes: PriceClashes


_PRICE_KEYS = frozenset({"input", "output", "cache_read", "cache_write_5m", "cache_write_1h"})
_OWNERS = {
    "session": "cost.session_limit_usd",
    "day": "cost.daily_limit_usd",
    "month": "cost.monthly_limit_usd",
    "mission": "mission.max_estimated_cost_cents",
}
_LIMITS = tuple(LIMITS_USD)


def price_shapes(data: Table, reporter: Reporter) -> Table:
    """Report prices that stand one table too deep, once per entry; return the data without them.

    To TOML, ``[cost.prices.anthropic.claude]`` and ``[cost.prices.gpt-4.1]`` are tables in tables.
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
    """Tell whether a table is a price, or holds one at any depth."""
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
    joiner = "." if all(model[:1].isdigit() for model in models) else "/"
    shown_models = [f"[cost.prices.{quoted(name + joiner + model)}]" for model in models[:3]]
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    message = f"`{shown(('cost', 'prices', name))}` is not the price of one model: it holds others"
    help_ = (
        f"Write the whole name in one pair of quotes: {', '.join(shown_models)}{more}.",
        "Each takes `input` and `output` in USD per million tokens.",
    )
    route = ("cost", "prices", name, first)
    reporter.at_key("nested-price", route, message, Note("one table too deep", help=help_))


def cross_field(
    data: Table,
    whole: Mapping[str, object],
    reporter: Reporter,
    facts: PriceFacts | None,
) -> None:
    """Check what no single field shows.

    Args:
        data: The governed tables.
        whole: All keys, for the host's ``default_model``.
        reporter: Knows what was reported, and receives the rest.
        facts: Answers about prices; ``None`` leaves out the rules that need them.
    """
    for rule in (_never_binds, _no_limit, _thresholds, _budget_names, _globs):
        rule(data, reporter)
    if facts is not None:
        _prices(data, reporter, facts.clashes)
        _default_model(data, whole, reporter, facts.has_price)


def _limit(data: Table, route: Route, reporter: Reporter) -> Decimal | None:
    """Return a limit in force, written or default; ``None`` when it was reported."""
    value = value_at(data, route)
    if value is None:
        return LIMITS_USD[str(route[-1])]
    if reporter.is_reported(route) or isinstance(value, bool):
        return None
    return Decimal(value) if isinstance(value, int | Decimal) else None


def _never_binds(data: Table, reporter: Reporter) -> None:
    limits = {key: _limit(data, ("cost", key), reporter) for key in _LIMITS}
    for index, key in enumerate(_LIMITS):
        route: Route = ("cost", key)
        limit = limits[key]
        longer = next((other for other in _LIMITS[index + 1 :] if limits[other]), None)
        if not limit or longer is None or value_at(data, route) is None:
            continue
        bound = limits[longer]
        if bound is None or limit <= bound:
            continue
        default = "" if value_at(data, ("cost", longer)) is not None else ", the default"
        message = (
            f"`{shown(route)}` = {limit:f} can never bind: "
            f"`cost.{longer}` = {bound:f}{default} stops the spend first"
        )
        related: tuple[tuple[Route, str], ...] = ((("cost", longer), "this limit binds first"),)
        help_ = (f"Lower `{key}`, or raise `{longer}`.", f"{ZERO_LIMIT}.")
        note = Note("never reached", related=related, help=help_)
        reporter.at_value("limit-never-binds", route, message, note)


def _no_limit(data: Table, reporter: Reporter) -> None:
    route: Route = ("cost", "enabled")
    if value_at(data, route) is not True or any(
        _limit(data, ("cost", key), reporter) != 0 for key in _LIMITS
    ):
        return
    budgets = as_items(value_at(data, ("cost", "budgets")))
    named = any(is_table(budget) and budget.get("limit_usd") != 0 for budget in budgets)
    mission = value_at(data, ("mission", "enabled")) is True
    if named or (mission and value_at(data, ("mission", "max_estimated_cost_cents")) != 0):
        return
    message = "`cost.enabled` is true, but every limit is 0: nothing can ever be refused"
    help_ = ("Set a limit such as `daily_limit_usd = 10`.", f"{ZERO_LIMIT}.")
    note = Note("enabled without a limit", help=help_)
    reporter.at_value("no-limit-set", route, message, note)


def _thresholds(data: Table, reporter: Reporter) -> None:
    budgets = as_items(value_at(data, ("cost", "budgets")))
    routes: list[Route] = [("cost", "warn_at_percent")]
    routes += [("cost", "budgets", index, "warn_at_percent") for index in range(len(budgets))]
    for route in routes:
        value = value_at(data, route)
        if not isinstance(value, int) or isinstance(value, bool) or reporter.is_reported(route):
            continue
        if value == 0:
            message = f"`{shown(route)}` = 0 warns on every call"
        elif value == 100:
            message = f"`{shown(route)}` = 100 warns only when the limit is met to the nano-USD"
        else:
            continue
        note = Note(
            "an extreme threshold", help=("A warning is useful below the limit, as at 80.",)
        )
        reporter.at_value("extreme-threshold", route, message, note)


def _budget_names(data: Table, reporter: Reporter) -> None:
    """Names are unique, also against the budgets of ``[cost]`` and ``[mission]`` (CFG-10)."""
    first: dict[str, Route] = {}
    for route, name in _names(data):
        if reporter.is_reported(route):
            continue
        earlier = first.setdefault(name, route)
        if name in _OWNERS:
            message = f'the budget name "{name}" is taken by `{_OWNERS[name]}`'
            note = Note("taken", help=("Choose another name.",))
        elif earlier != route:
            message = f'two budgets are named "{name}"'
            related: tuple[tuple[Route, str], ...] = ((earlier, "first used here"),)
            note = Note("used again", related=related, help=("Choose another name.",))
        else:
            continue
        reporter.at_value("duplicate-budget-name", route, message, note)


def _globs(data: Table, reporter: Reporter) -> None:
    """A malformed glob matches nothing, so that its budget would never count a call."""
    for index, budget in enumerate(as_items(value_at(data, ("cost", "budgets")))):
        match = budget.get("match") if is_table(budget) else None
        for attribute, glob in match.items() if is_table(match) else ():
            route: Route = ("cost", "budgets", index, "match", attribute)
            if not isinstance(glob, str) or reporter.is_reported(route):
                continue
            from corvus.base.globs import glob_fault

            if fault := glob_fault(glob):
                message = f"`{shown(route)}`: {reporter.seen(route, glob)} {fault}"
                reporter.at_value("invalid-value", route, message, Note("not a glob"))


def _prices(data: Table, reporter: Reporter, clashes: PriceClashes) -> None:
    route: Route = ("cost", "prices")
    prices = value_at(data, route)
    if not is_table(prices) or reporter.is_reported(route):
        return
    models = {name.partition("/")[2] or name for name in prices}
    if len(models) == len(prices):
        return  # without two keys for one id nothing can clash, and nothing need be loaded
    for first, second, why in clashes(prices):
        related: tuple[tuple[Route, str], ...] = (((*route, first), "the other price"),)
        note = Note("the same model", related=related)
        reporter.at_key("ambiguous-price", (*route, second), why, note)


def _names(data: Table) -> Iterator[tuple[Route, str]]:
    for index, budget in enumerate(as_items(value_at(data, ("cost", "budgets")))):
        name = budget.get("name") if is_table(budget) else None
        if isinstance(name, str):
            yield ("cost", "budgets", index, "name"), name


def _default_model(
    data: Table, whole: Mapping[str, object], reporter: Reporter, has_price: HasPrice
) -> None:
    """A model without a price is refused (PRC-5), so the host's own default must have one."""
    model, provider = whole.get("default_model"), whole.get("default_provider")
    if value_at(data, ("cost", "enabled")) is not True or not isinstance(model, str):
        return
    names = [model, f"{provider}/{model}"] if isinstance(provider, str) else [model]
    prices = value_at(data, ("cost", "prices"))
    own = prices if is_table(prices) else {}
    priced = any(name in own or reporter.is_reported(("cost", "prices", name)) for name in names)
    if priced or any(has_price(name) for name in names):
        return
    warns = value_at(data, ("cost", "unpriced_models")) == "warn"
    outcome = "its cost would be recorded as unknown" if warns else "its calls would be refused"
    message = f"the default model {quoted(model)} has no price: {outcome}"
    help_ = (f"Add [cost.prices.{quoted(names[-1])}] with `input` and `output`, USD per million.",)
    reporter.at_value("unpriced-default-model", ("default_model",), message, Note(help=help_))
