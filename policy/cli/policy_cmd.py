"""``corvus policy``: the compiled policy, as it is enforced."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from policy.cli.common import console, is_terminal, json_text
from policy.cli.options import Config, Sets
from policy.model.budget import Budget
from policy.model.policy import Policy
from policy.money import usd_exact, usd_short, usd_text

app = typer.Typer(help="The compiled policy.", no_args_is_help=True)


class Format(StrEnum):
    """How a policy is shown."""

    TABLE = "table"
    KV = "kv"
    JSON = "json"


@app.callback()
def group() -> None:
    """The compiled policy."""


@app.command("show")
def show(
    config: Config = None,
    output: Annotated[
        Format | None, typer.Option("--format", help="Default: table on a terminal, else kv.")
    ] = None,
    sets: Sets = None,
) -> None:
    """Show what the config compiles to: budgets, prices, autonomy and the content hash.

    Example: corvus policy show --config corvus.toml
    """
    from policy.runtime import open_runtime

    runtime = open_runtime(config or [], sets=sets or ())
    match output or (Format.TABLE if is_terminal() else Format.KV):
        case Format.JSON:
            print(json_text(_as_json(runtime.policy)))
        case Format.KV:
            print("\n".join(_kv(runtime.policy, runtime.config_shown)))
        case Format.TABLE:
            _print_table(runtime.policy, runtime.config_shown)


def _as_json(policy: Policy) -> dict[str, object]:
    """Return the policy as plain data; exact nano-USD strings beside readable USD (API-1)."""
    plain: dict[str, object] = asdict(policy)
    plain["budgets"] = [
        {
            "name": budget.name,
            "period": budget.period.value,
            "limit_usd": float(usd_text(budget.limit_nano_usd, 9)),
            "limit_nano_usd": str(budget.limit_nano_usd),
            "warn_at_percent": budget.warn_at_percent,
            "match": dict(budget.match),
            "timezone": budget.timezone,
            "config_key": budget.config_key,
        }
        for budget in policy.budgets
    ]
    plain["prices"] = [
        {
            "entry": price.entry,
            "usd_per_million": {
                kind.value: usd_text(rate, 9) for kind, rate in price.rates.items()
            },
            "effective_from": price.effective_from.isoformat() if price.effective_from else None,
            "source": price.source,
        }
        for price in policy.prices
    ]
    return plain


def _kv(policy: Policy, shown: str) -> list[str]:
    autonomy = policy.autonomy
    lines = [
        f"config={shown}",
        f"policy_hash={policy.content_hash}",
        f"cost_enabled={str(policy.enabled).lower()}",
        f"allow_override={str(policy.allow_override).lower()}",
        f"unpriced_models={policy.unpriced_models}",
        f"default_output_tokens={policy.default_output_tokens}",
        f"reservation_ttl_seconds={policy.reservation_ttl_seconds}",
        f"own_prices={len(policy.prices)}",
        f"autonomy_level={autonomy.level}",
        f"max_actions_per_hour={autonomy.max_actions_per_hour}",
        f"deprecated_fields={','.join(policy.deprecated_fields) or 'none'}",
    ]
    return lines + [_budget_line(budget) for budget in policy.budgets]


def _budget_line(budget: Budget) -> str:
    match = ",".join(f"{name}:{glob}" for name, glob in budget.match) or "all"
    return (
        f"budget={budget.name} period={budget.period} limit_usd={usd_exact(budget.limit_nano_usd)} "
        f"warn_at_percent={budget.warn_at_percent} match={match} timezone={budget.timezone} "
        f"key={budget.config_key}"
    )


def _print_table(policy: Policy, shown: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    out = console()
    out.print(f"[bold]policy[/] of {escape(shown)}", f"[dim]{policy.content_hash}[/]", sep="\n")
    if not policy.enabled:
        out.print("[yellow]disabled[/]: cost.enabled = false, nothing is enforced")
    budgets = Table("budget", "period", "limit", "warns at", "matches", "set by")
    for budget in policy.budgets:
        limit = f"${usd_short(budget.limit_nano_usd)}" if budget.limit_nano_usd else "off"
        match = ", ".join(f"{name}={glob}" for name, glob in budget.match) or "every call"
        warn = f"{budget.warn_at_percent} %"
        budgets.add_row(
            *map(escape, (budget.name, budget.period, limit, warn, match, budget.config_key))
        )
    out.print(budgets)
    own = f"{len(policy.prices)} own price entries over the bundled book"
    out.print(f"prices    {own}; a model without a price: [bold]{policy.unpriced_models}[/]")
    autonomy = policy.autonomy
    out.print(f"autonomy  {autonomy.level}, {autonomy.max_actions_per_hour} actions per hour")
    for path in policy.deprecated_fields:
        out.print(f"[yellow]deprecated[/]  {escape(path)}: see `corvus explain deprecated-key`")
