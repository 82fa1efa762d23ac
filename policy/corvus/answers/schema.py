"""The published schemas of what corvus says, and the objects that only they describe (SCH-1).

Each document of ``schemas/`` is made here, but for those of the config, which
``tools.generate.config_schemas`` makes.
"""

from __future__ import annotations

from corvus.answers.action import action_document
from corvus.answers.audit import audit_document
from corvus.answers.denial import denial_document
from corvus.answers.plan import plan_document
from corvus.answers.policy_tests import policy_bisect_document, policy_test_run_document
from corvus.answers.prices import price_document
from corvus.answers.proof import proof_document
from corvus.answers.shape import COUNT, Schema, array, closed, document, nullable, words
from corvus.answers.store import (
    ledger_reclaim_document,
    store_move_document,
    store_status_document,
)
from corvus.model.columns import COLUMNS

_TEXT: Schema = {"type": "string"}

REPORTS = closed(
    {
        "reports": array(
            closed(
                {
                    "report": words("Name, as area/name."),
                    "summary": words("What it tells."),
                    "parameters": array({"type": "string"}, "Names of its parameters."),
                }
            ),
            "Every report there is.",
        )
    }
)
REPORT = closed(
    {
        "report": words("Name, as area/name."),
        "title": words("For a person."),
        "columns": array(
            closed(
                {
                    "name": words("Key of the column in each row."),
                    "type": words("SQL type."),
                    "unit": nullable(words("Unit of its numbers.")),
                }
            ),
            "In the report's order.",
        ),
        "rows": array({"type": "object"}, "One object for each row, keyed by column."),
    }
)
HEALTH = closed({"status": {"const": "ok"}})
READY = closed(
    {
        "status": {"const": "ready"},
        "config": {
            "const": "broken",
            "description": "Only when the edited config cannot be used: the one before holds.",
        },
        "shadow": {
            "const": "broken",
            "description": "Only when the shadow policy cannot be used: nothing counts for it.",
        },
    },
    ["status"],
)


def published() -> dict[str, Schema]:
    """Return the files of ``schemas/`` that are about what corvus says, by name."""
    documents = {
        "diagnostics": diagnostics_document(),
        "budget-exceeded": denial_document(),
        "action-decision": action_document(),
        "audit-event": audit_document(),
        "plan": plan_document(),
        "policy-bisect": policy_bisect_document(),
        "policy-test-run": policy_test_run_document(),
        "price": price_document(),
        "proof": proof_document(),
        "usage-record": usage_record_document(),
        "store-status": store_status_document(),
        "store-move": store_move_document(),
        "ledger-reclaim": ledger_reclaim_document(),
    }
    return {f"{name}.schema.json": schema for name, schema in documents.items()}


def usage_record_document() -> Schema:
    """Return the schema of a usage record, as a row of the ledger."""
    return document(
        "usage-record",
        closed({column.name: column.json_schema() for column in COLUMNS}),
        title="What one call used and what it cost",
    )


def diagnostics_document() -> Schema:
    """Return the schema of what ``corvus check --format json`` prints."""
    position = _reference("position")
    definitions = {
        "diagnostic": _diagnostic(),
        "edit": _edit(),
        "file": _file(),
        "fix": _fix(),
        "label": closed({"message": _TEXT, "start": position, "end": position}),
        "position": _position(),
    }
    shape = closed(
        {
            "version": {"const": 1, "description": "Version of this format."},
            "files": array(_reference("file"), "Every file looked at, in order."),
            "diagnostics": array(_reference("diagnostic"), "By file, then by place."),
            "summary": closed(dict.fromkeys(("files", "errors", "warnings", "notes"), COUNT)),
        }
    )
    title = "The output of corvus check --format json"
    return {**document("diagnostics", shape, title=title), "$defs": definitions}


def _file() -> Schema:
    return _object(
        file={**_TEXT, "description": "As the user named it."},
        dialect={
            "enum": ["native", "corvus", "zeroclaw", "corvus|zeroclaw", None],
            "description": "What the file was checked as; corvus|zeroclaw where nothing tells the "
            "files of these runtimes apart: then a key that either has is accepted, and only what "
            "is wrong in both is found. null when the file could not be parsed.",
        },
        dialect_evidence=array(
            _TEXT,
            "What decided the dialect: keys, a part of the path, or a pattern of "
            "[governance.check.dialect]; empty when --dialect did, and when it is undecided.",
        ),
        deprecated_fields=array(_TEXT, "Dotted paths of deprecated keys in use."),
        ignored={**COUNT, "description": "How many findings comments in it ignore."},
    )


def _diagnostic() -> Schema:
    step: Schema = {"type": ["string", "integer"]}
    return _object(
        code={**_TEXT, "description": "Stable; see corvus explain."},
        url={**_TEXT, "format": "uri", "description": "The page that explains the code."},
        severity={"enum": ["error", "warning", "note"]},
        message=_TEXT,
        label={**_TEXT, "description": "A few words for the caret; may be empty."},
        file=_TEXT,
        start=_optional("position"),
        end={**_optional("position"), "description": "Exclusive."},
        related=array(_reference("label"), "Other places that explain it."),
        help=array(_TEXT, "What to do, one sentence each."),
        path=array(step, "Route of keys and indices; empty when it is about the file."),
        fix={
            **_optional("fix"),
            "description": "Edits that mend it, which a check of the result has shown; else null.",
        },
    )


def _fix() -> Schema:
    return _object(
        description={**_TEXT, "description": "What the edits do."},
        applicability={
            "enum": ["safe", "unsafe"],
            "description": "safe: the meaning in force stays, and --fix applies it. unsafe: a guess"
            " at what was meant, which --fix --unsafe-fixes applies.",
        },
        is_safe={"type": "boolean", "description": "Whether applicability is safe."},
        edits={
            **array(_reference("edit"), "By place, without overlap, all in the same file."),
            "minItems": 1,
        },
    )


def _edit() -> Schema:
    return _object(
        start=_reference("position"),
        end={**_reference("position"), "description": "Exclusive."},
        replacement={**_TEXT, "description": "Text to write in place of the stretch."},
    )


def _position() -> Schema:
    first: Schema = {"type": "integer", "minimum": 1}
    return _object(
        line={**first, "description": "1-based."},
        column={**first, "description": "1-based, in code points."},
        offset={**COUNT, "description": "Code points from the start, a BOM not counted."},
        byte_offset={**COUNT, "description": "Bytes from the start, a BOM counted."},
    )


def _object(**properties: Schema) -> Schema:
    return closed(properties)


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _optional(name: str) -> Schema:
    return nullable(_reference(name))
