"""The shape of a public object: its members, from which JSON and its schema are made.

A member is described once: its name, what it means, its type, and where its value comes from. The
body of an object (API-1), the JSON Schema of ``schemas/`` and the OpenAPI of the gateway (SCH-1,
API-6) are read from there. Does not validate what is served, for that would slow every reservation;
tests hold real bodies against the schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar

from corvus.base.links import schema_url
from corvus.base.money import usd_text

Schema: TypeAlias = dict[str, Any]
S = TypeVar("S")
T = TypeVar("T")
V = TypeVar("V")
Read: TypeAlias = Callable[[S], V] | str
"""Where a value comes from: a function, or the path of an attribute; nothing is the name."""

COUNT: Schema = {"type": "integer", "minimum": 0}
PERCENT: Schema = {"type": "number", "minimum": 0}
INSTANT: Schema = {"type": "string", "format": "date-time", "description": "UTC, ISO 8601."}
_EXACT = r"^-?[0-9]+$"


@dataclass(frozen=True, slots=True)
class Member(Generic[S]):
    """A part of an object.

    Attributes:
        schemas: One for each key that it has in the object.
        write: Returns these keys with their values; none where it is absent.
        is_required: Whether it is always there.
    """

    schemas: Mapping[str, Schema]
    write: Callable[[S], Mapping[str, object]]
    is_required: bool = True


class Shape(Generic[S]):
    """An object as programs see it, made of what ``S`` holds; members keep their order.

    Args:
        *members: What it has.
        title: What it is, for a person; empty where whoever shows it says so.
    """

    def __init__(self, *members: Member[S], title: str = "") -> None:
        self.members = members
        self.properties = {
            name: schema for part in members for name, schema in part.schemas.items()
        }
        required = [name for part in members if part.is_required for name in part.schemas]
        self.schema = {"title": title} if title else {}
        self.schema |= closed(self.properties, required)

    def body(self, source: S) -> dict[str, object]:
        """Return the object as data for JSON."""
        body: dict[str, object] = {}
        for member in self.members:
            body.update(member.write(source))
        return body

    def bodies(self, sources: Iterable[S]) -> list[dict[str, object]]:
        """Return an object for each source."""
        return [self.body(source) for source in sources]


def closed(properties: Mapping[str, Schema], required: Iterable[str] | None = None) -> Schema:
    """Return the schema of an object with these members and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [*(properties if required is None else required)],
        "additionalProperties": False,
    }


def array(items: Schema, description: str) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items, "description": description}


