"""JSON Schema 2020-12 of policy tests, made from their model as those of the config are (SCH-1)."""

from __future__ import annotations

from corvus.base.links import schema_url
from corvus.config.model.case_tables import VERBS, CasesTable
from corvus.config.toml.values import Table
from tools.generate.config_schemas import (
    DRAFT,
    describe_tables,
    for_editors,
    plain,
    table_of,
    with_defaults,
)

NAME = "policy-test"
_COMMENT = (
    "corvus check is the authority: JSON Schema cannot compare names of cases and of calls, and "
    "knows no policy. A TOML date-time is a string here."
)


def published() -> dict[str, Table]:
    """Return the file of ``schemas/`` that is about policy tests, by name."""
    return {f"{NAME}.schema.json": document()}


def document() -> Table:
    """Return the schema as data."""
    raw = CasesTable.model_json_schema()
    definitions = table_of(raw.pop("$defs"))
    tables: dict[str, object] = {
        name: for_editors(table_of(plain(with_defaults(name, table_of(body)))))
        for name, body in definitions.items()
    }
    step = table_of(tables["StepTable"])
    tables["StepTable"] = {**step, "oneOf": [{"required": [verb]} for verb in VERBS]}
    root = table_of(plain(raw))
    for each in (root, *map(table_of, tables.values())):
        describe_tables(each, tables)
    return {
        "$schema": DRAFT,
        "$id": schema_url(NAME),
        "$comment": _COMMENT,
        "title": "Cases of a policy test",
        "$defs": tables,
        **{key: value for key, value in root.items() if key != "title"},
    }
