"""The budget summary in its three shapes: ``key=value`` lines, JSON, and a table for a person."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from policy.cli.common import console
from policy.model.decision import BudgetState, BudgetStatus
from policy.money import usd_text
from policy.runtime import Runtime, Status

if TYPE_CHECKING:
    from rich.table import Table

_LEGACY = {"session": "session", "day": "daily", "month": "monthly"}
_GLYPHS = {BudgetState.ALLOWED: "●", BudgetState.WARNING: "▲", BudgetState.EXCEEDED: "■"}
_COLOURS = {
    BudgetState.ALLOWED: "green",
    BudgetState.WARNING: "yellow",
    BudgetState.EXCEEDED: "red",
}
_BAR_CELLS = 20
_NONE = "-"


def kv(runtime: Runtime, status: Status) -> list[str]:
    """Return the upstream's keys in its order, then what corvus adds (CLI-1)."""
    policy = runtime.policy
    named = {item.budget.name: item for item in status.decision.statuses}
    governing = _governing_name(runtime, status)
    widest = _counted(status)
    lines = [
        f"session_id={status.session_id or 'none'}",
        f"budget_state={_state(runtime, status)}",
        f"active_period={governing}",
        f"active_scope={governing}",
        *(f"{_LEGACY[name]}_cost_usd={usd_text(named[name].spent_nano_usd)}" for name in _LEGACY),
        f"request_count={widest.calls if widest else 0}",
        f"total_tokens={widest.tokens if widest else 0}",
        *(f"percent_used_{_LEGACY[name]}={_percent(named[name].percent_used)}" for name in _LEGACY),
        f"cost_enabled={str(policy.enabled).lower()}",
        *(
            f"{_LEGACY[name]}_limit_usd={usd_text(named[name].budget.limit_nano_usd)}"
            for name in _LEGACY
        ),
        f"warn_at_percent={named['day'].budget.warn_at_percent}",
        f"allow_override={str(policy.allow_override).lower()}",
        f"unpriced_calls={widest.unpriced_calls if widest else 0}",
        f"deprecated_fields={','.join(policy.deprecated_fields) or 'none'}",
        f"policy_hash={policy.content_hash}",
    ]
    return lines + [_budget_line(item) for item in _in_order(runtime, status)]


def as_json(runtime: Runtime, status: Status) -> dict[str, object]:
    """Return the summary as data; exact nano-USD strings beside readable USD (API-1)."""
    widest = _counted(status)
    return {
        "session_id": status.session_id,
        "as_of": runtime.clock.now().isoformat(),
        "config": runtime.config_shown,
        "policy_hash": runtime.policy.content_hash,
        "enabled": runtime.policy.enabled,
        "budget_state": _state(runtime, status),
        "governing": None
        if _governing_name(runtime, status) == "none"
        else _governing_name(runtime, status),
        "request_count": widest.calls if widest else 0,
        "total_tokens": widest.tokens if widest else 0,
        "unpriced_calls": widest.unpriced_calls if widest else 0,
        "deprecated_fields": list(runtime.policy.deprecated_fields),
        "budgets": [_budget_json(item) for item in status.decision.statuses],
    }


def print_table(runtime: Runtime, status: Status) -> None:
    """Print a table with a bar for each budget, and what a person should know beside it."""
    from rich.markup import escape

    out = console()
    now = f"{runtime.clock.now():%Y-%m-%d %H:%M} UTC"
    out.print(f"[bold]budgets[/] of {escape(runtime.config_shown)} at {now}")
    out.print(_table(_in_order(runtime, status), status))
    for line in _remarks(runtime, status):
        out.print(line)


