"""The reference of keys in ``docs/reference/configuration.md``, made from the published schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from corvus.config.model.dialects import Dialect
from tools.generate.config_schemas import document
from tools.generate.tables import as_cell

PAGE: Final = "docs/reference/configuration.md"
_HEAD: Final = """\
# Configuration

Every key of `corvus.toml`, with its kind, bounds, default and meaning; written by
`python -m tools generate` from `schemas/config.native.schema.json`. How layers, variables and
`--set` go together is in [configuration for programs](../settings.md) and in the
[guide for developers](../guides/developer.md), budgets by example in [budgets](../budgets.md).
Amounts are USD with at most 9 decimal places; the names of days, weeks and months are those of the
`timezone` of a budget, else of UTC.
"""

Schema = Any
"""A table of a JSON Schema: a mapping from words to values of any kind."""


def published() -> str:
    """Return the text of the page."""
    root: Any = document(Dialect.NATIVE)
    sections: list[str] = []
    for name in sorted(root["properties"]):
        sections += _table(root["properties"][name], root["$defs"], name, f"[{name}]")
    return "\n".join([_HEAD, *sections])


def _table(schema: Schema, known: Schema, path: str, header: str) -> Iterator[str]:
    body = _resolved(schema, known)
    rows: list[str] = []
    below: list[tuple[Schema, str, str]] = []
    required = set(body.get("required", ()))
    for key, value in sorted(body.get("properties", {}).items()):
        inner, inside, heading = _inside(value, known, f"{path}.{key}")
        if inner is not None:
            below.append((inner, inside, heading))
            continue
        rows.append(_row(key, _resolved(value, known), known, key in required))
    yield f"## `{header}`\n\n{schema.get('description') or body.get('description', '')}\n"
    if rows:
        yield "\n".join(["| key | kind | default | meaning |", "|---|---|---|---|", *rows, ""])
    for inner, inside, heading in below:
        yield from _table(inner, known, inside, heading)


def _inside(value: Schema, known: Schema, path: str) -> tuple[Schema | None, str, str]:
    """Return the table that stands below a key, its path, and its header; None for a value."""
    body = _resolved(value, known)
    if "properties" in body:
        return value, path, f"[{path}]"
    entry = body.get("additionalProperties")
    if isinstance(entry, Mapping) and "properties" in _resolved(entry, known):
        return _with(entry, value), f"{path}.NAME", f"[{path}.NAME]"
    items = body.get("items")
    if isinstance(items, Mapping) and "properties" in _resolved(items, known):
        return _with(items, value), path, f"[[{path}]]"
    return None, path, ""


def _row(key: str, value: Schema, known: Schema, required: bool) -> str:
    default = value.get("default")
    shown = "required" if required else "" if default is None else f"`{_written(default)}`"
    text = as_cell(value.get("description", ""))
    return f"| `{key}` | {as_cell(_kind(value, known))} | {as_cell(shown)} | {text} |"


def _kind(value: Schema, known: Schema) -> str:
    value = _resolved(value, known)
    if "enum" in value:
        return ", ".join(f"`{_written(one)}`" for one in value["enum"])
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_kind(one, known) for one in value["anyOf"]))
    if isinstance(entry := value.get("additionalProperties"), Mapping):
        return f"table of {_kind(entry, known)}"
    if isinstance(items := value.get("items"), Mapping):
        return f"array of {_kind(items, known)}"
    kinds = value.get("type", "value")
    name = "amount" if isinstance(kinds, list) else kinds
    return name + _bounds(value)


def _bounds(value: Schema) -> str:
    low, high = value.get("minimum"), value.get("maximum")
    if low is None:
        return ""
    return f", {low} or more" if high is None else f", {low} to {high}"


def _resolved(schema: Schema, known: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = known[schema["$ref"].rpartition("/")[2]]
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def _with(body: Schema, above: Schema) -> Schema:
    """Return the body of what a key holds, described as the key is."""
    return body | {"description": above["description"]} if "description" in above else body


def _written(value: object) -> str:
    """Write a value as TOML does; those of the schema are spelt alike in JSON."""
    return json.dumps(value, ensure_ascii=False)
