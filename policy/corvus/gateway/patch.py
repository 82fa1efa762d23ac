"""The body of ``PATCH admin/config`` as keys of the config file (API-4).

It writes nothing: it finds the budgets that are named, and refuses keys of which a change would
have no effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from corvus.base.errors import EditRefused, SettingRefused
from corvus.config.layers.origins import above
from corvus.config.model import keys
from corvus.config.toml.document import Document, read_document
from corvus.config.toml.values import Route, as_items, is_table, quoted, shown

_BUDGETS = ("cost", "budgets")


def keys_of_patch(
    patch: Mapping[str, Any], raw: bytes, file: str, layers: Sequence[Document]
) -> dict[str, str]:
    """Return the keys of the file that a patch sets, with their values as TOML.

    Args:
        patch: The change.
        raw: The bytes of the file to change, in which named budgets are looked up.
        file: The file as messages name it.
        layers: Files, environment and command line of the config in force.

    Raises:
        EditRefused: It names no key, or one without a value.
        SettingRefused: A key has no effect before a restart, a budget is not in the file, or a
            higher layer decides a key.
    """
    values = dict(_routes(patch, read_document(raw, file)[0]))
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


def _routes(patch: Mapping[str, Any], document: Document | None) -> Iterator[tuple[Route, object]]:
    cost: dict[str, Any] = dict(patch.get("cost") or {})
    budgets: dict[str, dict[str, object]] = cost.pop("budgets", None) or {}
    for key, value in cost.items():
        yield ("cost", key), value
    for name, changes in budgets.items():
        route = _budget(name, document)
        for key, value in changes.items():
            yield (*route, key), value
    autonomy: dict[str, object] = patch.get("autonomy") or {}
    for key, value in autonomy.items():
        yield ("autonomy", key), value
    for route, value in _leaves(("governance",), patch.get("governance") or {}):
        if not keys.is_live(route):
            raise SettingRefused(_unchangeable(route))
        yield route, value


def _budget(name: str, document: Document | None) -> Route:
    cost = document.data.get("cost") if document is not None else None
    budgets = as_items(cost.get("budgets")) if is_table(cost) else []
    for place, budget in enumerate(budgets):
        if is_table(budget) and budget.get("name") == name:
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
        case dict():
            table = cast("dict[str, object]", value)
            pairs = (f"{shown((key,))} = {_toml(inner)}" for key, inner in table.items())
            return f"{{ {', '.join(pairs)} }}"
        case _:
            return str(value)
