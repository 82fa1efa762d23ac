"""``corvus config``: the settings in force and where they come from; changes of a file (CFG-5)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from corvus.cli.config_edit import apply_change, file_to_change, values_of
from corvus.cli.options import Config, Sets
from corvus.cli.output import console, is_terminal, json_text, shown
from corvus.cli.parsing.keys import Key, Words
from corvus.config.check.suggest import closest
from corvus.config.edit.change import set_keys, unset_key
from corvus.config.layers import origins
from corvus.config.layers.assignment import whole_key
from corvus.config.layers.load import Layers, load_layers
from corvus.config.layers.origins import EffectiveSetting
from corvus.config.model.aliases import ALIASES
from corvus.config.toml.values import Route, as_items, header, is_table, kind, value_at, written
from corvus.config.toml.values import shown as dotted
from corvus.diagnostics.model import ConfigError
from corvus.diagnostics.plain import escape

app = typer.Typer(help="The settings in force, and changes of a config file.", no_args_is_help=True)


Origin = Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")]


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
    output: Annotated[Literal["toml", "json", "table"], typer.Option("--format")] = "toml",
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Show all settings in force: files, CORVUS_... variables and --set over the defaults.

    Example: corvus config show --origin
    """
    layered = load_layers(config or (), sets or (), os.environ)
    rows = [row for row in origins.effective(layered.loaded) if not (changed and row.is_default)]
    match output:
        case "toml":
            print("\n".join(as_toml(layered, rows, origin=origin)))
        case "json":
            print(json_text(as_json(layered, rows)))
        case "table":
            print_table(layered, rows)


