"""``corvus policy decide``: whether an agent may act, for hooks and scripts (ACT-3).

The answer goes to standard output whatever it is; only ``allow`` ends with 0, so that a hook may
run a command behind ``&&``. Who acts is the local user (OVR-5).
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.cli.common import is_terminal, json_text, warn_unused
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets

if TYPE_CHECKING:
    from corvus.autonomy.decide import Action, ActionAnswer


class Format(StrEnum):
    """How an answer is shown."""

    TEXT = "text"
    KV = "kv"
    JSON = "json"


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
    output: Annotated[
        Format | None, typer.Option("--format", help="Default: text on a terminal, else kv.")
    ] = None,
) -> None:
    """Say whether an agent may act: allow, needs_approval or deny. Only allow exits with 0.

    Example: corvus policy decide --command "git push"
    """
    from corvus.runtime import local_actor, open_runtime

    action = _action(command, tool, tuple(paths or ()), reads_only, workspace)
    runtime = open_runtime(config or (), sets=sets or (), ledger=ledger)
    if record:
        warn_unused(runtime)
    answer = runtime.decide(action, local_actor(), approved=approved, record=record)
    _print(answer, output)
    if not answer.allowed:
        raise typer.Exit(Exit.DENIED_ACTION)


def _action(
    command: str | None,
    tool: str | None,
    paths: tuple[str, ...],
    reads_only: bool,
    workspace: str | None,
) -> Action:
    from corvus.autonomy.decide import SHELL, Action
    from corvus.autonomy.paths import Surroundings

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


def _print(answer: ActionAnswer, output: Format | None) -> None:
    from corvus.answers.action import ACTION
    from corvus.answers.kv import kv_value
    from corvus.diagnostics.plain import escape

    told = ACTION.body(answer)
    match output or (Format.TEXT if is_terminal() else Format.KV):
        case Format.JSON:
            print(json_text(told))
        case Format.TEXT:
            verdict = str(told["decision"]).replace("_", " ")
            counted = f" ({answer.admitted} of {answer.limit} actions in the last hour)"
            print(escape(f"{verdict}: {told['reason']}{counted if answer.is_counted else ''}"))
        case Format.KV:
            for name, value in told.items():
                print(f"{name}={kv_value(value)}")
