"""From the body of ``PATCH admin/config`` to keys of the file (API-4).

A named budget is found in the file by its name. Refuses what has no effect before a restart, and
what a layer above the file decides: the environment or the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from corvus.base.errors import EditRefused, SettingRefused
from corvus.config.layers.origins import above
from corvus.config.model import keys
from corvus.config.toml.document import Document, read_bytes, read_document
from corvus.config.toml.values import Route, as_items, is_table, quoted, shown
from corvus.gateway.api.bodies import ConfigPatch

_BUDGETS = ("cost", "budgets")
_GOVERNANCE_AT_RUN_TIME = {("governance", "observability", "metrics")}


def wanted_keys(
    patch: ConfigPatch, path: Path | None, layers: Sequence[Document]
) -> dict[str, str]:
    """Return the keys of the file that a patch sets, with their values as TOML.

    Args:
        patch: What is asked for.
        path: The file to change, in which named budgets are looked up.
        layers: Files, environment and command line of the config in force.

    Raises:
        EditRefused: It names no key, or one without a value.
        SettingRefused: A key has no effect before a restart, a budget is not in the file, or a
            higher layer decides a key.
    """
    values = dict(_routes(patch, path))
    if not values or None in values.values():
        raise EditRefused("name at least one key, each with a value")
    refuse_decided_above(values, layers)
    return {shown(route): _toml(value) for route, value in values.items()}


def refuse_decided_above(routes: Iterable[Route], layers: Sequence[Document]) -> None:
    """Refuse keys that the file does not decide: a change of it would have no effect.

    Raises:
        SettingRefused: The environment or the command line states one.
    """
    for route in routes:
        if place := above(route, layers):
            raise SettingRefused(
                f"{shown(route)} is decided by {place}, which stands above the file"
            )


def _routes(patch: ConfigPatch, path: Path | None) -> Iterator[tuple[Route, object]]:
    asked = patch.model_dump(exclude_unset=True)
    cost: dict[str, Any] = dict(asked.get("cost") or {})
    budgets: dict[str, dict[str, object]] = cost.pop("budgets", None) or {}
    for key, value in cost.items():
        yield ("cost", key), value
    for name, changes in budgets.items():
        route = _budget(name, path)
        for key, value in changes.items():
            yield (*route, key), value
    autonomy: dict[str, object] = asked.get("autonomy") or {}
    for key, value in autonomy.items():
        yield ("autonomy", key), value
    for route, value in _leaves(("governance",), asked.get("governance") or {}):
        if route not in _GOVERNANCE_AT_RUN_TIME:
            raise SettingRefused(_unchangeable(route))
        yield route, value


def _budget(name: str, path: Path | None) -> Route:
    raw = read_bytes(path, str(path))[0] if path is not None else None
    document = read_document(raw, str(path))[0] if raw is not None else None
    cost = document.data.get("cost") if document is not None else None
    found = as_items(cost.get("budgets")) if is_table(cost) else []
    for place, one in enumerate(found):
        if is_table(one) and one.get("name") == name:
            return (*_BUDGETS, place)
    raise SettingRefused(f"the config file has no budget {quoted(name)} in [[cost.budgets]]")


def _leaves(route: Route, value: object) -> Iterator[tuple[Route, object]]:
    if not is_table(value):
        yield route, value
        return
    for key, inner in value.items():
        yield from _leaves((*route, key), inner)


def _unchangeable(route: Route) -> str:
    if keys.node(route):
        return f"{shown(route)} takes effect at a restart only: change the file, then start anew"
    return f"there is no setting {shown(route)}"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case str():
            return quoted(value)
        case list():
            items = cast("list[object]", value)
            return f"[{', '.join(map(_toml, items))}]"
        case _:
            return str(value)
