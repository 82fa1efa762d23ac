"""What a model knows about a key, for messages: its table, bounds, choices and meaning.

Read from the JSON Schema of the model, so that a message and the published schema agree. The
functions are about the settings; other documents that people write have a model of their own.
Loaded only when there is something to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from corvus.config.model.attributes import match_text
from corvus.config.model.fields import LIVE, StrictTable
from corvus.config.model.settings import Settings
from corvus.config.toml.values import Route, Table, is_table


class Keys:
    """What a model knows about its keys.

    Args:
        model: Of a whole document.
    """

    def __init__(self, model: type[StrictTable]) -> None:
        self._model = model

    @cached_property
    def _document(self) -> Table:
        return self._model.model_json_schema()

    def node(self, route: Route) -> Table:
        """Return the schema of a route; an empty table where the model knows nothing."""
        found: Table = self._document
        for part in route:
            found = self._resolved(_child(self._resolved(found), part))
        return self._resolved(found)

    def known_keys(self, table: Route) -> tuple[str, ...]:
        """Return the keys of a table in the order of the model."""
        schema = self.node(table)
        names = schema.get("propertyNames")
        if is_table(names):
            return tuple(str(name) for name in _list(self._resolved(names), "enum"))
        properties = schema.get("properties")
        return tuple(properties) if is_table(properties) else ()

    def choices(self, route: Route) -> tuple[str, ...]:
        """Return the words a key may have; nothing for a key that is no choice."""
        return tuple(str(word) for word in _list(self.node(route), "enum"))

    def routes(self, table: Route = ()) -> Iterator[Route]:
        """Yield every key; ``*`` stands for any name, 0 for any index."""
        schema = self.node(table)
        properties = schema.get("properties")
        for name in properties if is_table(properties) else ():
            yield (*table, name)
            yield from self.routes((*table, name))
        if is_table(schema.get("additionalProperties")) and "propertyNames" not in schema:
            yield from self.routes((*table, "*"))
        if is_table(schema.get("items")):
            yield from self.routes((*table, 0))

    def homes(self, key: str) -> tuple[Route, ...]:
        """Return the tables that have such a key; ``*`` stands for any name, 0 for any index."""
        return tuple(sorted(self._tables_by_key.get(key, ()), key=repr))

    @cached_property
    def _tables_by_key(self) -> dict[str, list[Route]]:
        found: dict[str, list[Route]] = {}
        for route in self.routes():
            found.setdefault(str(route[-1]), []).append(route[:-1])
        return found

    def _resolved(self, schema: Table) -> Table:
        """Follow a reference, and take the own branch of an optional key (TOML has no null)."""
        reference = schema.get("$ref")
        if isinstance(reference, str):
            definitions = self._document["$defs"]
            assert is_table(definitions)
            target = definitions[reference.removeprefix("#/$defs/")]
            assert is_table(target)
            of_itself = {key: schema[key] for key in schema if key != "$ref"}
            return {**self._resolved(target), **of_itself}
        branches = [branch for branch in _list(schema, "anyOf") if is_table(branch)]
        own = [branch for branch in branches if branch.get("type") != "null"]
        return {**self._resolved(own[0]), **schema} if own else schema


SETTINGS = Keys(Settings)
"""What the settings know."""
node, known_keys, choices = SETTINGS.node, SETTINGS.known_keys, SETTINGS.choices
homes, routes = SETTINGS.homes, SETTINGS.routes


def meaning(route: Route) -> str:
    """Return what a key is, with its unit; nothing where the settings know nothing."""
    if route[-2:-1] == ("match",):
        return match_text(str(route[-1]))
    description = node(route).get("description")
    return description if isinstance(description, str) else ""


def _child(schema: Table, part: str | int) -> Table:
    if isinstance(part, int):
        items = schema.get("items")
        return items if is_table(items) else {}
    properties = schema.get("properties")
    child = properties.get(part) if is_table(properties) else None
    if child is None:
        child = schema.get("additionalProperties")
    return child if is_table(child) else {}


def _list(schema: Table, key: str) -> list[object]:
    value = schema.get(key)
    return [*value] if isinstance(value, list) else []


def is_live(route: Route) -> bool:
    """Return whether a key may change while the gateway runs (API-4)."""
    return bool(node(route).get(LIVE))
