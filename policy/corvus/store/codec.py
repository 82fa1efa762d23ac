"""How a dataclass becomes a row of a store and comes back: its columns, and a body of JSON.

Both follow from the fields and their types, so that nobody writes them out by hand
(``corvus.store.kinds`` has the table). Instants are microseconds since 1970 in UTC; a body leaves
absent values out. Columns hold plain ``int`` and ``str``: for a member of an enumeration or a
``bool``, sqlite3 first looks for an adapter, which costs as much as writing the value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from operator import attrgetter
from types import NoneType
from typing import (
    Any,
    Generic,
    NamedTuple,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from corvus.base.time import instant_at, microseconds
from corvus.model.usage import Usage

T = TypeVar("T")
Code: TypeAlias = Callable[[Any], Any] | None
"""Turns a value into its stored form, or back; ``None`` leaves it as it is."""
Row: TypeAlias = tuple[Any, ...]

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_decode = json.JSONDecoder().decode
_BODY = "body"
_PROJECT = "project"
"""The column that is empty, and never NULL, without a project: it is a part of keys."""


def encoded(value: object) -> str:
    """Write a value as JSON, compactly."""
    return _encode(value)


def dumped(values: Mapping[str, Any]) -> str:
    """Write an object as JSON, compactly, without absent values."""
    return _encode({name: value for name, value in values.items() if value is not None})


class Present(int):
    """An instant, microseconds, that is counted from the present of the transaction."""

    __slots__ = ()


class Query(Generic[T]):
    """A look for rows, with ``?`` for each value.

    Args:
        sql: One ``SELECT`` as SQLite understands it.
        read: Makes an object of a row.
        postgres: The same as PostgreSQL does, where translating word by word does not give it.
        kind: The kind of the rows, where they are whole rows of one.
    """

    def __init__(
        self,
        sql: str,
        read: Callable[[Row], T],
        *,
        postgres: str | None = None,
        kind: Kind[Any] | None = None,
    ) -> None:
        self.sql = sql
        self.read = read
        self.postgres = postgres
        self.kind = kind


class _Field(NamedTuple):
    """A value of an object.

    Attributes:
        part: The nested object that it belongs to; empty for the object itself.
        default: ``MISSING`` without one.
    """

    part: str
    name: str
    hint: Any
    default: Any

    @property
    def path(self) -> str:
        return f"{self.part}.{self.name}" if self.part else self.name

    @property
    def is_optional(self) -> bool:
        return NoneType in get_args(self.hint)


class RowFields(Generic[T]):
    """The fields of a dataclass, where those of some nested objects stand among its own.

    Args:
        row: The dataclass, or a named tuple.
        parts: The fields that hold such nested objects.
    """

    def __init__(self, row: type[T], parts: Sequence[str] = ()) -> None:
        hints = get_type_hints(row)
        self._row = row
        self.parts = [(part, hints[part]) for part in parts]
        nested = [field for part, kind in self.parts for field in _declared(kind, part)]
        own = [field for field in _declared(row) if field.name not in parts]
        self.fields = {field.name: field for field in (*nested, *own)}

    def blank(self) -> dict[str, dict[str, Any]]:
        """Return the arguments of the object and its parts, none of them known yet."""
        return {"": {}} | {part: {} for part, _ in self.parts}

    def build(self, found: dict[str, dict[str, Any]]) -> T:
        """Make the object of its arguments and those of its parts."""
        own = found[""]
        for part, kind in self.parts:
            own[part] = kind(**found[part])
        return self._row(**own)


class JsonBody(Generic[T]):
    """Some fields of a dataclass as a JSON object.

    Args:
        layout: The fields.
        names: The keys of fields whose key is not their name.
        sparse: Fields that are left out while they have their default.
        omit: Fields that are not kept here.
    """

    def __init__(
        self,
        layout: RowFields[T],
        names: Mapping[str, str],
        *,
        sparse: Sequence[str] = (),
        omit: Iterable[str] = (),
    ) -> None:
        self._layout = layout
        omitted = frozenset(omit)
        kept = [field for field in layout.fields.values() if field.name not in omitted]
        writer = _Code()
        items: list[str] = []
        self._readers: list[tuple[str, str, str, Code, Any]] = []
        for field in kept:
            key = names.get(field.name, field.name)
            default = field.default if field.name in sparse else MISSING
            encode, decode = _json_codes(field.hint)
            items.append(f"{key!r}: {writer.value(field, encode, absent=default)}")
            missing = None if default is MISSING and field.is_optional else default
            self._readers.append((key, field.part, field.name, decode, missing))
        self._values: Callable[[T], dict[str, Any]] = writer.compiled(f"{{{', '.join(items)}}}")

    def text(self, value: T) -> str:
        """Write an object."""
        return dumped(self._values(value))

    def arguments(self, text: str) -> dict[str, dict[str, Any]]:
        """Read a body as arguments of the object and, by name, of its parts.

        Raises:
            KeyError: It lacks what every such body has.
        """
        body = _decode(text)
        found = self._layout.blank()
        for key, part, name, code, missing in self._readers:
            stored = body.get(key)
            if stored is None:
                if missing is MISSING:
                    raise KeyError(key)
                found[part][name] = missing
            else:
                found[part][name] = stored if code is None else code(stored)
        return found

    def read(self, text: str) -> T:
        """Read an object."""
        return self._layout.build(self.arguments(text))


class Kind(Generic[T]):
    """A kind of rows: a table whose columns are fields of a dataclass.

    Args:
        table: Its name.
        row: The dataclass.
        columns: All columns in the order of the table. ``body`` is JSON of the fields that have no
            column, or of all; a column ``x_us`` may be an instant ``x``.
        key: The columns that tell one row from all others; by default the first.
        changing: Where most of a row never changes: the columns that may.
        whole: Whether the body has all fields, and the columns serve only to find a row.
        names: The names on disk of fields that have another there.
        sparse: Fields that a body leaves out while they have their default.
        omit: Fields that are never kept.
        parts: Fields that hold an object whose fields stand among those of the row.
        rare: Whether such rows are seldom written: what is remembered of them outlives what other
            hosts write of the other kinds.
    """

    def __init__(  # noqa: PLR0913 - a line of a table
        self,
        table: str,
        row: type[T],
        columns: str,
        *,
        key: str = "",
        changing: str = "",
        whole: bool = False,
        names: Mapping[str, str] | None = None,
        sparse: Sequence[str] = (),
        omit: Sequence[str] = (),
        parts: Sequence[str] = (),
        rare: bool = False,
    ) -> None:
        self.table = table
        self.is_rare = rare
        self.columns = tuple(columns.split())
        self.key = tuple(key.split()) or self.columns[:1]
        self.changing = tuple(changing.split())
        self.whole = whole
        self._row, self._parts = row, parts
        self._readers: dict[int, Callable[[Row], T]] = {}
        self._names, self._sparse, self._omit = names or {}, sparse, omit

    def where(self, condition: str, *, postgres: str | None = None) -> Query[T]:
        """Return a look for the rows of this kind that meet a condition.

        Args:
            condition: All that follows the table, as SQLite understands it.
            postgres: The same as PostgreSQL does, where it is not the same.
        """
        there = None if postgres is None else self._select(", ".join(self.read_columns), postgres)
        what = _BODY if self.whole else "*"  # an older store may lack the last columns
        return Query(self._select(what, condition), self.read, postgres=there, kind=self)

    @property
    def read_columns(self) -> tuple[str, ...]:
        """The columns of which ``read`` makes an object."""
        return (_BODY,) if self.whole else self.columns

    def _select(self, what: str, condition: str) -> str:
        return f"SELECT {what} FROM {self.table} {condition}"  # noqa: S608 - constants

    @cached_property
    def by_key(self) -> Query[T]:
        """The look for one row."""
        return self.where("WHERE " + " AND ".join(f"{name} = ?" for name in self.key))

    @cached_property
    def key_of(self) -> Callable[[T], Any]:
        """Returns the key of a row: a tuple, or the bare value where it is one column."""
        key_fields = [field for field in map(self._field, self.key) if field is not None]
        parts = {field.part for field in key_fields}
        if len(parts) == 1 and "" not in parts:
            return attrgetter(*parts)  # the object that is the key
        return attrgetter(*(field.path for field in key_fields))

    @cached_property
    def stored(self) -> Callable[[T], list[Any]]:
        """Returns the values of all columns for an object."""
        return self._writer(self.columns)

    @cached_property
    def changed(self) -> Callable[[T], list[Any]]:
        """Returns the values of the columns that may change, and after them the key."""
        return self._writer((*self.changing, *self.key))

    def read(self, row: Row) -> T:
        """Make an object of a row; of an older store, which is only read, it may lack the last.

        Raises:
            ValueError, LookupError, TypeError, OverflowError: The row is damaged.
        """
        if self.whole:
            return self._body.read(row[0])
        reader = self._readers.get(len(row))
        if reader is None:
            reader = self._readers[len(row)] = self._reader(len(row))
        return reader(row)

    @cached_property
    def _layout(self) -> RowFields[T]:
        return RowFields(self._row, self._parts)

    @cached_property
    def _body(self) -> JsonBody[T]:
        of_columns = (
            [] if self.whole else [field.name for field in map(self._field, self.columns) if field]
        )
        omit = (*of_columns, *self._omit)
        return JsonBody(self._layout, self._names, sparse=self._sparse, omit=omit)

    def _reader(self, width: int) -> Callable[[Row], T]:
        """Return the function that makes an object of a row of so many columns."""
        code = _Code()
        arguments: dict[str, list[str]] = {part: [] for part in ("", *self._parts)}
        body = ""
        for place, column in enumerate(self.columns[:width]):
            field, value = self._field(column), f"row[{place}]"
            if field is None:
                body = f"{code.name(self._body.arguments)}({value})"
                for part, given in arguments.items():
                    given.append(f"**body[{part!r}]")
                continue
            decode = self._codes(column, field)[1]
            value = value if decode is None else f"{code.name(decode)}({value})"
            arguments[field.part].append(f"{field.name}={value}")
        for part, kind in self._layout.parts:
            given = ", ".join(arguments[part])
            arguments[""].append(f"{part}={code.name(kind)}({given})")
        made = f"{code.name(self._row)}({', '.join(arguments[''])})"
        return code.compiled(f"(lambda body: {made})({body})" if body else made)

    def _field(self, column: str) -> _Field | None:
        """Return the field that a column holds; ``None`` for the body, and for a property."""
        of_name = next((name for name, there in self._names.items() if there == column), column)
        fields_by_name = self._layout.fields
        return fields_by_name.get(of_name) or fields_by_name.get(of_name.removesuffix("_us"))

    def _codes(self, column: str, field: _Field) -> tuple[Code, Code]:
        """Return how a column holds its value, and gives it back."""
        if column == _PROJECT and field.is_optional:
            return _or_blank, _or_none
        return _column_codes(field.hint, self._names)

    def _writer(self, columns: Sequence[str]) -> Callable[[T], list[Any]]:
        writer = _Code()
        values: list[str] = []
        for column in columns:
            field = self._field(column)
            if field is not None:
                values.append(writer.value(field, self._codes(column, field)[0]))
            elif column == _BODY:
                values.append(f"{writer.name(self._body.text)}(row)")
            else:
                values.append(f"int(row.{column})")  # a property that says yes or no
        return writer.compiled(f"[{', '.join(values)}]")


class _Code:
    """The code of a function of a row: as fast as one by hand, for it is called often."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}

    def name(self, value: Any) -> str:
        """Return the name of a value in the code."""
        name = f"_{len(self._names)}"
        self._names[name] = value
        return name

    def value(self, field: _Field, code: Code, *, absent: Any = MISSING) -> str:
        """Return how the stored form of a field is worked out; ``absent`` is stored as ``None``."""
        value = f"row.{field.path}"
        if code is None:
            stored = value
        elif code is _or_blank:
            return f"({value} or '')"
        elif code is _member_value:
            stored = f"{value}.value"
        else:
            stored = f"{self.name(code)}({value})"
        if absent is not MISSING:
            return f"(None if {value} == {self.name(absent)} else {stored})"
        if code is not None and field.is_optional:
            return f"(None if {value} is None else {stored})"
        return stored

    def compiled(self, code: str) -> Callable[[Any], Any]:
        """Return the function; its code is made of names of our own fields alone."""
        return eval(f"lambda row: {code}", self._names)