def _table(items: list[BudgetStatus], status: Status) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("budget", "state", "used", box=None, pad_edge=False, header_style="dim")
    for heading in ("spent", "held", "limit", "calls"):
        table.add_column(heading, justify="right")
    table.add_column("resets (UTC)")
    for item in items:
        spend = status.spends.get(item.budget.name)
        off = item.budget.limit_nano_usd == 0
        colour = "dim" if off else _COLOURS[item.state]
        word = "off" if off else f"{_GLYPHS[item.state]} {item.state.word}"
        table.add_row(
            escape(item.budget.name),
            f"[{colour}]{word}[/]",
            ""
            if off
            else f"[{colour}]{_bar(item.percent_used)}[/] {_percent(item.percent_used):>6} %",
            _NONE if spend is None else f"${usd_text(item.spent_nano_usd)}",
            f"${usd_text(item.held_nano_usd)}",
            _NONE if off else f"${usd_text(item.budget.limit_nano_usd, 2)}",
            _NONE if spend is None else str(spend.calls),
            f"{item.resets_at:%Y-%m-%d %H:%M}" if item.resets_at else _NONE,
        )
    return table


def _remarks(runtime: Runtime, status: Status) -> list[str]:
    from rich.markup import escape

    remarks: list[str] = []
    governing = status.decision.governing
    if not runtime.policy.enabled:
        remarks.append(
            "[yellow]disabled[/]: cost.enabled = false; spend is shown, nothing is enforced"
        )
    elif governing is not None and governing.budget.limit_nano_usd:
        key = escape(governing.budget.config_key)
        remarks.append(f"governed by [bold]{escape(governing.budget.name)}[/], set by {key}")
    if status.session_id is None and status.latest_session_id is not None:
        remarks.append(
            f"[dim]no session named; the latest is --session {escape(status.latest_session_id)}[/]"
        )
    widest = _counted(status)
    if widest and widest.unpriced_calls:
        remarks.append(
            f"[yellow]{widest.unpriced_calls} of {widest.calls} calls have no price[/] "
            "and are not in these sums; see `corvus report unpriced`"
        )
    remarks += [
        f"[yellow]deprecated[/] {escape(path)}" for path in runtime.policy.deprecated_fields
    ]
    return remarks


def _in_order(runtime: Runtime, status: Status) -> list[BudgetStatus]:
    """Return the statuses in the policy's own order, which is the one a person reads."""
    order = {budget.name: index for index, budget in enumerate(runtime.policy.budgets)}
    return sorted(status.decision.statuses, key=lambda item: order[item.budget.name])


def _counted(status: Status):
    """Return the spend whose calls and tokens are told: the named session's, else the month's."""
    return status.spends.get("session") or status.spends.get("month")


def _state(runtime: Runtime, status: Status) -> str:
    return status.decision.state.word if runtime.policy.enabled else BudgetState.ALLOWED.word


def _governing_name(runtime: Runtime, status: Status) -> str:
    governing = status.decision.governing
    return governing.budget.name if governing and runtime.policy.enabled else "none"


def _budget_line(item: BudgetStatus) -> str:
    return (
        f"budget={item.budget.name} state={item.state.word} "
        f"spent_usd={usd_text(item.spent_nano_usd)} "
        f"held_usd={usd_text(item.held_nano_usd)} limit_usd={usd_text(item.budget.limit_nano_usd)} "
        f"percent_used={_percent(item.percent_used)} "
        f"resets_at={item.resets_at.isoformat() if item.resets_at else 'none'}"
    )


def _budget_json(item: BudgetStatus) -> dict[str, object]:
    return {
        "name": item.budget.name,
        "period": item.budget.period.value,
        "state": item.state.word,
        "spent_usd": float(usd_text(item.spent_nano_usd, 9)),
        "spent_nano_usd": str(item.spent_nano_usd),
        "held_usd": float(usd_text(item.held_nano_usd, 9)),
        "held_nano_usd": str(item.held_nano_usd),
        "limit_usd": float(usd_text(item.budget.limit_nano_usd, 9)),
        "limit_nano_usd": str(item.budget.limit_nano_usd),
        "percent_used": round(float(item.percent_used), 2),
        "warn_at_percent": item.budget.warn_at_percent,
        "resets_at": item.resets_at.isoformat() if item.resets_at else None,
        "config_key": item.budget.config_key,
    }


def _percent(value: Fraction) -> str:
    return f"{float(value):.2f}"


def _bar(percent: Fraction) -> str:
    filled = min(_BAR_CELLS, round(percent * _BAR_CELLS / 100))
    return "█" * filled + "░" * (_BAR_CELLS - filled)
