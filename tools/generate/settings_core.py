"""Reduces the core schema that pydantic made of ``settings`` to what ``corvus check`` runs.

Classes become tables with the same keys, and defaults go away: only "valid or not" is of interest.
Whatever is not understood is an error here, at build time, and not a difference at run time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

from corvus.config.model import keys
from corvus.config.model.fields import NATIVE_ONLY
from corvus.config.model.quick import FUNCTIONS, PATTERNS
from corvus.config.model.settings import Settings
from corvus.config.toml.values import is_table

_SILENT = frozenset(
    {"metadata", "ref", "serialization", "title", "computed_fields", "json_schema_input_schema"}
)


# The same as of every model; a table does not inherit it from the one that holds it.
_CONFIG = {"strict": True, "extra_fields_behavior": "forbid"}


def render() -> str:
    """Return the data file: the reduced schema, and the keys that only corvus.toml may have."""
    Settings.model_rebuild(force=True)
    data = {
        "native_only": [route for route in keys.routes() if keys.node(route).get(NATIVE_ONLY)],
        "schema": _reduced(Settings.__pydantic_core_schema__),
    }
    return json.dumps(data, sort_keys=True, separators=(",", ":")) + "\n"


def _reduced(schema: object) -> Any:
    if is_table(schema):
        return _reduced_table(schema)
    if isinstance(schema, list | tuple):
        return [_reduced(item) for item in cast("Iterable[object]", schema)]
    if isinstance(schema, Decimal):
        return {"$decimal": str(schema)}
    if schema is None or isinstance(schema, bool | int | str):
        return schema
    return {"$function": _name_of(schema)}


def _reduced_table(schema: dict[str, Any]) -> Any:
    match schema:
        case {"type": "default", "schema": inner}:
            return _reduced(inner)
        case {"type": "model", "schema": {"type": "model-fields", "fields": fields}}:
            keys = {name: _field(field["schema"]) for name, field in fields.items()}
            return {"type": "typed-dict", "config": _CONFIG, "fields": keys}
        case {"type": "str", "pattern": pattern} if pattern in PATTERNS:
            rest = {key: value for key, value in schema.items() if key != "pattern"}
            check = {"type": "no-info", "function": {"$pattern": pattern}}
            return {"type": "function-after", "function": check, "schema": _reduced(rest)}
        case _:
            return {key: _reduced(value) for key, value in schema.items() if key not in _SILENT}


def _field(schema: Any) -> dict[str, Any]:
    is_optional = schema["type"] == "default"
    return {"type": "typed-dict-field", "required": not is_optional, "schema": _reduced(schema)}


def _name_of(function: object) -> str:
    name = getattr(function, "__name__", "")
    if name not in FUNCTIONS:
        raise TypeError(f"{function!r} has no counterpart in corvus.config.model.quick")
    return name
