"""JSON Schema of what ``corvus check --format json`` prints (SCH-1).

It stands apart from ``schema`` because it describes our own output, and nothing of the settings.
"""

from __future__ import annotations

from corvus.config.toml.values import Table

_COUNT: Table = {"type": "integer", "minimum": 0}
_TEXT: Table = {"type": "string"}


def diagnostics_document() -> Table:
    """Return the schema of the output as data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:corvus-policy:schema:diagnostics/v1",
        "title": "The output of corvus check --format json",
        "$defs": {
            "diagnostic": _diagnostic(),
            "edit": _edit(),
            "file": _file(),
            "fix": _fix(),
            "label": _object(
                message=_TEXT, start=_reference("position"), end=_reference("position")
            ),
            "position": _position(),
        },
        **_object(
            version={"const": 1, "description": "Version of this format."},
            files=_array(_reference("file"), "Every file looked at, in order."),
            diagnostics=_array(_reference("diagnostic"), "By file, then by place."),
            summary=_object(files=_COUNT, errors=_COUNT, warnings=_COUNT, notes=_COUNT),
        ),
    }


def _file() -> Table:
    return _object(
        file={**_TEXT, "description": "As the user named it."},
        dialect={
            "enum": ["native", "corvus", "zeroclaw", None],
            "description": "What the file was checked as; null when it could not be parsed.",
        },
        dialect_evidence=_array(_TEXT, "The keys that decided the dialect; empty when pinned."),
        deprecated_fields=_array(_TEXT, "Dotted paths of deprecated keys in use."),
        ignored={**_COUNT, "description": "How many findings comments in it ignore."},
    )


def _diagnostic() -> Table:
    step: Table = {"type": ["string", "integer"]}
    return _object(
        code={**_TEXT, "description": "Stable; see corvus explain."},
        severity={"enum": ["error", "warning", "note"]},
        message=_TEXT,
        label={**_TEXT, "description": "A few words for the caret; may be empty."},
        file=_TEXT,
        start=_optional("position"),
        end={**_optional("position"), "description": "Exclusive."},
        related=_array(_reference("label"), "Other places that explain it."),
        help=_array(_TEXT, "What to do, one sentence each."),
        path=_array(step, "Route of keys and indices; empty when it is about the file."),
        fix={**_optional("fix"), "description": "How a program could mend it; null when unsure."},
    )


def _fix() -> Table:
    return _object(
        description={**_TEXT, "description": "What the edits do."},
        is_safe={"type": "boolean", "description": "Whether no meaning can be lost."},
        edits={
            **_array(_reference("edit"), "By place, without overlap, all in the same file."),
            "minItems": 1,
        },
    )


def _edit() -> Table:
    return _object(
        start=_reference("position"),
        end={**_reference("position"), "description": "Exclusive."},
        replacement={**_TEXT, "description": "Text to write in place of the stretch."},
    )


def _position() -> Table:
    first: Table = {"type": "integer", "minimum": 1}
    return _object(
        line={**first, "description": "1-based."},
        column={**first, "description": "1-based, in code points."},
        offset={**_COUNT, "description": "Code points from the start, a BOM not counted."},
        byte_offset={**_COUNT, "description": "Bytes from the start, a BOM counted."},
    )


def _object(**properties: Table) -> Table:
    """Describe an object that has exactly these keys."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [*properties],
        "additionalProperties": False,
    }


def _array(items: Table, description: str) -> Table:
    return {"type": "array", "items": items, "description": description}


def _reference(name: str) -> Table:
    return {"$ref": f"#/$defs/{name}"}


def _optional(name: str) -> Table:
    return {"anyOf": [_reference(name), {"type": "null"}]}
