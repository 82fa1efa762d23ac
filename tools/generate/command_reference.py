"""The reference of commands in ``docs/reference/commands.md``, made from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from typer.main import get_command

from corvus.cli.app import application
from corvus.cli.parsing.completion import parser_of
from corvus.cli.parsing.help import value_name
from tools.generate.tables import as_cell

PAGE: Final = "docs/reference/commands.md"
_HEAD: Final = """\
# Commands

Every command with its arguments and options, as `corvus COMMAND --help` shows them; written by
`python -m tools generate`. What each `--format` is, and with which code commands end, is in
[outputs](../outputs.md).
"""


class Parameter(NamedTuple):
    """An argument or an option.

    Attributes:
        names: Its spellings; of an argument, the word that stands for it.
        takes: What follows an option; empty for a switch.
        text: What it means.
        required: Whether the command needs it.
    """

    names: tuple[str, ...]
    takes: str
    text: str
    required: bool = False


class Command(NamedTuple):
    """A command: its full name, its help, and what it takes."""

    name: str
    text: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    is_group: bool = False


def published() -> str:
    """Return the text of the page."""
    found = [*commands()]
    top = [one for one in found if one.name.count(" ") == 1]
    listed = "\n".join(f"| [`{one.name}`](#{_anchor(one.name)}) | {_first(one)} |" for one in top)
    head = f"{_HEAD}\n| command | what it does |\n|---|---|\n{listed}\n"
    return "\n".join([head, *map(_section, found)])


def commands() -> Iterator[Command]:
    """Yield every command, each group before what is in it."""
    root: Any = get_command(application())
    yield from _below(root, "corvus", None)


def _below(group: Any, name: str, above: Any) -> Iterator[Command]:
    here = group.context_class(group, parent=above, info_name=group.name)
    for word, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        full = f"{name} {word}"
        parser = parser_of(word)
        if parser is not None and name == "corvus":
            yield _parsed(full, command.help or "", parser)
            continue
        yield _typed(full, command, here)
        if hasattr(command, "commands"):
            yield from _below(command, full, here)


def _typed(name: str, command: Any, above: Any) -> Command:
    context = command.context_class(command, parent=above, info_name=command.name)
    arguments: list[Parameter] = []
    options: list[Parameter] = []
    for one in command.get_params(context):
        if getattr(one, "hidden", False) or "--help" in one.opts:
            continue
        text = " ".join((getattr(one, "help", "") or "").split())
        if one.param_type_name == "argument":
            arguments.append(Parameter((_word(one),), "", text, one.required))
        else:
            takes = "" if one.is_flag else value_name(one, context)
            names = (*one.opts, *one.secondary_opts)
            options.append(Parameter(names, takes, text, one.required))
    is_group = hasattr(command, "commands")
    return Command(name, command.help or "", (*arguments,), (*options,), is_group)


def _word(argument: Any) -> str:
    word = (argument.metavar or argument.name.upper()).strip("[].{}")
    return f"{word} ..." if argument.nargs == -1 else word


def _parsed(name: str, text: str, parser: argparse.ArgumentParser) -> Command:
    arguments: list[Parameter] = []
    options: list[Parameter] = []
    for one in parser._actions:  # pyright: ignore[reportPrivateUsage]
        if one.help == argparse.SUPPRESS or "--help" in one.option_strings:
            continue
        words = " ".join((one.help or "").replace("%%", "%").split())
        metavar = one.metavar if isinstance(one.metavar, str) else one.dest.upper()
        if not one.option_strings:
            arguments.append(Parameter((metavar,), "", words))
            continue
        choices = "|".join(map(str, one.choices)) if one.choices else metavar
        takes = "" if one.nargs == 0 else choices
        options.append(Parameter((*one.option_strings,), takes, words, one.required))
    return Command(name, text, (*arguments,), (*options,))


def _section(command: Command) -> str:
    level = "##" if command.name.count(" ") == 1 else "###"
    words = (one.names[0] if one.required else f"[{one.names[0]}]" for one in command.arguments)
    name = command.name.removesuffix(" NAME")  # of a report, which is a command
    usage = " ".join([name, "[OPTIONS]", *words])
    text = "\n\n".join(" ".join(part.split()) for part in command.text.split("\n\n"))
    lines = [f"{level} `{command.name}`", "", text.replace("<", "&lt;"), ""]
    if not command.is_group:
        lines += [f"Usage: `{usage}`", ""]
    explained = [one for one in command.arguments if one.text]
    if explained or command.options:
        lines += ["| takes | meaning |", "|---|---|"]
        lines += [f"| `{one.names[0]}` | {_cell(one)} |" for one in explained]
        lines += [f"| {_spelt(one)} | {_cell(one)} |" for one in command.options]
        lines.append("")
    return "\n".join(lines)


def _spelt(option: Parameter) -> str:
    long_first = sorted(option.names, key=lambda name: not name.startswith("--"))
    takes = f" {option.takes}" if option.takes else ""
    return ", ".join(f"`{as_cell(name + takes)}`" for name in long_first[:1]) + "".join(
        f", `{name}`" for name in long_first[1:]
    )


def _cell(one: Parameter) -> str:
    return as_cell(one.text) + (" Required." if one.required else "")


def _first(command: Command) -> str:
    return as_cell(command.text.strip().partition("\n\n")[0])


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
