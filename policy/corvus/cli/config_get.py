"""Finds the setting that ``corvus config get`` asks for; says what was meant if there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from corvus.config.check.suggest import closest
from corvus.config.layers import origins
from corvus.config.layers.dotted import whole_key
from corvus.config.layers.origins import Effective
from corvus.config.model.aliases import ALIASES
from corvus.config.toml.values import Route, kind, shown, value_at, written
from corvus.diagnostics.model import ConfigError


class Found(NamedTuple):
    """What a key stands for.

    Attributes:
        rows: One setting, or all settings of a table.
        is_table: Whether the key is that of a table.
    """

    rows: tuple[Effective, ...]
    is_table: bool


def find(rows: Sequence[Effective], key: str) -> Found:
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
        return Found(below, is_table=below[0].route != route)
    inside = next((_inside(row, route) for row in rows if _holds(row, route)), None)
    if inside is None or inside.value is None:
        raise ConfigError(_unknown(rows, route))
    return Found((inside,), is_table=False)


def bare(row: Effective, *, reveal: bool) -> str:
    """Return a value for a script: a string without quotes, nothing for a key that is not set.

    Args:
        row: The setting.
        reveal: Whether to write what may be a secret, which is ``***`` otherwise.
    """
    value = row.value if reveal else origins.masked(row.route, row.value)
    if value is None:
        return ""
    return str(value) if kind(value) == "string" else written(value)


def _holds(row: Effective, route: Route) -> bool:
    return row.route == route[: len(row.route)] and kind(row.value) in {"table", "array"}


def _inside(row: Effective, route: Route) -> Effective:
    """Return an item of an array, or a key of a table, that is one setting as a whole."""
    value = value_at({"held": row.value}, ("held", *route[len(row.route) :]))
    return row._replace(route=route, value=value)


def _unknown(rows: Sequence[Effective], route: Route) -> str:
    name = shown(route)
    new = next((alias.new for alias in ALIASES if alias.old == route), None)
    if new:
        return f"`{name}` is deprecated: ask for `{shown(new)}`, as which it is read"
    near = closest(
        name, {shown(row.route) for row in rows} | {shown(row.route[:-1]) for row in rows}
    )
    hint = f"did you mean `{near}`?" if near else "run `corvus config show` for all"
    return f"no setting `{name}`: {hint}"
