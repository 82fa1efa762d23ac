"""Mistakes of command lines that typer reads, in the style of ``arguments`` (CLI-8)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any, Final, cast

import typer

from corvus.cli.exits import Exit
from corvus.cli.parsing.arguments import invalid_value, show_mistake, unexpected

# The classes of click are part of typer, which names none of those above publicly.
UsageMistake: Final = cast("type[Exception]", typer.BadParameter.__bases__[0])
"""What typer raises for a command line that it cannot read."""
_NO_ARGUMENTS: Final = "NoArgsIsHelpError"
_MISSING: Final = "MissingParameter"

_NO_COMMAND: Final = re.compile(r"No such command '(.*?)'\.", re.DOTALL)
_TOO_MANY: Final = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)\Z", re.DOTALL)
_NO_CHOICE: Final = re.compile(r"(?:Value error, )?'(.*?)' is not one of (.*?)\.?\Z", re.DOTALL)
_NEEDS: Final = re.compile(r"Option '(.*)' requires an argument\.?\Z")


def show(mistake: Any, argv: Sequence[str]) -> int:
    """Print a mistake and one line of usage to standard error; return the exit code.

    Args:
        mistake: An instance of ``UsageMistake``.
        argv: The command line.
    """
    if type(mistake).__name__ != _NO_ARGUMENTS:  # it has printed the help
        show_mistake(_words(mistake), _usage(mistake.ctx, argv))
    return Exit.USAGE


def _usage(context: Any, argv: Sequence[str]) -> str:
    if context is not None:
        return " ".join(context.get_usage().split()).removeprefix("Usage: ")
    names = itertools.takewhile(lambda word: not word.startswith("-"), argv)
    return " ".join(("corvus", *names, "[OPTIONS]"))


def _words(mistake: Any) -> str:
    context, message = mistake.ctx, str(mistake.message)
    if found := _NEEDS.match(message):
        return f"'{found[1]}' needs a value"
    if found := _NO_COMMAND.match(message):
        return _no_command(found[1], context)
    if found := _TOO_MANY.match(message):
        return unexpected(found[1].split(" ")[0], _options(context))
    if getattr(mistake, "option_name", None) is not None:
        return unexpected(mistake.option_name, _options(context))
    return _about_value(mistake, message)


def _about_value(mistake: Any, message: str) -> str:
    parameter = getattr(mistake, "param", None)
    hint = _hint(mistake, parameter)
    if type(mistake).__name__ == _MISSING:
        kind = getattr(parameter, "param_type_name", "argument")
        return f"missing {kind} {hint}".rstrip()
    if found := _NO_CHOICE.match(message):
        return invalid_value(found[1], hint, re.findall(r"'([^']*)'", found[2]))
    message = message.removeprefix("Value error, ").replace("Input should be", "it must be")
    return f"invalid value for {hint}: {message}" if hint else message


def _no_command(name: str, context: Any) -> str:
    from corvus.config.check.suggest import closest
    from corvus.diagnostics.plain import escape

    group = context.command_path
    near = closest(name, context.command.list_commands(context))
    hint = f"did you mean '{near}'?" if near else f"`{group} --help` lists them"
    return f"no command '{escape(name)}' of {group}; {hint}"


def _hint(mistake: Any, parameter: Any) -> str:
    given = getattr(mistake, "param_hint", None)
    if isinstance(given, str):
        return f"'{given}'"
    if given:
        return ", ".join(f"'{one}'" for one in given)
    if parameter is None:
        return ""
    names = [name for name in parameter.opts if name.startswith("--")]
    return f"'{names[0] if names else (parameter.metavar or parameter.name.upper())}'"


def _options(context: Any) -> list[str]:
    parameters = context.command.params if context else ()
    return [name for one in parameters for name in (*one.opts, *one.secondary_opts)]
