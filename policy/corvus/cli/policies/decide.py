"""``corvus policy decide``: what the policy says of an action (ACT-3).

It is for hooks and scripts: its answer goes to standard output whatever it is, and only ``allow``
ends with 0, so that a command may stand behind ``&&``. Who acts is the local user (OVR-5).
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from corvus.answers.action import ACTION
from corvus.autonomy.decide import SHELL, Action, ActionAnswer
from corvus.autonomy.paths import Surroundings
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened
from corvus.cli.output import TextOrBody, emit
from corvus.diagnostics.plain import escape
from corvus.diagnostics.secrets import scrub


def decide(
    *,
    command: Annotated[
        str | None, typer.Option("--command", help="The command, as it would be given to sh -c.")
    ] = None,
    tool: Annotated[
        str | None, typer.Option("--tool", help="A tool other than the shell, by its name.")
    ] = None,
    paths: Annotated[
        list[str] | None, typer.Option("--path", help="A path that it touches; repeatable.")
    ] = None,
    reads_only: Annotated[
        bool, typer.Option("--reads-only", help="The tool changes nothing; never counted.")
    ] = False,
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", help="Folder the agent works in; default: this one."),
    ] = None,
    approved: Annotated[
        bool, typer.Option("--approved", help="A person has approved it; lifts no denial.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Count it as an action if it is allowed.")
    ] = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Say whether an agent may act: allow, needs_approval or deny. Only allow exits with 0.

    Example: corvus policy decide --command "git push"
    """
    from corvus.runtime import local_actor

    action = _action(command, tool, tuple(paths or ()), reads_only, workspace)
    runtime = opened(config, ledger, sets)
    answer = runtime.decide(action, local_actor(), approved=approved, record=record)
    emit(output, lambda: ACTION.body(answer), lambda: _print_answer(answer))
    if not answer.allowed:
        raise typer.Exit(Exit.DENIED_ACTION)


def _action(
    command: str | None,
    tool: str | None,
    paths: tuple[str, ...],
    reads_only: bool,
    workspace: str | None,
) -> Action:
    if (command is None) == (tool is None):
        raise typer.BadParameter("name a command or a tool, one of them", param_hint="--command")
    home = os.path.expanduser("~")
    around = Surroundings(
        workspace=os.path.abspath(workspace or os.curdir), home=None if home == "~" else home
    )
    try:
        return Action(command, tool or SHELL, paths, reads_only, around)
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake), param_hint="--command, --tool") from None


def _print_answer(answer: ActionAnswer) -> None:
    verdict = answer.decision.verdict.value.replace("_", " ")
    counted = f" ({answer.admitted} of {answer.limit} actions in the last hour)"
    reason = scrub(answer.decision.reason)
    print(escape(f"{verdict}: {reason}{counted if answer.is_counted else ''}"))
