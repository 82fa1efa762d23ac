"""JSON Schema 2020-12 of the config, one for each dialect, made from the settings model (SCH-1).

There is no second description of a key: bounds, words and texts come from ``settings``, host keys
from ``dialects``, deprecations from ``aliases``. What JSON Schema cannot say stands in a
``$comment`` (SCH-3).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal

from corvus.base.links import schema_url
from corvus.config.model.aliases import ALIASES, Alias
from corvus.config.model.attributes import match_text
from corvus.config.model.dialects import (
    DIALECTS,
    GOVERNED,
    Dialect,
    host_keys,
    required_keys,
)
from corvus.config.model.fields import LIVE, NATIVE_ONLY, StrictTable
from corvus.config.model.settings import Settings
from corvus.config.toml.values import Table, as_items, is_table, shown
from corvus.model.budget import TAG
from tools.generate.budget_schema import coherence

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_LIMITS_OF_SCHEMA = (
    "corvus check is the authority. JSON Schema takes 80.0 for an integer, and cannot compare keys "
    "of several tables, names of budgets, or decimal places. A TOML date is a string here. In a "
    "host's file, a misspelt table of corvus passes here for a section of the host."
)
_UNPUBLISHED = frozenset({"title", LIVE, NATIVE_ONLY})
_TITLES = {
    Dialect.NATIVE: "corvus.toml",
    Dialect.CORVUS: "The config of the corvus agent runtime, with its governed tables",
    Dialect.ZEROCLAW: "The config of the zeroclaw agent runtime, with its governed tables",
}


def published() -> dict[str, Table]:
    """Return the files of ``schemas/`` that are about the config, by name."""
    return {f"config.{dialect}.schema.json": document(dialect) for dialect in DIALECTS}


def document(dialect: Dialect) -> Table:
    """Return the schema of a dialect as data."""
    raw = Settings.model_json_schema()
    definitions = table_of(raw.pop("$defs"))
    if dialect is Dialect.CORVUS:
        _take_native_only(raw, *map(table_of, definitions.values()))
    tables: dict[str, object] = {
        name: for_editors(table_of(plain(with_defaults(name, table_of(body)))))
        for name, body in definitions.items()
    }
    root = table_of(plain(raw))
    budget = table_of(tables["BudgetSettings"])
    tables["BudgetSettings"] = {**budget, "allOf": coherence()}
    for alias in ALIASES:
        _add_alias(tables, alias, dialect)
    for table in (root, *map(table_of, tables.values())):
        describe_tables(table, tables)
    properties = table_of(root["properties"])
    for name in GOVERNED:
        _open(tables, name, dialect)
    for key in sorted(host_keys(dialect)):
        properties[key] = _unseen(f"Belongs to the {dialect} runtime; corvus never looks inside.")
    if dialect.is_host:
        root |= _of_host(dialect)
    return {
        "$schema": DRAFT,
        "$id": schema_url(f"config.{dialect}"),
        "$comment": _LIMITS_OF_SCHEMA,
        "title": _TITLES[dialect],
        "$defs": _used(root, tables),
        **{key: value for key, value in root.items() if key != "title"},
    }


def table_of(value: object) -> Table:
    """Return what pydantic has written as a table."""
    assert is_table(value), "pydantic writes tables here"
    return value


def plain(schema: object) -> object:
    """Take away null, which TOML lacks, and titles, which say nothing; write amounts as numbers."""
    if not is_table(schema):
        return [plain(item) for item in as_items(schema)] or schema
    cleaned: Table = {}
    for key, value in schema.items():
        if key in _UNPUBLISHED or (key == "default" and value is None):
            continue
        inner = table_of(value) if key == "properties" else None
        cleaned[key] = (
            {name: plain(body) for name, body in inner.items()} if inner else plain(value)
        )
    branches = [table_of(branch) for branch in as_items(cleaned.get("anyOf"))]
    own = [branch for branch in branches if branch.get("type") != "null"]
    if len(own) < len(branches):
        del cleaned["anyOf"]
        cleaned |= own[0]
    if cleaned.get("type") == "number" and isinstance(cleaned.get("default"), str):
        cleaned["default"] = _number(Decimal(str(cleaned["default"])))
    if cleaned.get("type") == "number":
        # JSON Schema means the same without the first, but tombi shows nothing at `5` then.
        cleaned["type"] = ["integer", "number"]
    return cleaned


def for_editors(table: Table) -> Table:
    """Say the same so that an editor shows one message for one mistake, and offers every key."""
    named = {
        key: _with_named_keys(table_of(body)) for key, body in table_of(table["properties"]).items()
    }
    required = as_items(table.get("required"))
    nested = [body for body in named.values() if "$ref" in body or "properties" in body]
    if not required or nested:
        return {**table, "properties": named}
    # A table in the place of a value is an unknown key already, such as the rest of a model's name
    # that was not quoted; that its parent lacks keys would be reported again for each of them.
    flat: Table = {"additionalProperties": {"not": {"type": "object"}}}
    rest = {key: value for key, value in table.items() if key != "required"}
    # Without the second `true` tombi takes the branch for a closed table that knows no key.
    demanded: Table = {"additionalProperties": True, "required": required}
    return {**rest, "properties": named, "if": flat, "then": demanded}


def _with_named_keys(schema: Table) -> Table:
    """Name the attributes of ``match``: editors do not complete from ``propertyNames``."""
    branches = as_items(table_of(schema.get("propertyNames", {})).get("anyOf"))
    names = [name for branch in branches for name in as_items(table_of(branch).get("enum"))]
    if not names:
        return schema
    each = table_of(schema["additionalProperties"])
    patterns = [str(branch["pattern"]) for branch in map(table_of, branches) if "pattern" in branch]
    return {
        **schema,
        "additionalProperties": {**each, "description": match_text(TAG)},
        "properties": {str(name): {**each, "description": match_text(str(name))} for name in names},
        "propertyNames": {"pattern": "|".join((*(f"^{name}$" for name in names), *patterns))},
    }


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def with_defaults(name: str, body: Table) -> Table:
    """State the default of a list, which pydantic leaves out because it is made by a function."""
    model = next(each for each in _models(StrictTable) if each.__name__ == name)
    if body.get("required"):
        return body
    example = model()
    properties = table_of(body["properties"])
    stated = {
        key: {"default": [*getattr(example, key)], **table_of(schema)}
        if table_of(schema).get("type") == "array"
        else schema
        for key, schema in properties.items()
    }
    return {**body, "properties": stated}


def _models(base: type[StrictTable]) -> Iterator[type[StrictTable]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def describe_tables(parent: Table, tables: Mapping[str, object]) -> None:
    """Say of each inner table what it is where it is named, too: an editor shows that place."""
    for body in map(table_of, table_of(parent["properties"]).values()):
        if "description" not in body and isinstance(reference := body.get("$ref"), str):
            named = table_of(tables[reference.removeprefix("#/$defs/")])
            body["description"] = named["description"]


def _add_alias(tables: dict[str, object], alias: Alias, dialect: Dialect) -> None:
    """Publish a deprecated key with its timeline (DEP-6), or as a host's own (DEP-7)."""
    properties = table_of(table_of(tables[_model_of(alias.old[0])])["properties"])
    if reading := alias.reading(dialect):
        meaning = f"The {reading.host} runtime reads it as {reading.meaning}; corvus does not."
        properties[alias.old[-1]] = _unseen(meaning)
        return
    canonical = table_of(properties[alias.new[-1]])
    properties[alias.old[-1]] = {
        **{key: value for key, value in canonical.items() if key != "default"},
        "deprecated": True,
        "description": f"{alias.timeline} Read as {shown(alias.new)}. {alias.reason}",
        "x-deprecation": {
            "deprecated": alias.deprecated,
            "removed": alias.removed,
            "replacement": shown(alias.new),
            "since": alias.since,
        },
    }


