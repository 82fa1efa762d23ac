"""What the settings know of a key, as texts for a person who edits it."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from corvus.config.check.documents import load_documents
from corvus.config.layers.origins import effective
from corvus.config.model import keys
from corvus.config.model.aliases import ALIASES, Alias
from corvus.config.model.dialects import (
    GOVERNED,
    Dialect,
    host_keys,
    native_only_keys,
)
from corvus.config.toml.values import Route, Table, as_items, is_table, written

_KINDS: Final = {
    "number": "number",
    "integer": "integer",
    "string": "string",
    "boolean": "boolean",
    "array": "list",
    "object": "table",
}
_NAMES: Final = ("limits", "downgrade", "prices")
"""Tables whose keys are globs or names that nobody can list."""


class KeyFacts(NamedTuple):
    """A key of the settings.

    Attributes:
        meaning: What it is, with its unit.
        kind: Its type in TOML, in words.
        range: Its bounds; empty without any.
        choices: The words that it may be.
        default: As TOML writes it; empty where leaving it out means no value.
    """

    meaning: str
    kind: str
    range: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""

    @property
    def is_table(self) -> bool:
        """Whether its value is a table."""
        return self.kind == "table"


def facts(route: Route) -> KeyFacts | None:
    """Return what is known of a key; ``None`` for one that the settings do not have."""
    schema = keys.node(route)
    if not route or not schema:
        return None
    return KeyFacts(
        meaning=keys.meaning(route),
        kind=_kind(schema),
        range=_range(schema),
        choices=keys.choices(route),
        default=_default(route, schema),
    )


def items(route: Route) -> tuple[str, ...]:
    """Return the words that the items of a list may be."""
    schema = keys.node((*route, 0))
    for branch in as_items(schema.get("anyOf")):
        if is_table(branch) and branch.get("enum"):
            return tuple(map(str, as_items(branch["enum"])))
    return keys.choices((*route, 0))


def alias(route: Route) -> Alias | None:
    """Return the deprecation of a key, if it has one."""
    return next((each for each in ALIASES if each.old == route), None)


def keys_of(table: Route, dialect: Dialect) -> tuple[str, ...]:
    """Return the keys that a table may have in a file of a dialect, in the order of the model."""
    known = GOVERNED if not table else keys.known_keys(table)
    if dialect is Dialect.NATIVE:
        return tuple(known)
    refused = {route[-1] for route in native_only_keys() if _is_in(route, table)}
    hosts = host_keys(dialect, str(table[0]) if table else "top_level") if len(table) < 2 else ()
    allowed = [key for key in known if key not in refused or dialect is not Dialect.CORVUS]
    return (*allowed, *sorted(set(hosts) - set(allowed)))


def tables() -> tuple[tuple[Route, bool], ...]:
    """Return every table that can have a header, and whether it is an array of tables."""
    return tuple(_tables(()))


def tables_of_items(array: Route) -> tuple[str, ...]:
    """Return those keys of an item of an array that are tables, which can have a header, too."""
    item = (*array, 0)
    return tuple(key for key in keys.known_keys(item) if _kind(keys.node((*item, key))) == "table")


def _tables(table: Route) -> list[tuple[Route, bool]]:
    found: list[tuple[Route, bool]] = []
    for key in GOVERNED if not table else keys.known_keys(table):
        route = (*table, key)
        schema = keys.node(route)
        if _kind(schema) == "table":
            found.append((route, False))
            found += _tables(route)
        elif is_table(schema.get("items")) and _kind(keys.node((*route, 0))) == "table":
            found.append((route, True))
    return found


def _is_in(route: Route, table: Route) -> bool:
    holder = route[:-1]
    return len(holder) == len(table) and all(
        part in ("*", own) for part, own in zip(holder, table, strict=True)
    )


def _kind(schema: Table) -> str:
    named = schema.get("type")
    words = [str(word) for word in as_items(named)] or [str(named)]
    kinds = [_KINDS[word] for word in words if word in _KINDS]
    if "number" in kinds:
        return "number"
    return " or ".join(dict.fromkeys(kinds))


def _range(schema: Table) -> str:
    if not schema.get("minimum") and "maximum" not in schema:
        inner = schema.get("items")
        return _range(inner) if is_table(inner) and "maximum" in inner else ""
    least, most = schema.get("minimum"), schema.get("maximum")
    return f"{least:,} to {most:,}" if isinstance(least, int) and isinstance(most, int) else ""


def _default(route: Route, schema: Table) -> str:
    if route in _defaults():
        return _defaults()[route]
    value = schema.get("default")
    if value is None or is_table(value):
        return ""
    return written(value)


@cache
def _defaults() -> dict[Route, str]:
    """Return the defaults that are there without any file."""
    return {
        setting.route: written(setting.value)
        for setting in effective(load_documents(()))
        if setting.value is not None
    }
