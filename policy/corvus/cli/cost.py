"""``corvus cost``: spend against the limits."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from corvus.cli.audit import audit
from corvus.cli.budgets import budgets
from corvus.cli.common import is_terminal, json_text, require_session, warn_unused
from corvus.cli.history import HELP as HISTORY_HELP
from corvus.cli.history import history
from corvus.cli.options import AsOf, Config, LedgerPath, Mission, Session, Sets
from corvus.cli.steering import override, reset

app = typer.Typer(help="Spend against the limits.", no_args_is_help=True)


class Format(StrEnum):
    """How a summary is shown."""

    TABLE = "table"
    KV = "kv"
    JSON = "json"


@app.callback()
def group() -> None:
    """Spend against the limits."""


@app.command("summary")
def summary(
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
    """Show where every budget stands: spend, limit, percent, and which one governs.

    Example: corvus cost summary --session 4c1e…
    """
    require_session(session, mission)
    from corvus.answers.status import summary_body
    from corvus.cli import summary_table, summary_text
    from corvus.cli.times import clock_at
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or [], sets=sets or (), ledger=ledger, clock=clock_at(as_of))
    warn_unused(runtime)
    status = runtime.status(session, mission, recorded=as_of is not None)
    match output or (Format.TABLE if is_terminal() else Format.KV):
        case Format.JSON:
            print(json_text(summary_body(runtime.policy, runtime.config_shown, status)))
        case Format.KV:
            print("\n".join(summary_text.kv(runtime, status)))
        case Format.TABLE:
            summary_table.print_table(runtime, status)


app.command("history", help=HISTORY_HELP)(history)
app.command("budgets")(budgets)
app.command("override")(override)
app.command("reset")(reset)
app.command("audit")(audit)
