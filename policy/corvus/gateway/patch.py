"""The body of ``PATCH admin/config`` as keys of the config file (API-4).

It writes nothing: it finds the budgets that are named, and refuses keys of which a change would
have no effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from corvus.base.errors import NothingNamed, RestartNeeded, SettingRefused
from corvus.config.layers.origins import above
from corvus.config.model import keys
from corvus.config.model.aliases import canonical, present
from corvus.config.toml.document import Document, read_document
from corvus.config.toml.values import Route, Table, as_items, is_table, quoted, shown, value_at

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
        NothingNamed: It names no key, or one without a value.
        RestartNeeded: Keys have no effect before a restart; it names all of them.
        SettingRefused: There is no such key, a budget is not in the file, or a higher layer decides
            a key.
    """
    values = dict(_routes(patch, read_document(raw, file)[0]))
    if not values or None in values.values():
        raise NothingNamed("name at least one key, each with a value")
    if fixed := tuple(shown(route) for route in values if not keys.is_live(route)):
        raise RestartNeeded(fixed)
    refuse_decided_above(values, layers)
    return {shown(route): _toml(value) for route, value in values.items()}


def with_canonical_keys(patch: Table) -> tuple[Table, tuple[str, ...]]:
    """Return a patch without deprecated keys, and the dotted paths of those that it had (DEP-5).

    A number stays what it is. Where a patch has both keys, that of the canonical one counts.
    """
    aliases = present(patch)
    for alias in aliases:
        patch = canonical(patch, alias, value_at(patch, alias.old))
    return patch, tuple(shown(alias.old) for alias in aliases)


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
    for table in ("governance", "mission"):
        for route, value in _leaves((table,), patch.get(table) or {}):
            if not keys.node(route):
                raise SettingRefused(f"there is no setting {shown(route)}")
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
