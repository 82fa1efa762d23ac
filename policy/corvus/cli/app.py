"""The typer application: which commands there are.

The module of a command is imported when the command runs, or when all are listed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from functools import cache
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.main import get_command

from corvus.cli.exits import Exit
from corvus.cli.parsing.completion import PassedOn
from corvus.cli.parsing.help import plain_help
from corvus.cli.parsing.mistakes import UsageMistake, show
from corvus.version import __version__

_PASSED_ON: dict[str, object] = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}

_TO_COMMAND: dict[str, object] = {"allow_interspersed_args": False}
"""The own options of such a command end where the command begins that it runs."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"corvus {__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_version, is_eager=True, help="Print the version."
        ),
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
    from corvus.cli.migration.migrate import main

    raise typer.Exit(main(context.args))


def explain(context: typer.Context) -> None:
    """Explain a diagnostic code.

    Example: corvus explain unknown-key
    """
    from corvus.cli.explain import main

    raise typer.Exit(main(context.args))


def lsp(context: typer.Context) -> None:
    """Serve an editor: diagnostics while typing, fixes, hover, completion, spend of budgets.

    Example: corvus lsp
    """
    from corvus.cli.serving.lsp import main

    raise typer.Exit(main(context.args))


class _Entry(NamedTuple):
    """A command, or a group of them.

    Attributes:
        module: Of ``corvus.cli``, which has the function of its name; of a group, ``app``.
        help: Its line in the list of all, the first of its own text.
        panel: The part of that list in which it stands.
    """

    module: str
    help: str
    panel: str
    is_group: bool = False
    settings: dict[str, object] | None = None


_CONFIG, _SPEND, _RUN, _SERVE = "Config", "Spend", "Run", "Serve"
_PASSED = {"check": check, "migrate": migrate, "explain": explain}
COMMANDS = {
    "today": _Entry(
        "everyday.today",
        "Show what was spent today, on what, and what the budgets have left.",
        _SPEND,
    ),
    "statusline": _Entry(
        "everyday.statusline",
        "Print one line for the status line of Claude Code: session, day, what budgets have left.",
        _SPEND,
    ),
    "top": _Entry(
        "everyday.top",
        "Watch budgets, calls under way, refusals and what waits for you, live.",
        _SPEND,
    ),
    "sql": _Entry(
        "sql", "Ask the ledger in SQL: one SELECT, which reads its tables and nothing else.", _SPEND
    ),
    "status": _Entry(
        "status",
        "Show the config in force, whether store and ledger work, and what is under way.",
        _SPEND,
    ),
    "agent": _Entry(
        "agent",
        "Run an agent whose model calls are paid from the budgets.",
        _RUN,
        settings=_TO_COMMAND,
    ),
    "code": _Entry(
        "agent",
        "Run a coding agent, such as claude or codex, whose calls are paid from the budgets.",
        _RUN,
        settings=_TO_COMMAND,
    ),
    "demo": _Entry(
        "demo",
        "Check a config, import a real agent log and report its spend, in under ten seconds.",
        _CONFIG,
    ),
    "init": _Entry(
        "init",
        "Write a commented starter config; it checks clean, and refuses to overwrite one.",
        _CONFIG,
    ),
    "approve": _Entry(
        "serving.approve",
        "Let a parked call pass once, or list the calls that wait for a person.",
        _RUN,
    ),
    "config": _Entry(
        "config", "The settings in force, and changes of a config file.", _CONFIG, True
    ),
    "schema": _Entry(
        "schema", "The published schemas, and documents held against them.", _CONFIG, True
    ),
    "policy": _Entry("policy", "The compiled policy.", _CONFIG, True),
    "prices": _Entry("prices.commands", "What models cost, and which entry says so.", _SPEND, True),
    "usage": _Entry("usage", "Bring recorded usage in, and hand it on.", _SPEND, True),
    "cost": _Entry("cost", "Spend against the limits.", _SPEND, True),
    "report": _Entry(
        "report", "Spend reports: `corvus report list`, then `corvus report NAME`.", _SPEND, True
    ),
    "plan": _Entry(
        "planning.plan",
        "Show what a change of the config would have done to recorded calls.",
        _CONFIG,
    ),
    "reconcile": _Entry(
        "bills.reconcile",
        "Compare the ledger with the bill of a provider, by day and model, and say why they "
        "differ.",
        _SPEND,
    ),
    "pr": _Entry(
        "everyday.pr",
        "Show what the calls for a branch cost: sessions, models, cache, and what budgets have "
        "left.",
        _SPEND,
    ),
    "prove": _Entry(
        "bills.prove",
        "Sign that no budget of a period was exceeded but for what is named, or check that.",
        _SPEND,
    ),
    "ledger": _Entry("ledger", "The ledger of usage and the store of budgets.", _SPEND, True),
    "store": _Entry(
        "stores.commands",
        "The store of budgets: make it, examine it, move it to many hosts.",
        _SPEND,
        True,
    ),
    "gateway": _Entry(
        "serving.gateway",
        "Serve proxy, admin API and dashboard; all need a token of `corvus token create`.",
        _SERVE,
    ),
    "token": _Entry("serving.token", "Access tokens of the gateway.", _SERVE, True),
    "mcp": _Entry(
        "serving.mcp",
        "Serve an agent over MCP: what budgets have left, what a call would cost, reports.",
        _SERVE,
    ),
    "notify": _Entry(
        "serving.notify", "Notifications: where they go, and whether they arrive.", _SERVE, True
    ),
}
"""The commands that typer reads, in the order in which they are listed."""


