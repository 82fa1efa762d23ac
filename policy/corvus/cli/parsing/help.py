"""Makes help say what its texts say: typer reads markup in them, and names types as Python does.

Without it `[cost.prices]` in a help text is taken for a style and swallowed, a flag is shown as if
it took a value, an option as one that takes a `<list[Path]>`, and an argument stands in braces.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from rich.markup import escape

_NAMES: Final = {
    "str": "TEXT",
    "int": "NUMBER",
    "int range": "NUMBER",
    "float": "NUMBER",
    "Path": "PATH",
    "path": "PATH",
}


def plain_help(command: Any, context: Any = None) -> Any:
    """Return a command with all below it, its texts shown as they are written.

    Args:
        command: As typer made it; it is changed.
        context: That of the command above.
    """
    here = command.context_class(
        command, parent=context, info_name=command.name, **command.context_settings
    )
    for name in ("help", "short_help", "epilog"):
        if text := getattr(command, name, None):
            setattr(command, name, escape(text))
    asks_for_help = command.get_help_option(here)
    for parameter in (*command.params, *([asks_for_help] if asks_for_help else [])):
        if text := getattr(parameter, "help", None):
            parameter.help = escape(text)
        parameter.display_type_rich = partial(_type_shown, parameter)
        if parameter.param_type_name == "argument":
            parameter._usage_display_name = partial(_in_usage, parameter)
    for inner in getattr(command, "commands", {}).values():
        plain_help(inner, here)
    return command


def value_name(parameter: Any, context: Any) -> str:
    """Return what the value of an option is called: `PATH`, `TEXT`, `NUMBER`, or the choices."""
    if parameter.metavar:
        return str(parameter.metavar)
    inner: str = parameter.display_type(context).strip("<>").removeprefix("list[").rstrip("]")
    return _NAMES.get(inner, inner)


def _type_shown(parameter: Any, ctx: Any) -> str | None:
    """Return what is shown as the type; a flag has none, and an argument is named by its own."""
    if getattr(parameter, "is_flag", False) or parameter.param_type_name == "argument":
        return None
    return escape(value_name(parameter, ctx))


def _in_usage(argument: Any) -> str:
    """Return an argument as the line of usage has it: `NAME`, `[NAME]` or `NAME...`."""
    name: str = argument.metavar or argument.name.upper()
    if argument.nargs != 1 and not name.endswith("..."):
        name += "..."
    return name if argument.required or name.startswith("[") else f"[{name}]"