def _model_of(table: str) -> str:
    return f"{table.capitalize()}Settings"


def _take_native_only(*tables: Table) -> None:
    """Take away what the corvus runtime would refuse."""
    for table in tables:
        properties = table_of(table["properties"])
        table["properties"] = {
            key: body for key, body in properties.items() if not table_of(body).get(NATIVE_ONLY)
        }


def _open(tables: dict[str, object], name: str, dialect: Dialect) -> None:
    """Let a host's own keys of a governed table pass unseen."""
    properties = table_of(table_of(tables[_model_of(name)])["properties"])
    for key in sorted(host_keys(dialect, name)):
        properties[key] = _unseen(f"A key of the {dialect} runtime; corvus passes it over.")


def _of_host(dialect: Dialect) -> Table:
    """Return how the top level of a runtime's file differs: a section that is not known passes."""
    opened: Table = {"additionalProperties": _unseen(f"Unknown to corvus: left to {dialect}.")}
    refused = host_keys(Dialect.UNDECIDED) - host_keys(dialect)
    if dialect is Dialect.CORVUS:
        opened["propertyNames"] = {"not": {"enum": sorted(refused)}}
    if required := required_keys(dialect):
        opened["required"] = sorted(required)
    return opened


def _unseen(description: str) -> Table:
    """Describe a key of a host; without the first member tombi warns of every key inside."""
    return {"additionalProperties": True, "description": description}


def _used(root: Table, tables: Mapping[str, object]) -> Table:
    """Return the definitions that the root reaches."""
    text = json.dumps(root)
    used: Table = {}
    while True:
        more = {
            name: body
            for name, body in tables.items()
            if name not in used and f'"#/$defs/{name}"' in text
        }
        if not more:
            return used
        used |= more
        text += json.dumps(more)
