"""``corvus agent`` and ``corvus code``: run a command whose model calls are paid from a budget.

The command's calls go through a proxy that lives as long as the command. Standard output is the
command's alone; what corvus says goes to standard error. Without an enforced budget nothing is run,
unless the user says so. A summary that fails is said and changes nothing about how the run ended
(CLI-4, CLI-5).
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from corvus.cli.options import Config, LedgerPath, Sets
from corvus.model.request import Surface

if TYPE_CHECKING:
    from corvus.cli.agents.run import RunRequest
    from corvus.runtime import Runtime

Command: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="COMMAND...", help="What to run, with its own options.")
]
Session: TypeAlias = Annotated[
    str | None,
    typer.Option("--session", envvar="CORVUS_SESSION_ID", help="Session of the run; default: new."),
]
MissionName: TypeAlias = Annotated[
    str | None, typer.Option("--mission", help="Run it as a mission of this name.")
]
Limit: TypeAlias = Annotated[
    str | None,
    typer.Option("--limit", metavar="USD", help="Limit of this run, or of its mission."),
]
Daily: TypeAlias = Annotated[
    str | None,
    typer.Option("--daily", metavar="USD", help="Limit of each day (UTC), over all runs."),
]
SessionLimit: TypeAlias = Annotated[
    str | None, typer.Option("--session-limit", metavar="USD", help="Limit of the session.")
]
Project: TypeAlias = Annotated[
    str | None,
    typer.Option("--project", help="Project that the session and its calls are of; default: none."),
]
Branch: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--branch",
        envvar="CORVUS_BRANCH",
        help="Branch that the calls are of; default: the one checked out here.",
    ),
]
OverrideBudget: TypeAlias = Annotated[
    bool, typer.Option("--override-budget", help="Lift the first block of the run, once.")
]
Ungoverned: TypeAlias = Annotated[
    bool, typer.Option("--ungoverned", help="Run it although no budget limits it.")
]
PassThrough: TypeAlias = Annotated[
    bool,
    typer.Option("--pass-through", help="Leave the command its own log-in instead of our keys."),
]
PassEnv: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--pass-env",
        metavar="NAME",
        help="Hand the command this variable although it may hold a key; repeatable.",
    ),
]
Quiet: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say only what goes wrong: no first line, no summary.")
]


def agent(
    command: Command,
    *,
    session: Session = None,
    project: Project = None,
    mission: MissionName = None,
    limit: Limit = None,
    daily: Daily = None,
    session_limit: SessionLimit = None,
    branch: Branch = None,
    override_budget: OverrideBudget = False,
    ungoverned: Ungoverned = False,
    pass_through: PassThrough = False,
    pass_env: PassEnv = None,
    quiet: Quiet = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Run an agent whose model calls are paid from the budgets.

    Without a budget in force nothing is run. Its limits hold with or without a config; where the
    config has one for the same period, the lower binds.

    Example: corvus agent --mission triage --limit 2.50 -- python agent.py
    """
    from corvus.cli.agents.run import RunRequest
    from corvus.cli.agents.run_text import read_limits, read_project

    limits = read_limits(limit, daily, session_limit)
    request = RunRequest(
        Surface.CLI_AGENT,
        session,
        mission,
        limits,
        override_budget,
        ungoverned,
        pass_through,
        tuple(pass_env or ()),
        branch or None,
        is_quiet=quiet,
        project=read_project(project),
    )
    _run(command, request, config, sets, ledger)


def code(
    command: Command,
    *,
    session: Session = None,
    project: Project = None,
    mission: MissionName = None,
    limit: Limit = None,
    daily: Daily = None,
    session_limit: SessionLimit = None,
    branch: Branch = None,
    override_budget: OverrideBudget = False,
    ungoverned: Ungoverned = False,
    pass_through: PassThrough = False,
    pass_env: PassEnv = None,
    quiet: Quiet = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Run a coding agent, such as claude or codex, whose calls are paid from the budgets.

    Without a budget in force nothing is run. Its limits hold with or without a config; where the
    config has one for the same period, the lower binds.

    Example: corvus code --daily 5 -- claude -p "fix the tests"
    """
    from corvus.cli.agents.run import RunRequest
    from corvus.cli.agents.run_text import read_limits, read_project

    limits = read_limits(limit, daily, session_limit)
    request = RunRequest(
        Surface.CLI_CODE,
        session,
        mission,
        limits,
        override_budget,
        ungoverned,
        pass_through,
        tuple(pass_env or ()),
        branch or None,
        is_quiet=quiet,
        project=read_project(project),
    )
    _run(command, request, config, sets, ledger)


def _run(
    command: list[str], request: RunRequest, config: Config, sets: Sets, ledger: LedgerPath
) -> None:
    from corvus.cli.agents.child import find_command
    from corvus.cli.agents.run import Run
    from corvus.runtime import open_runtime

    find_command(command[0], os.environ.get("PATH"))  # before anything is said of its key
    runtime = open_runtime(config or (), sets=sets or (), ledger=ledger)
    if request.surface == Surface.CLI_CODE and not request.pass_through:
        request = _with_log_in(command, request, runtime)
    raise typer.Exit(Run(runtime, request).go(command))


def _with_log_in(command: list[str], request: RunRequest, runtime: Runtime) -> RunRequest:
    """Let a coding agent without a key keep its own log-in, and say so."""
    from corvus.cli.agents.log_in import missing_key
    from corvus.cli.agents.run_text import say

    missing = missing_key(command, runtime.gateway, os.environ)
    if missing is None:
        return request
    say(missing.line)
    if not missing.has_log_in:
        return request
    return replace(request, pass_through=True, log_in_of=missing.kind)