def nullable(schema: Schema) -> Schema:
    """Return the schema of what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def words(description: str) -> Schema:
    """Return the schema of a text."""
    return {"type": "string", "description": description}


def choice(values: Iterable[str | None], description: str | None = None) -> Schema:
    """Return the schema of one of several words."""
    schema: Schema = {"enum": [*values]}
    return schema if description is None else {**schema, "description": description}


def instant_words(description: str) -> Schema:
    """Return the schema of an instant."""
    return {**INSTANT, "description": f"{description} UTC, ISO 8601."}


def exact_words(description: str) -> Schema:
    """Return the schema of an exact amount."""
    return {"type": "string", "pattern": _EXACT, "description": f"{description} Exact nano-USD."}


def usd_number(description: str) -> Schema:
    """Return the schema of an amount for reading."""
    return {"type": "number", "description": f"{description} USD, for reading."}


def member(name: str, schema: Schema, read: Read[S, object] = "") -> Member[S]:
    """Return a member of any type whose value is JSON already."""
    return _written(name, schema, read, _as_it_is)


def text(name: str, description: str, read: Read[S, str] = "") -> Member[S]:
    """Return a text that is always there."""
    return member(name, words(description), read)


def optional_text(name: str, description: str, read: Read[S, str | None] = "") -> Member[S]:
    """Return a text that may be null."""
    return member(name, nullable(words(description)), read)


def word(
    name: str, values: type[StrEnum], description: str | None, read: Read[S, StrEnum] = ""
) -> Member[S]:
    """Return one of a closed set of words."""
    return _written(name, choice(map(str, values), description), read, str)


def flag(name: str, description: str, read: Read[S, bool] = "") -> Member[S]:
    """Return a truth value."""
    return member(name, {"type": "boolean", "description": description}, read)


def count(name: str, description: str, read: Read[S, int] = "") -> Member[S]:
    """Return a whole number, 0 or more."""
    return member(name, {**COUNT, "description": description}, read)


def percent(name: str, description: str, read: Read[S, float | Fraction] = "") -> Member[S]:
    """Return a percentage, 0 or more, with two decimals."""
    schema = {**PERCENT, "description": description}
    return _written(name, schema, read, lambda value: round(float(value), 2))


def instant(name: str, description: str, read: Read[S, datetime] = "") -> Member[S]:
    """Return an instant, ISO 8601."""
    return _written(name, instant_words(description), read, iso)


def optional_instant(name: str, description: str, read: Read[S, datetime | None] = "") -> Member[S]:
    """Return an instant that may be null."""
    return _written(name, nullable(instant_words(description)), read, iso)


def money(name: str, description: str, read: Read[S, int] = "") -> Member[S]:
    """Return an amount: ``…_usd`` is a number for reading, ``…_nano_usd`` an exact string.

    Without ``read``, the attribute is ``…_nano_usd``.
    """
    return _amount(name, usd_number(description), exact_words(description), read)


def optional_money(name: str, description: str, read: Read[S, int | None] = "") -> Member[S]:
    """Return an amount that may be null: unknown, or none; else as ``money``."""
    readable, exact = nullable(usd_number(description)), nullable(exact_words(description))
    return _amount(name, readable, exact, read)


def nested(name: str, shape: Shape[T], read: Read[S, T] = "") -> Member[S]:
    """Return an object in an object."""
    return _written(name, shape.schema, read, shape.body)


def optional_nested(name: str, shape: Shape[T], read: Read[S, T | None] = "") -> Member[S]:
    """Return an object in an object, or null."""

    def write(inner: T | None) -> object:
        return None if inner is None else shape.body(inner)

    return _written(name, nullable(shape.schema), read, write)


def listing(
    name: str, shape: Shape[T], description: str, read: Read[S, Iterable[T]] = ""
) -> Member[S]:
    """Return a list of objects."""
    return _written(name, array(shape.schema, description), read, shape.bodies)


def texts(name: str, description: str, read: Read[S, Iterable[str]] = "") -> Member[S]:
    """Return a list of texts."""
    return _written(name, array({"type": "string"}, description), read, list)


def _written(
    name: str, schema: Schema, read: Read[S, V], write: Callable[[V], object]
) -> Member[S]:
    get = _getter(read, name)
    return Member({name: schema}, lambda source: {name: write(get(source))})


def _amount(name: str, readable: Schema, exact: Schema, read: Read[S, int | None]) -> Member[S]:
    in_words, in_nano = f"{name}_usd", f"{name}_nano_usd"
    get = _getter(read, in_nano)

    def write(source: S) -> dict[str, object]:
        amount = get(source)
        return {in_words: in_usd(amount), in_nano: None if amount is None else str(amount)}

    return Member({in_words: readable, in_nano: exact}, write)


def _getter(read: Read[S, V], name: str) -> Callable[[S], V]:
    return attrgetter(read or name) if isinstance(read, str) else read


def _as_it_is(value: object) -> object:
    return value


def parts_of(shape: Shape[T], read: Read[S, T]) -> list[Member[S]]:
    """Return the members of an object as members of one that holds what they are read from."""
    get: Callable[[S], T] = _getter(read, "")

    def of_whole(part: Member[T]) -> Member[S]:
        return Member(part.schemas, lambda source: part.write(get(source)), part.is_required)

    return [of_whole(part) for part in shape.members]


def optional(part: Member[S], is_there: Callable[[S], bool]) -> Member[S]:
    """Return a member that is absent for some sources."""

    def write(source: S) -> Mapping[str, object]:
        return part.write(source) if is_there(source) else {}

    return Member(part.schemas, write, is_required=False)


def document(name: str, shape: Schema, *, title: str = "") -> Schema:
    """Return the published schema of a shape, as ``schemas/<name>.schema.json`` has it (SCH-1)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_url(name),
        **({"title": title} if title else {}),
        **shape,
    }


def in_usd(amount_nano_usd: int | None) -> float | None:
    """Return an amount as a number for reading; ``None`` stays."""
    return None if amount_nano_usd is None else float(usd_text(amount_nano_usd, 9))


def iso(instant: datetime | None) -> str | None:
    """Return an instant in ISO 8601; ``None`` stays."""
    return None if instant is None else instant.isoformat()
