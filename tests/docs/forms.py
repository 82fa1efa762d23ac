"""The forms of commands: which there are, and which options each takes."""

from __future__ import annotations

import re

from tools.generate.command_reference import commands

_TAKES = {one.name: {name for option in one.options for name in option.names} for one in commands()}
_EVERYWHERE = {"--help", "-h"}
OPTIONS = {option for takes in _TAKES.values() for option in takes} | {"--help", "--version"}
"""Those of any command."""


def mistake_in(command: str) -> str:
    """Return what is wrong with a command as a page spells it; nothing, if it is right."""
    words = command.partition(" -- ")[0].partition(" | ")[0].split()
    name = words[0]
    for word in words[1:]:
        if f"{name} {word}" not in _TAKES:
            break
        name += f" {word}"
    after = words[name.count(" ") + 1 :]
    if name == "corvus":
        return "" if not after or after[0].startswith("-") or after[0].isupper() else command
    takes = _TAKES[name] | _TAKES.get(f"{name} NAME", set()) | _EVERYWHERE
    options = [option for word in after for option in re.findall(r"^--?[a-z][a-z0-9-]*", word)]
    wrong = [option for option in options if option not in takes]
    return f"{command}: {name} has no {wrong[0]}" if wrong else ""
