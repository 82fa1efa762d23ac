"""``corvus cost budgets``: all that is known of every budget of the policy."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.cli.common import (
    console,
    is_terminal,
    json_text,
    require_session,
    shown,
    warn_unused,
)
from corvus.cli.options import AsOf, Config, LedgerPath, Mission, Session, Sets

if TYPE_CHECKING:
    from corvus.model.status import StatusReport
    from corvus.runtime import Runtime


class Format(StrEnum):
    """How budgets are shown."""

    TABLE = "table"
    KV = "kv"
    JSON = "json"


def budgets(
    *,
    session: Session = None,
    mission: Mission = None,
    config: Config = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
    output: Annotated[
        Format | None, typer.Option("--format", help="Default: table on a terminal, else kv.")
    ] = None,
    sets: Sets = None,
) -> None:
    """Show every budget: what it counts, its limit, and what is spent, held and left.

    Example: corvus cost budgets --session 4c1e…
    """
    require_session(session, mission)
    from corvus.answers.status import budget_bodies
    from corvus.cli.summary_text import budget_line_whole, in_order
    from corvus.cli.times import clock_at
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or (), sets=sets or (), ledger=ledger, clock=clock_at(as_of))
    warn_unused(runtime)
    status = runtime.status(session, mission, recorded=as_of is not None)
    items = in_order(runtime, status)
    match output or (Format.TABLE if is_terminal() else Format.KV):
        case Format.JSON:
            print(json_text({"budgets": budget_bodies(status, items)}))
        case Format.KV:
            print("\n".join(budget_line_whole(item, status) for item in items))
        case Format.TABLE:
            _print_table(runtime, status)


def _print_table(runtime: Runtime, status: StatusReport) -> None:
    from corvus.cli.fitted import print_rows
    from corvus.cli.summary_table import ROOMY, print_budgets, resets
    from corvus.cli.summary_text import in_order, match_text
    from corvus.diagnostics.plain import escape

    out = console()
    now = f"{status.now:%Y-%m-%d %H:%M} UTC"
    out.print(f"[bold]budgets[/] of {shown(runtime.config_shown)} at {now}", soft_wrap=True)
    items = in_order(runtime, status)
    print_budgets(out, items, status, ROOMY)
    out.print()
    rows = [
        [
            item.budget.name,
            item.budget.period.value,
            escape(match_text(item.budget)) or "every call",
            resets(item, status.now),
            escape(item.budget.config_key),
        ]
        for item in items
    ]
    headings = ("budget", "period", "counts", "resets", "set by")
    print_rows(out, headings, rows)
