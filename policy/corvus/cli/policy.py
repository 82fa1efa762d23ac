"""``corvus policy``: the compiled policy, as it is enforced, and commands that put calls to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import typer

from corvus.answers.amounts import (
    amount_exact,
    amount_words,
    limit_words,
    match_words,
    span_words,
)
from corvus.answers.kv import kv_text, kv_value
from corvus.answers.policy import policy_body
from corvus.base.money import usd_exact, usd_short
from corvus.cli.options import Config, Sets, opened
from corvus.cli.output import TableOrBody, console, emit, print_rows, shown
from corvus.cli.policies.bisect import bisect
from corvus.cli.policies.decide import decide
from corvus.cli.policies.test import run_tests
from corvus.diagnostics.plain import escape
from corvus.model.budget import Budget
from corvus.model.policy import Policy
from corvus.model.price import Price, Rates
from corvus.model.usage import FEES, TokenKind
from corvus.prices.stated import rate_text

if TYPE_CHECKING:
    from rich.console import Console

    from corvus.runtime import Runtime

app = typer.Typer(help="The compiled policy.", no_args_is_help=True)
app.command("test")(run_tests)
app.command("bisect")(bisect)
app.command("decide")(decide)


@app.callback()
def group() -> None:
    """The compiled policy."""


@app.command("show")
def show(
    config: Config = None,
    output: TableOrBody = None,
    sets: Sets = None,
) -> None:
    """Show what the config compiles to: budgets, prices, autonomy, and the hash that names it all.

    Example: corvus policy show --config corvus.toml
    """
    runtime = opened(config, None, sets)
    emit(
        output,
        lambda: policy_body(runtime.policy, runtime.config_shown, runtime.books),
        lambda: _print_table(runtime),
        kv=lambda: _kv(runtime),
    )


def _kv(runtime: Runtime) -> list[str]:
    policy, books = runtime.policy, runtime.books
    autonomy = policy.autonomy
    lines = [
        f"config={runtime.config_shown}",
        f"policy_hash={policy.content_hash}",
        *_cost_lines(policy),
        f"own_prices={len(policy.prices)}",
        f"price_book={kv_text(books.bundled_version)}",
        f"price_book_sha256={books.bundled_sha256}",
        f"autonomy_level={autonomy.level}",
        f"max_actions_per_hour={autonomy.max_actions_per_hour}",
        f"deprecated_fields={','.join(policy.deprecated_fields) or 'none'}",
    ]
    for budget in policy.budgets:
        lines += [_budget_line(budget), *_limit_lines(budget)]
    for price in policy.prices:
        lines += [_price_line(price), *_tier_lines(price)]
    return lines


def _cost_lines(policy: Policy) -> list[str]:
    """Return the keys of ``[cost]`` that are one value, in the order of the policy."""
    values = {field.name: getattr(policy, field.name) for field in fields(policy)}
    del values["content_hash"]
    return [
        f"{'cost_' if name == 'enabled' else ''}{name}="
        f"{str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
        if isinstance(value, bool | int | str)
    ]


def _budget_line(budget: Budget) -> str:
    measure = budget.measure
    return (
        f"budget={budget.name} period={budget.period} "
        f"limit_{measure}={amount_exact(budget.limit, measure)} "
        f"warn_at_percent={kv_value(budget.warn_at_percent)} match={match_words(budget) or 'all'} "
        f"timezone={budget.timezone} key={budget.config_key} "
        f"thresholds={_listed(budget.thresholds)} per={_listed(budget.per)} "
        f"window_seconds={budget.window_seconds} enforce={budget.enforce} "
        f"on_exceeded={_listed(budget.on_exceeded)}"
    )


def _listed(values: Sequence[object]) -> str:
    return ",".join(map(str, values)) or "none"


def _limit_lines(budget: Budget) -> list[str]:
    """Return a line for each exception to the limit of a budget."""
    return [
        f"limit={kv_text(budget.name)} value={kv_text(glob)} "
        f"limit_{budget.measure}={amount_exact(limit, budget.measure)}"
        for glob, limit in budget.limits
    ]


def _price_line(price: Price) -> str:
    rates = " ".join(_rate_words(price.rates))
    since = price.effective_from.isoformat() if price.effective_from else "none"
    source = kv_text(price.source) if price.source else "none"
    aliases = f" aliases={kv_text(','.join(price.aliases))}" if price.aliases else ""
    return f"price={kv_text(price.key)} {rates} effective_from={since} source={source}{aliases}"


def _tier_lines(price: Price) -> list[str]:
    """Return a line for each tier of a price."""
    return [
        " ".join(
            (
                f"tier={kv_text(price.key)} above_tokens={tier.above_tokens}",
                *_rate_words(tier.rates),
            )
        )
        for tier in price.tiers
    ]


def _rate_words(rates: Rates) -> Iterator[str]:
    for kind, rate in rates.items():
        is_fee = kind in FEES
        unit = "use" if is_fee else "million"
        yield f"{kind}_usd_per_{unit}={rate_text(kind, rate) if is_fee else usd_exact(rate)}"


def _print_table(runtime: Runtime) -> None:
    policy, books = runtime.policy, runtime.books
    out = console()
    out.print(f"[bold]policy[/] of {shown(runtime.config_shown)}", soft_wrap=True)
    out.print(f"policy_hash [dim]{policy.content_hash}[/]", soft_wrap=True)
    if not policy.enabled:
        out.print("[yellow]disabled[/]: cost.enabled = false, nothing is enforced")
    _print_budgets(out, policy.budgets)
    if policy.prices:
        out.print("own prices, USD per million tokens; of searches and containers, for one use")
        _print_prices(out, policy.prices)
    out.print(
        f"price book: {books.bundled_version} (prices by time of day are held at their highest)"
    )
    out.print(f"price_book_sha256 [dim]{books.bundled_sha256}[/]", soft_wrap=True)
    out.print(f"a model without a price: [bold]{policy.unpriced_models}[/]")
    autonomy = policy.autonomy
    out.print(f"autonomy: {autonomy.level}, {autonomy.max_actions_per_hour} actions per hour")
    for path in policy.deprecated_fields:
        out.print(f"[yellow]deprecated[/]: {shown(path)}, see `corvus explain deprecated-key`")


def _print_budgets(out: Console, budgets: Sequence[Budget]) -> None:
    rows = [
        (
            budget.name,
            f"{span_words(budget.window_seconds)} window"
            if budget.window_seconds
            else budget.period.value,
            limit_words(budget) + (f" per {', '.join(budget.per)}" if budget.per else ""),
            ", ".join(f"{percent} %" for percent in budget.thresholds) or "never",
            ", ".join(f"{name}={'|'.join(globs)}" for name, globs in budget.match) or "every call",
            budget.config_key,
        )
        for budget in budgets
    ]
    headings = ("budget", "period", "limit", "warns at", "matches", "set by")
    print_rows(out, headings, [[*map(escape, row)] for row in rows], right={2, 3})
    for budget in budgets:
        own = ", ".join(
            f"{glob} {amount_words(limit, budget.measure) if limit else 'off'}"
            for glob, limit in budget.limits
        )
        if own:
            out.print(f"{shown(budget.name)}: {shown(own)}")
        if budget.enforce == "warn":
            out.print(f"{shown(budget.name)}: only warns, refuses no call")


def _print_prices(out: Console, prices: Sequence[Price]) -> None:
    kinds = [kind for kind in TokenKind if any(kind in price.rates for price in prices)]
    rows = [row for price in prices for row in _price_rows(price, kinds)]
    headings = ("model", "from", *(kind.replace("_", " ") for kind in kinds))
    right = range(2, len(headings))
    print_rows(out, headings, [[*map(escape, row)] for row in rows], right=right)


def _price_rows(price: Price, kinds: Sequence[TokenKind]) -> Iterator[tuple[str, ...]]:
    """Yield a row for a price, and one for each of its tiers."""
    since = price.effective_from.isoformat() if price.effective_from else "always"
    yield price.key, since, *(_cell(kind, price.rates) for kind in kinds)
    for tier in price.tiers:
        name = f"  above {tier.above_tokens:,} tokens"
        yield name, since, *(_cell(kind, tier.rates) for kind in kinds)


def _cell(kind: TokenKind, rates: Rates) -> str:
    if kind not in rates:
        return "-"
    return rate_text(kind, rates[kind]) if kind in FEES else usd_short(rates[kind])
