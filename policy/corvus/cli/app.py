"""The typer application: which commands there are.

The module of a command is imported when the command runs, or when all are listed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Annotated

import typer
from typer.main import get_command

from corvus.version import __version__

_PASSED_ON: dict[str, object] = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}

_TO_COMMAND: dict[str, object] = {"allow_interspersed_args": False}


def _version(wanted: bool) -> None:
    if wanted:
        print(f"corvus {__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Budgets as code for AI agents."""


def check(context: typer.Context) -> None:
    """Check config files: every problem with file:line:column.

    Example: corvus check corvus.toml
    """
    from corvus.cli.check import main

    raise typer.Exit(main(context.args))


def migrate(context: typer.Context) -> None:
    """Rewrite deprecated keys of config files; every other byte stays.

    Example: corvus migrate --diff corvus.toml
    """
    from corvus.cli.migrate import main

    raise typer.Exit(main(context.args))


def explain(context: typer.Context) -> None:
    """Explain a diagnostic code.

    Example: corvus explain unknown-key
    """
    from corvus.cli.explain import main

    raise typer.Exit(main(context.args))


_PASSED = {"check": check, "migrate": migrate, "explain": explain}
_GROUPS = ("config", "policy", "usage", "cost", "report", "ledger", "token")
_COMMANDS = {
    "sql": "sql",
    "status": "status",
    "gateway": "gateway",
    "agent": "agent",
    "code": "agent",
    "demo": "demo",
    "init": "init",
}
"""The other commands, each with the module of ``corvus.cli`` that has it."""
_BEFORE_A_COMMAND = {"agent", "code"}
"""Commands whose own options end where the command begins that they run."""


def run(argv: list[str]) -> int:
    """Run the command line and return its exit code.

    Raises:
        PolicyError: What a command could not do; ``corvus.cli.main`` shows it.
    """
    wanted = argv[0] if argv else ""
    is_known = wanted in {*_GROUPS, *_COMMANDS}
    try:
        _command_line(wanted if is_known else None)(args=argv, prog_name="corvus")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


@cache
def _command_line(name: str | None) -> Callable[..., object]:
    """Build the commands once: typer would do so, for all of them, at every call."""
    return get_command(application(name))


def application(name: str | None = None) -> typer.Typer:
    """Return the command line with all commands, or with one alone, which is quicker to import."""
    app = typer.Typer(
        name="corvus",
        help="Budgets as code for AI agents: check a config, price usage, ask for spend in SQL.",
        epilog="Start with `corvus demo`. Exit: 0 clean, 1 findings, 2 usage, 3 bug, 30 no ledger.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for passed, function in _PASSED.items():
        app.command(passed, context_settings=_PASSED_ON)(function)
    for group in _GROUPS:
        if name in (None, group):
            app.add_typer(import_module(f"corvus.cli.{group}").app, name=group)
    for command, module in _COMMANDS.items():
        if name in (None, command):
            function = getattr(import_module(f"corvus.cli.{module}"), command)
            settings = _TO_COMMAND if command in _BEFORE_A_COMMAND else None
            app.command(command, context_settings=settings)(function)
    return app
