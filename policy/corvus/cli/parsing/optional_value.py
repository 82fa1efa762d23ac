"""A flag that takes a file where one follows: typer has no option whose value may be left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from typer.core import TyperCommand

CHART = "--chart"
IN_TERMINAL = "terminal"
"""The value of ``--chart`` where no file follows; a file has a suffix."""


class TakesChart(TyperCommand):
    """A command with ``--chart`` or ``--chart FILE``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; ``--chart`` without a file is one of the terminal."""
        return super().parse_args(ctx, [*with_value(args)])


def with_value(args: Sequence[str]) -> Iterator[str]:
    """Yield the words of a command line, ``--chart`` with a value in any case."""
    for word, following in zip_longest(args, args[1:], fillvalue=""):
        is_file = "." in following and not following.startswith("-")
        yield f"{CHART}={IN_TERMINAL}" if word == CHART and not is_file else word
