"""What the settings know about a key, for messages: its table, bounds, choices and meaning.

Read from the JSON Schema of the settings model, so that a message and the published schema agree.
Loaded only when there is something to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from corvus.config.model.attributes import match_text
from corvus.config.model.fields import LIVE
from corvus.config.model.settings import Settings
from corvus.config.toml.values import Route, Table, is_table


@cache
def _document() -> Table:
    return Settings.model_json_schema()


def node(route: Route) -> Table:
    """Return the schema of a route; an empty table where the settings know nothing."""
    found: Table = _document()
    for part in route:
        found = _resolved(_child(_resolved(found), part))
    return _resolved(found)


def known_keys(table: Route) -> tuple[str, ...]:
    """Return the keys of a table in the order of the model."""
    schema = node(table)
    names = schema.get("propertyNames")
    if is_table(names):
        return tuple(str(name) for name in _list(_resolved(names), "enum"))
    properties = schema.get("properties")
    return tuple(properties) if is_table(properties) else ()


def meaning(route: Route) -> str:
    """Return what a key is, with its unit; nothing where the settings know nothing."""
    if route[-2:-1] == ("match",):
        return match_text(str(route[-1]))
    description = node(route).get("description")
    return description if isinstance(description, str) else ""


def choices(route: Route) -> tuple[str, ...]:
    """Return the words a key may have; nothing for a key that is no choice."""
    return tuple(str(word) for word in _list(node(route), "enum"))


def homes(key: str) -> tuple[Route, ...]:
    """Return the tables that have such a key; ``*`` stands for any name, 0 for any index."""
    return tuple(sorted(_tables_by_key().get(key, ()), key=repr))


@cache
def _tables_by_key() -> dict[str, list[Route]]:
    found: dict[str, list[Route]] = {}
    for route in routes():
        found.setdefault(str(route[-1]), []).append(route[:-1])
    return found


def _child(schema: Table, part: str | int) -> Table:
    if isinstance(part, int):
        items = schema.get("items")
        return items if is_table(items) else {}
    properties = schema.get("properties")
    child = properties.get(part) if is_table(properties) else None
    if child is None:
        child = schema.get("additionalProperties")
    return child if is_table(child) else {}


def _resolved(schema: Table) -> Table:
    """Follow a reference, and take the value's own branch of an optional key (TOML has no null)."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        definitions = _document()["$defs"]
        assert is_table(definitions)
        target = definitions[reference.removeprefix("#/$defs/")]
        assert is_table(target)
        return {**_resolved(target), **{key: schema[key] for key in schema if key != "$ref"}}
    branches = [branch for branch in _list(schema, "anyOf") if is_table(branch)]
    own = [branch for branch in branches if branch.get("type") != "null"]
    return {**_resolved(own[0]), **schema} if own else schema


def _list(schema: Table, key: str) -> list[object]:
    value = schema.get(key)
    return [*value] if isinstance(value, list) else []


def is_live(route: Route) -> bool:
    """Return whether a key may change while the gateway runs (API-4)."""
    return bool(node(route).get(LIVE))


def routes(table: Route = ()) -> Iterator[Route]:
    """Yield every key; ``*`` stands for any name, 0 for any index."""
    schema = node(table)
    properties = schema.get("properties")
    for name in properties if is_table(properties) else ():
        yield (*table, name)
        yield from routes((*table, name))
    if is_table(schema.get("additionalProperties")) and "propertyNames" not in schema:
        yield from routes((*table, "*"))
    if is_table(schema.get("items")):
        yield from routes((*table, 0))
