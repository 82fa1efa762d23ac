"""``corvus mcp``: budgets, estimates and reports for agents (CLI-7).

It speaks the Model Context Protocol, to which standard output belongs; what the tools do is in
``corvus.cli.serving.agent_tools``.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from corvus.base.errors import GatewayRefused
from corvus.cli.options import Config, LedgerPath, Sets, opened


def mcp(
    *,
    allow: Annotated[
        bool,
        typer.Option(
            "--allow", help="Also offer the tools by which an agent lifts a block by itself."
        ),
    ] = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Serve an agent over MCP: what budgets have left, what a call would cost, reports.

    Its tools only read: status, the spend of today, estimates, reports. With --allow there are two
    more, which grant an override and decide parked calls; they are in the audit as done by you.

    Example: claude mcp add corvus -- corvus mcp
    """
    try:
        from corvus.cli.serving.agent_tools import server_of
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "corvus":
            raise
        raise GatewayRefused(
            f"corvus mcp needs {missing.name}: pip install 'corvus-policy[mcp]'"
        ) from None
    from corvus.cli.everyday.card import project_of_run, runtime_of_run

    of_run = None if config or sets or ledger else runtime_of_run(os.environ)
    runtime = of_run or opened(config, ledger, sets)
    server_of(runtime, lifts=allow, project=project_of_run(os.environ)).run("stdio")
