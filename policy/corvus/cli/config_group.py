"""``corvus config``: the settings in force and where they come from; changes of a file (CFG-5)."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from corvus.cli.common import is_terminal, json_text
from corvus.cli.options import Config, Sets

app = typer.Typer(help="The settings in force, and changes of a config file.", no_args_is_help=True)


class ShowFormat(StrEnum):
    """How all settings are shown."""

    TOML = "toml"
    JSON = "json"
    TABLE = "table"


class GetFormat(StrEnum):
    """How one setting is shown."""

    TEXT = "text"
    JSON = "json"


Origin = Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")]
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="Dotted key as TOML writes it: cost.daily_limit_usd.")
]


@app.callback()
def group() -> None:
    """The settings in force, and changes of a config file."""


@app.command("show")
def show(
    *,
    origin: Origin = False,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what a file, a variable or --set sets.")
    ] = False,
    output: Annotated[ShowFormat, typer.Option("--format")] = ShowFormat.TOML,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Show all settings in force: files, CORVUS_... variables and --set over the defaults.

    Example: corvus config show --origin
    """
    from corvus.cli import config_show
    from corvus.config.layers.load import load_layers
    from corvus.config.layers.origins import effective

    layered = load_layers(config or (), sets or (), os.environ)
    rows = [row for row in effective(layered.loaded) if not (changed and row.is_default)]
    match output:
        case ShowFormat.TOML:
            print("\n".join(config_show.as_toml(layered, rows, origin=origin)))
        case ShowFormat.JSON:
            print(json_text(config_show.as_json(layered, rows)))
        case ShowFormat.TABLE:
            config_show.print_table(layered, rows)


@app.command("get")
def get(
    key: Key,
    *,
    origin: Origin = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print a secret as it is instead of ***.")
    ] = False,
    output: Annotated[GetFormat, typer.Option("--format")] = GetFormat.TEXT,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Print one setting in force; a table prints as TOML, a key that is not set as an empty line.

    Example: corvus config get cost.daily_limit_usd
    """
    from corvus.cli import config_get, config_show
    from corvus.config.layers.load import load_layers
    from corvus.config.layers.origins import effective
    from corvus.config.toml.values import shown

    layered = load_layers(config or (), sets or (), os.environ)
    found = config_get.find(effective(layered.loaded), key)
    if output is GetFormat.JSON:
        rows = {shown(row.route): config_show.row_json(row) for row in found.rows}
        print(json_text(rows if found.is_table else next(iter(rows.values()))))
    elif found.is_table:
        print("\n".join(config_show.toml_lines(found.rows, origin=origin)))
    else:
        (row,) = found.rows
        _print_one(config_get.bare(row, reveal=reveal), row.origin.place if origin else "")


File = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The file to change; default: the one that is read."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the diff and write nothing.")]


@app.command("set")
def set_(
    key: Key,
    value: Annotated[
        str,
        typer.Argument(
            metavar="VALUE", help="As TOML writes it: 25, true, '[\"a\"]'; a word is a string."
        ),
    ],
    *,
    config: File = None,
    dry_run: DryRun = False,
) -> None:
    """Set a key of a config file; comments and layout stay, and it must check as well as before.

    Example: corvus config set cost.daily_limit_usd 25
    """
    from corvus.cli.config_edit import apply, target
    from corvus.config.edit.change import set_key

    apply(set_key(target(config, os.environ), key, value), dry_run=dry_run)


@app.command("unset")
def unset(key: Key, *, config: File = None, dry_run: DryRun = False) -> None:
    """Take a key or a table out of a config file, so that its default holds again.

    Example: corvus config unset cost.daily_limit_usd
    """
    from corvus.cli.config_edit import apply, target
    from corvus.config.edit.change import unset_key

    apply(unset_key(target(config, os.environ), key), dry_run=dry_run)


def _print_one(text: str, place: str) -> None:
    from corvus.diagnostics.plain import escape

    # A script gets the value byte for byte; a terminal must not be steered by it.
    print(escape(text) if is_terminal() else text, *((f"# {escape(place)}",) if place else ()))