def run(argv: list[str]) -> int:
    """Run the command line and return its exit code.

    Raises:
        PolicyError: What a command could not do; ``corvus.cli.main`` shows it.
    """
    argv = argv or _usual()
    named = (name for name in argv[:1] if name in COMMANDS)
    names = tuple(COMMANDS) if "_CORVUS_COMPLETE" in os.environ else tuple(named)
    try:
        code = _command_line(names)(args=argv, prog_name="corvus", standalone_mode=False)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            raise stop.__context__ from None  # typer ends with 1 where the reader of a pipe left
        return stop.code if isinstance(stop.code, int) else 0
    except typer.Abort:
        print("aborted", file=sys.stderr)
        return Exit.FINDINGS
    except UsageMistake as mistake:
        return show(mistake, argv)
    return code if isinstance(code, int) else 0


def _usual() -> list[str]:
    """Return what is run when nothing is named: the day, where there is something to show."""
    if "_CORVUS_COMPLETE" in os.environ:
        return []
    from corvus.cli.everyday.today import has_something

    return ["today"] if has_something() else []


@cache
def _command_line(names: tuple[str, ...]) -> Callable[..., object]:
    """Build the commands once: typer would do so at every call."""
    return plain_help(get_command(application(names)))


def application(names: Collection[str] = tuple(COMMANDS)) -> typer.Typer:
    """Return the command line.

    Args:
        names: The commands to import; of the others only the line of the list is there.
    """
    app = typer.Typer(
        name="corvus",
        help="Budgets as code for AI agents: check a config, price usage, ask for spend in SQL.",
        epilog="Start with `corvus demo`. Exit: 0 clean, 1 findings, 2 usage, 3 bug, 30 no ledger.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    passed: dict[str, Any] = {"cls": PassedOn, "context_settings": _PASSED_ON}
    for name, function in _PASSED.items():
        app.command(name, rich_help_panel=_CONFIG, **passed)(function)
    for name, entry in COMMANDS.items():
        if name not in names:
            app.command(
                name, help=entry.help, context_settings=_PASSED_ON, rich_help_panel=entry.panel
            )(_later(name))
        elif entry.is_group:
            group = import_module(f"corvus.cli.{entry.module}").app
            app.add_typer(group, name=name, rich_help_panel=entry.panel)
        else:
            function = getattr(import_module(f"corvus.cli.{entry.module}"), name)
            app.command(name, context_settings=entry.settings, rich_help_panel=entry.panel)(
                function
            )
    app.command("lsp", rich_help_panel=_SERVE, **passed)(lsp)
    return app


def _later(name: str) -> Callable[[typer.Context], None]:
    """Return what stands for a command that is not imported, and imports it when it is run."""

    def command(context: typer.Context) -> None:
        raise typer.Exit(run([name, *context.args]))

    return command
