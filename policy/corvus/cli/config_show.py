"""Writes the settings in force: as TOML with comments, as JSON, as a table (CFG-5).

Secrets are ``***`` on every surface.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from corvus.cli.common import console, shown
from corvus.config.layers import origins
from corvus.config.layers.load import Layered
from corvus.config.layers.origins import Effective
from corvus.config.toml.values import Route, as_items, header, is_table, written
from corvus.config.toml.values import shown as dotted
from corvus.diagnostics.plain import escape

_COLUMN = 44
"""Comments stand at most this far to the right; longer lines push theirs out."""


def as_toml(layered: Layered, rows: Sequence[Effective], *, origin: bool) -> list[str]:
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


def toml_lines(rows: Sequence[Effective], *, origin: bool) -> list[str]:
    """Return settings under the headers of their tables."""
    tables: dict[Route, list[tuple[str, str]]] = {}
    for row in rows:
        if row.value is not None:
            value = written(origins.masked(row.route, row.value))
            line = f"{dotted(row.route[-1:])} = {value}"
            tables.setdefault(row.route[:-1], []).append((line, _comment(row)))
    lines: list[str] = []
    for table, entries in tables.items():
        lines += ["", header(table)]
        column = max((len(line) for line, _ in entries if len(line) <= _COLUMN), default=0)
        lines += [f"{line:<{column}}  # {note}" if origin else line for line, note in entries]
    return lines[1:]


def _comment(row: Effective) -> str:
    places = [escape(place.place) for place in (row.origin, *row.shadowed)]
    return ", over ".join((places[0], ", ".join(places[1:]))) if places[1:] else places[0]


def as_json(layered: Layered, rows: Sequence[Effective]) -> dict[str, object]:
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


def row_json(row: Effective) -> dict[str, object]:
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


def print_table(layered: Layered, rows: Iterable[Effective]) -> None:
    """Print a table for a person."""
    from rich.table import Table

    out = console()
    out.print(f"[bold]config[/] {shown(layered.located.shown)}")
    table = Table("key", "value", "origin")
    for row in rows:
        value = origins.masked(row.route, row.value)
        text = "[dim]not set[/]" if value is None else shown(written(value))
        style = "dim" if row.is_default else None
        table.add_row(shown(dotted(row.route)), text, shown(_comment(row)), style=style)
    out.print(table)
    for key, place in origins.deprecated(layered.loaded):
        out.print(f"[yellow]deprecated[/]  {shown(key)} at {shown(place.place)}")
