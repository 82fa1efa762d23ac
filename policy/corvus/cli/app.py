"""The typer application: which commands there are.

What a command needs is imported only when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated

import typer
from typer.main import get_command

from corvus.cli import (
    agent,
    config_group,
    cost,
    demo,
    gateway,
    init,
    ledger,
    report,
    sql,
    status,
    token,
    usage,
)
from corvus.cli import policy as policy_cmd
from corvus.version import __version__

_PASSED_ON: dict[str, object] = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}

_TO_COMMAND: dict[str, object] = {"allow_interspersed_args": False}

app = typer.Typer(
    name="corvus",
    help="Budgets as code for AI agents: check a config, price usage, ask for spend in SQL.",
    epilog="Start with `corvus demo`. Exit: 0 clean, 1 findings, 2 usage, 3 bug, 30 no ledger.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"corvus {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Budgets as code for AI agents."""


@app.command("check", context_settings=_PASSED_ON)
def check(context: typer.Context) -> None:
    """Check config files: every problem with file:line:column.

    Example: corvus check corvus.toml
    """
    from corvus.cli.check import main

    raise typer.Exit(main(context.args))


@app.command("migrate", context_settings=_PASSED_ON)
def migrate(context: typer.Context) -> None:
    """Rewrite deprecated keys of config files; every other byte stays.

    Example: corvus migrate --diff corvus.toml
    """
    from corvus.cli.migrate import main

    raise typer.Exit(main(context.args))


@app.command("explain", context_settings=_PASSED_ON)
def explain(context: typer.Context) -> None:
    """Explain a diagnostic code.

    Example: corvus explain unknown-key
    """
    from corvus.cli.explain import main

    raise typer.Exit(main(context.args))


app.add_typer(config_group.app, name="config")
app.add_typer(policy_cmd.app, name="policy")
app.add_typer(usage.app, name="usage")
app.add_typer(cost.app, name="cost")
app.add_typer(report.app, name="report")
app.add_typer(ledger.app, name="ledger")
app.add_typer(token.app, name="token")
app.command("sql")(sql.sql)
app.command("status")(status.status)
app.command("gateway")(gateway.gateway)
app.command("agent", context_settings=_TO_COMMAND)(agent.agent)
app.command("code", context_settings=_TO_COMMAND)(agent.code)
app.command("demo")(demo.demo)
app.command("init")(init.init)


def run(argv: list[str]) -> int:
    """Run the command line and return its exit code.

    Raises:
        PolicyError: What a command could not do; ``corvus.cli.main`` tells it.
    """
    try:
        _command_line()(args=argv, prog_name="corvus")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


@cache
def _command_line() -> Callable[..., object]:
    """Build the commands once: typer would do so, for all of them, at every call of ``app``."""
    return get_command(app)
