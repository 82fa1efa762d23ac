"""How keys and values are written on the command line of ``corvus config``."""

from __future__ import annotations

from typing import Annotated

import typer

from corvus.cli.parsing.completion import config_keys

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="Dotted key as TOML writes it: cost.daily_limit_usd.",
        autocompletion=config_keys,
    ),
]
_VALUES = "A value as TOML writes it: 25, true, '[\"a\"]'; a word is a string."
Words = Annotated[
    list[str],
    typer.Argument(metavar="KEY VALUE | KEY=VALUE...", help=_VALUES, autocompletion=config_keys),
]
