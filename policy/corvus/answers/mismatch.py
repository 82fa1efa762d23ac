"""What is wrong with a value by its schema, in words that repeat no value (SCH-4).

It reads the errors of ``jsonschema``, which has no types.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from corvus.config.check.suggest import closest

_TYPES: Final = {
    "array": "an array",
    "boolean": "a boolean",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


class Mismatch(NamedTuple):
    """One thing that is wrong with a value.

    Attributes:
        name: The member of the value that it is about; ``None`` is the value itself.
        words: What is wrong, to follow the name of the value.
        help: What was most likely meant.
    """

    name: str | None
    words: str
    help: tuple[str, ...] = ()


def leaves(error: Any) -> Iterator[Any]:
    """Yield what is wrong with a value that may be of several kinds, by the kind that is not null.

    Of several such kinds it is the one with which least is wrong.
    """
    branches: dict[int, list[Any]] = {}
    if error.validator in {"anyOf", "oneOf"}:
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
    kinds: list[Any] = error.validator_value if branches else []
    real = [found for branch, found in branches.items() if kinds[branch] != {"type": "null"}]
    if not real:
        yield error
        return
    for inner in min(real, key=len):
        yield from leaves(inner)


def mismatches(error: Any) -> Iterator[Mismatch]:
    """Yield what an error says, in our words."""
    bound, value = error.validator_value, error.instance
    match error.validator:
        case "additionalProperties":
            known = [*map(str, error.schema.get("properties", {}))]
            for name in (name for name in map(str, value) if name not in known):
                near = closest(name, known)
                help_ = (f"Did you mean `{near}`?",) if near else ()
                yield Mismatch(name, "is not known to the schema", help_)
        case "required":
            missing = ", ".join(f"`{name}`" for name in bound if name not in value)
            yield Mismatch(None, f"lacks {missing}")
        case "type":
            kinds = [bound] if isinstance(bound, str) else [*map(str, bound)]
            wanted = " or ".join(_TYPES[kind] for kind in kinds)
            yield Mismatch(None, f"must be {wanted}, not {_type_of(value)}")
        case keyword:
            yield Mismatch(None, _in_words(str(keyword), bound))


def _in_words(keyword: str, bound: Any) -> str:
    match keyword:
        case "enum":
            return f"must be one of {', '.join(map(json.dumps, bound))}"
        case "format" if bound == "date-time":
            return "must be an instant such as 2026-11-28T09:30:00Z"
        case _:
            start = _STARTS.get(keyword)
            return f"breaks `{keyword}` of the schema" if start is None else f"{start} {bound}"


_STARTS: Final = {
    "const": "must be",
    "format": "must be a",
    "maximum": "must be at most",
    "minItems": "must have at least this many items:",
    "minLength": "must have at least this many characters:",
    "minimum": "must be at least",
    "pattern": "must match",
}


def _type_of(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _TYPES["number"]
    names: dict[type, str] = {type(None): "null", bool: "boolean", str: "string", list: "array"}
    return _TYPES[names.get(type(value), "object")]
