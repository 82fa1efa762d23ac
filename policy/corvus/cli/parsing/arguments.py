"""Command lines that corvus reads itself, and the one style of their mistakes (CLI-8).

A mistake is one line that says what is wrong and what was most likely meant, and one line of usage:

    error: unexpected argument '--stict'; did you mean '--strict'?
    usage: corvus check [OPTIONS] [PATH ...]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from corvus.cli.exits import Exit

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Group: TypeAlias = argparse._ArgumentGroup  # pyright: ignore[reportPrivateUsage]
"""A part of the help; argparse gives its type no public name."""

_WIDTH: Final = 96
_UNKNOWN: Final = "unrecognized arguments: "
_VALUE: Final = re.compile(r"argument ([^:]+): (.*)\Z", re.DOTALL)
_CHOICE: Final = re.compile(r"invalid choice: (.+?) \(choose from", re.DOTALL)
_NEEDS: Final = re.compile(r"expected (?:one|at least one|[0-9]+) arguments?\Z")


class ArgumentParser(argparse.ArgumentParser):
    """A parser whose mistakes are in the style of corvus; options are never abbreviated.

    Args:
        prog: The command, such as ``corvus check``.
        takes: What follows the options in the line of usage, such as ``[PATH ...]``.
    """

    def __init__(self, prog: str, takes: str, description: str, epilog: str) -> None:
        self._takes = takes
        super().__init__(
            prog=prog,
            usage=f"{prog} [OPTIONS] {takes}".rstrip(),
            description=description,
            epilog=epilog,
            # A fixed width: asking the terminal for its own imports shutil, for every option.
            formatter_class=partial(
                argparse.RawDescriptionHelpFormatter, width=_WIDTH, max_help_position=26
            ),
            allow_abbrev=False,
        )

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help; argparse passes over an output that nobody takes any more.

        Raises:
            OSError: Nobody takes it.
        """
        (sys.stdout if file is None else file).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Print a mistake and the line of usage to standard error, and end with exit code 2."""
        show_mistake(self._in_our_words(message), f"{self.prog} [OPTIONS] {self._takes}".rstrip())
        raise SystemExit(int(Exit.USAGE))

    def _in_our_words(self, message: str) -> str:
        if message.startswith(_UNKNOWN):
            first = message.removeprefix(_UNKNOWN).split(" ")[0]
            return unexpected(first, self._option_string_actions)
        if (found := _VALUE.match(message)) is None:
            return message
        option, words = f"'{found[1].split('/')[0]}'", found[2]
        if choice := _CHOICE.match(words):
            value = choice[1].strip("'\"")
            return invalid_value(value, option, self._choices(found[1].split("/")[0]))
        if _NEEDS.match(words):
            return f"{option} needs a value"
        return f"{option}: {words}"

    def _choices(self, option: str) -> Sequence[str]:
        action = self._option_string_actions.get(option)
        return [str(choice) for choice in (action and action.choices) or ()]


def unexpected(argument: str, known: Iterable[str]) -> str:
    """Say that an argument is none of a command, and which one was most likely meant."""
    from corvus.config.check.suggest import closest
    from corvus.diagnostics.plain import escape

    name = argument.partition("=")[0]
    near = closest(name, (option for option in known if option.startswith("--")))
    hint = f"; did you mean '{near}'?" if near else ""
    return f"unexpected argument '{escape(name)}'{hint}"


def invalid_value(value: str, option: str, choices: Sequence[str]) -> str:
    """Say that a value is none of the choices of an option, and which one was most likely meant.

    Args:
        value: As it was given.
        option: As it is shown, in quotes.
        choices: All of them; listed where none is near.
    """
    from corvus.config.check.suggest import closest
    from corvus.diagnostics.plain import escape

    near = closest(value, choices)
    hint = f"did you mean '{near}'?" if near else f"it takes {', '.join(choices)}"
    return f"invalid value '{escape(value)}' for {option}; {hint}"


def show_mistake(message: str, usage: str) -> None:
    """Print a mistake of a command line to standard error: what is wrong, and one line of usage."""
    print(f"error: {message}\nusage: {usage}", file=sys.stderr)