def values_of(key: Any) -> tuple[Any, ...]:
    """Return a key of ``Kind.key_of`` as its columns hold it."""
    values = cast("tuple[Any, ...]", key) if isinstance(key, tuple) else (key,)
    return tuple("" if value is None else value for value in values)


def _declared(row: Any, part: str = "") -> list[_Field]:
    hints = get_type_hints(row)
    if is_dataclass(row):
        defaults = {field.name: field.default for field in fields(row)}
    else:
        defaults = {name: row._field_defaults.get(name, MISSING) for name in row._fields}
    return [_Field(part, name, hints[name], default) for name, default in defaults.items()]


def _json_codes(hint: Any) -> tuple[Code, Code]:
    """Return how a value that is not ``None`` is written to JSON and read back."""
    kind: Any = _required(hint)
    if kind is datetime:
        return microseconds, instant_at
    if isinstance(kind, type) and issubclass(kind, Enum):
        return None, kind  # JSON writes a member as its value
    if get_origin(kind) is tuple:
        return None, _pairs
    return None, None


def _column_codes(hint: Any, names: Mapping[str, str]) -> tuple[Code, Code]:
    """Return how a column holds a value, and gives it back."""
    kind: Any = _required(hint)
    codes: tuple[Code, Code] = (None, None)
    if kind is datetime:
        codes = microseconds, instant_at
    elif kind is bool:
        codes = int, bool
    elif get_origin(kind) is dict:
        codes = dumped, _decode
    elif get_origin(kind) is tuple:
        codes = _settled_text, _settled_of(kind)
    elif is_dataclass(kind):
        body: JsonBody[Any] = JsonBody(RowFields(cast("type[Any]", kind)), names)
        codes = body.text, body.read
    elif isinstance(kind, type) and issubclass(kind, Enum):
        codes = _member_value, kind
    encode, decode = codes
    return encode, _absent_or(decode) if NoneType in get_args(hint) else decode


def _required(hint: Any) -> Any:
    """Return a type without ``None``."""
    choices = get_args(hint)
    if NoneType not in choices:
        return hint
    return next(choice for choice in choices if choice is not NoneType)


def _absent_or(code: Code) -> Code:
    return None if code is None else lambda value: None if value is None else code(value)


def _member_value(member: Enum) -> Any:
    return member.value


def _or_blank(value: str | None) -> str:
    return value or ""


def _or_none(value: str) -> str | None:
    return value or None


def _pairs(values: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in values)


_COUNTS = attrgetter(*Usage.__dataclass_fields__)
_COUNTS_MIN = 7  # as many as the first stores wrote


def _settled_text(recorded: Any) -> str:
    """Write source and usage of a commit as one list; zeros at its end are left out."""
    source, usage = recorded
    counts = _COUNTS(usage)
    if not any(counts[_COUNTS_MIN:]):
        counts = counts[:_COUNTS_MIN]
    return _encode([source.value, *counts])


def _settled_of(kind: Any) -> Callable[[str], Any]:
    source_of, _ = get_args(kind)

    def read(text: str) -> Any:
        source, *counts = _decode(text)
        return source_of(source), Usage(*counts)

    return read