@app.command("get")
def get(
    key: Key,
    *,
    origin: Origin = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print a secret as it is instead of ***.")
    ] = False,
    output: Annotated[Literal["text", "json"], typer.Option("--format")] = "text",
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Print one setting in force; a table prints as TOML, a key that is not set as an empty line.

    Example: corvus config get cost.daily_limit_usd
    """
    layered = load_layers(config or (), sets or (), os.environ)
    found = find_setting(origins.effective(layered.loaded), key)
    if output == "json":
        rows = {dotted(row.route): row_json(row) for row in found.rows}
        print(json_text(rows if found.is_table else next(iter(rows.values()))))
    elif found.is_table:
        print("\n".join(toml_lines(found.rows, origin=origin)))
    else:
        (row,) = found.rows
        _print_one(bare(row, reveal=reveal), row.origin.place if origin else "")


File = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The file to change; default: the one that is read."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the diff and write nothing.")]


@app.command("set")
def set_(
    words: Words,
    *,
    config: File = None,
    dry_run: DryRun = False,
) -> None:
    """Set keys of a config file; comments and layout stay, and it must check as well as before.

    Several keys are set together or not at all.

    Example: corvus config set cost.daily_limit_usd=25 cost.session_limit_usd=5
    """
    values = values_of(words)
    path = file_to_change(config, os.environ)
    apply_change(path, lambda raw: set_keys(raw, str(path), values), dry_run=dry_run)


@app.command("unset")
def unset(key: Key, *, config: File = None, dry_run: DryRun = False) -> None:
    """Take a key or a table out of a config file, so that its default holds again.

    Example: corvus config unset cost.daily_limit_usd
    """
    path = file_to_change(config, os.environ)
    apply_change(path, lambda raw: unset_key(raw, str(path), key), dry_run=dry_run)


def _print_one(text: str, place: str) -> None:
    # A script gets the value byte for byte; a terminal must not be steered by it.
    print(escape(text) if is_terminal() else text, *((f"# {escape(place)}",) if place else ()))


class Setting(NamedTuple):
    """What a key stands for.

    Attributes:
        rows: One setting, or all settings of a table.
        is_table: Whether the key is that of a table.
    """

    rows: tuple[EffectiveSetting, ...]
    is_table: bool


def find_setting(rows: Sequence[EffectiveSetting], key: str) -> Setting:
    """Return the setting of a key, or all settings of a table.

    Args:
        rows: All settings in force.
        key: A dotted key as TOML writes it; an item of an array has an index.

    Raises:
        ConfigError: No such setting.
    """
    route = whole_key(key)
    if route is None:
        raise ConfigError(f"`{key}` is no key; write it as in cost.daily_limit_usd")
    below = tuple(row for row in rows if row.route[: len(route)] == route)
    if below:
        return Setting(below, is_table=below[0].route != route)
    inside = next((_inside(row, route) for row in rows if _holds(row, route)), None)
    if inside is None or inside.value is None:
        raise ConfigError(_unknown_setting(rows, route))
    return Setting((inside,), is_table=False)


def bare(row: EffectiveSetting, *, reveal: bool) -> str:
    """Return a value for a script: a string without quotes, nothing for a key that is not set.

    Args:
        row: The setting.
        reveal: Whether to write what may be a secret, which is ``***`` otherwise.
    """
    value = row.value if reveal else origins.masked(row.route, row.value)
    if value is None:
        return ""
    return str(value) if kind(value) == "string" else written(value)


def _holds(row: EffectiveSetting, route: Route) -> bool:
    return row.route == route[: len(row.route)] and kind(row.value) in {"table", "array"}


def _inside(row: EffectiveSetting, route: Route) -> EffectiveSetting:
    """Return an item of an array, or a key of a table, that is one setting as a whole."""
    value = value_at({"held": row.value}, ("held", *route[len(row.route) :]))
    return row._replace(route=route, value=value)


def _unknown_setting(rows: Sequence[EffectiveSetting], route: Route) -> str:
    name = dotted(route)
    new = next((alias.new for alias in ALIASES if alias.old == route), None)
    if new:
        return f"`{name}` is deprecated: ask for `{dotted(new)}`, as which it is read"
    known = sorted({dotted(row.route[:end]) for row in rows for end in (-1, None)})
    near = closest(name, known) or next((key for key in known if key.startswith(name)), None)
    hint = f"did you mean `{near}`?" if near else "run `corvus config show` for all"
    return f"no setting `{name}`: {hint}"


_COLUMN = 44
"""Comments stand at most this far to the right; longer lines push theirs out."""


def as_toml(layered: Layers, rows: Sequence[EffectiveSetting], *, origin: bool) -> list[str]:
    """Return lines of a valid document that holds what is in force.

    Args:
        layered: Where the settings are from.
        rows: The settings to show; those that have no value are left out.
        origin: Whether each line says in a comment where its value came from.
    """
    lines = [f"# {escape(layered.located.shown)}", *toml_lines(rows, origin=origin)]
    for key, place in origins.deprecated(layered.loaded):
        lines += ["", f"# deprecated key {key} at {escape(place.place)}"]
    return lines


def toml_lines(rows: Sequence[EffectiveSetting], *, origin: bool) -> list[str]:
    """Return settings under the headers of their tables."""
    tables: dict[Route, list[tuple[str, str]]] = {}
    for row in rows:
        if row.value is not None:
            value = written(origins.masked(row.route, row.value))
            line = f"{dotted(row.route[-1:])} = {value}"
            tables.setdefault(row.route[:-1], []).append((line, _origins(row)))
    lines: list[str] = []
    for table, entries in tables.items():
        lines += ["", header(table)]
        column = max((len(line) for line, _ in entries if len(line) <= _COLUMN), default=0)
        lines += [f"{line:<{column}}  # {note}" if origin else line for line, note in entries]
    return lines[1:]


def _origins(row: EffectiveSetting) -> str:
    places = [escape(place.place) for place in (row.origin, *row.shadowed)]
    return ", over ".join((places[0], ", ".join(places[1:]))) if places[1:] else places[0]


def as_json(layered: Layers, rows: Sequence[EffectiveSetting]) -> dict[str, object]:
    """Return the settings as JSON values, each with its origin; the exact amount is in ``toml``."""
    return {
        "version": 1,
        "config": layered.located.shown,
        "files": [str(path) for path in layered.located.paths],
        "settings": {dotted(row.route): row_json(row) for row in rows},
        "deprecated_fields": [
            {"key": key, "origin": place.place} for key, place in origins.deprecated(layered.loaded)
        ],
    }


def row_json(row: EffectiveSetting) -> dict[str, object]:
    """Return one setting as JSON values."""
    value = origins.masked(row.route, row.value)
    return {
        "value": plain(value),
        "toml": None if value is None else written(value),
        "layer": row.origin.layer.value,
        "origin": row.origin.place,
        "shadowed": [place.place for place in row.shadowed],
    }


def plain(value: object) -> object:
    """Return a value as JSON has it: a decimal is a number, a date a string."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case date():
            return value.isoformat()
        case _ if is_table(value):
            return {key: plain(inner) for key, inner in value.items()}
        case _:
            return [plain(item) for item in as_items(value)] or value


def print_table(layered: Layers, rows: Iterable[EffectiveSetting]) -> None:
    """Print a table for a person."""
    from rich.table import Table

    out = console()
    out.print(f"[bold]config[/] {shown(layered.located.shown)}")
    table = Table("key", "value", "origin")
    for row in rows:
        value = origins.masked(row.route, row.value)
        text = "[dim]not set[/]" if value is None else shown(written(value))
        style = "dim" if row.is_default else None
        table.add_row(shown(dotted(row.route)), text, shown(_origins(row)), style=style)
    out.print(table)
    for key, place in origins.deprecated(layered.loaded):
        out.print(f"[yellow]deprecated[/]  {shown(key)} at {shown(place.place)}")
