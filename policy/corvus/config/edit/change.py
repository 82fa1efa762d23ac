"""Changes of keys in a config file, checked before anything is written.

A change is data: the old bytes and the new ones. It is right when the new text says what the old
one said but for the keys, and has no error that the old one had not. Host sections are never ours
to write (CFG-2), nor are deprecated keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from corvus.base.errors import EditRefused
from corvus.base.files import hold_file
from corvus.config.check.documents import dialect_of, load_documents
from corvus.config.check.suggest import closest
from corvus.config.edit.edit import applied, remove, same
from corvus.config.edit.placing import is_spread, put
from corvus.config.layers.assignment import assign, whole_key
from corvus.config.model import keys
from corvus.config.model.aliases import ALIASES
from corvus.config.model.dialects import GOVERNED, HOSTS, Dialect, host_keys
from corvus.config.toml.document import BOM, Document, read_bytes, read_document
from corvus.config.toml.values import (
    Route,
    Table,
    as_items,
    header,
    is_table,
    kind,
    shown,
    value_at,
    written,
)
from corvus.diagnostics.model import ConfigError

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic

_VALUE = ("value",)


class Change(NamedTuple):
    """What a file would become.

    Attributes:
        routes: The keys.
        before: Its bytes.
        after: The new bytes; the same when there is nothing to do.
        warnings: Diagnostics that the change brings about, no errors.
    """

    routes: tuple[Route, ...]
    before: bytes
    after: bytes
    warnings: tuple[Diagnostic, ...] = ()


def write_change(path: Path, plan: Callable[[bytes], Change]) -> Change:
    """Write a change of what a file holds when its turn among all rewrites comes (CFG-12).

    Args:
        path: A config file.
        plan: Plans the change of the bytes that it is given.

    Returns:
        The change that was written, or that had nothing to do.

    Raises:
        ConfigError: The file cannot be read, or as ``plan``.
        EditRefused: The file cannot be written, or as ``plan``.
    """
    early = plan(read_config(path))  # refuses before it waits, and loads what planning needs
    if early.after == early.before:
        return early
    with hold_file(path) as held:
        change = early if held.data == early.before else plan(held.data)
        held.replace(change.after)
    return change


def read_config(path: Path) -> bytes:
    """Read a config file to change it.

    Raises:
        ConfigError: It cannot be read.
    """
    raw, problems = read_bytes(path, str(path))
    if raw is None:
        raise ConfigError(f"cannot change {path}: run `corvus check` on it", problems)
    return raw


def set_keys(raw: bytes, file: str, values: Mapping[str, str]) -> Change:
    """Plan to set keys: all of them, or none.

    Args:
        raw: The bytes of a config file.
        file: The file as messages name it.
        values: At least one dotted key as TOML writes it, an item of an array with an index; each
            with its value as TOML writes it, of which a word that is no TOML value is a string.

    Raises:
        ConfigError: The file cannot be parsed, a value is broken, or the file would have an error
            that it has not now.
        EditRefused: A key is none of the file's governed keys, or is not one value.
    """
    first = _parsed(raw, file)
    document, expected = first, cast("object", first.data)
    routes: list[Route] = []
    for key, given in values.items():
        route = _settable(_route(key), document)
        assigned, problems = assign(_VALUE, given, file="VALUE", origin="VALUE")
        if assigned is None:
            raise ConfigError("this is no TOML value: nothing is written", problems)
        value = assigned.data["value"]
        spelling = written(value) if is_table(value) else assigned.spelling
        document = _put(document, route, value, spelling)
        expected = _set(expected, route, value)
        routes.append(route)
    return _checked(Change(tuple(routes), raw, b""), first, document.text, expected)


def _put(document: Document, route: Route, value: object, spelling: str) -> Document:
    """Set a value; of a table with a header, key by key, so that what stays is not touched."""
    held = value_at(document.data, route)
    if not is_table(held) or not is_table(value) or not is_spread(document, route):
        return _reread(applied(document.text, [put(document, route, spelling)]), document, route)
    for name, inner in value.items():
        if not same(held.get(name), inner):
            document = _put(document, (*route, name), inner, written(inner))
    for name in held:
        if name not in value:
            edits = remove(document, (*route, name))
            document = _reread(applied(document.text, edits), document, route)
    return document


def _settable(route: Route, document: Document) -> Route:
    _refuse_foreign(route, document)
    _refuse_deprecated(route)
    if len(route) == 1 or not keys.node(route):
        raise EditRefused(_unknown(route))
    return route


def _reread(text: str, document: Document, route: Route) -> Document:
    again, _ = read_document(text.encode(), document.file)
    if again is None:
        raise EditRefused(_no_place(route, document))
    return again


def _no_place(route: Route, document: Document) -> str:
    return f"`{shown(route)}` has no place of its own in {document.file}: edit it by hand"


def unset_key(raw: bytes, file: str, key: str) -> Change:
    """Plan to take a key or a table out; nothing changes when the file does not have it.

    Args:
        raw: The bytes of a config file.
        file: The file as messages name it.
        key: Dotted key as TOML writes it; an item of an array has an index.

    Raises:
        ConfigError: The file cannot be parsed, or would have an error that it has not now.
        EditRefused: The key is none of the file's governed keys, or is not one value.
    """
    document = _parsed(raw, file)
    route = _route(key)
    _refuse_foreign(route, document)
    if not document.has(route):
        if not keys.node(route) and all(alias.old != route for alias in ALIASES):
            raise EditRefused(_unknown(route))
        return Change((route,), raw, raw)
    text = applied(document.text, remove(document, route))
    return _checked(Change((route,), raw, b""), document, text, _cut(document.data, route))


def _parsed(raw: bytes, file: str) -> Document:
    document, problems = read_document(raw, file)
    if document is None:
        raise ConfigError(f"cannot change {file}: run `corvus check` on it", problems)
    return document


def _route(key: str) -> Route:
    route = whole_key(key)
    if route is None:
        raise EditRefused(f"`{key}` is no key; write it as in cost.daily_limit_usd")
    return route


def _refuse_foreign(route: Route, document: Document) -> None:
    """Refuse a section, or a key of a governed table, that belongs to a host runtime."""
    dialect, first = dialect_of(document).dialect, str(route[0])
    owners = [host for host in HOSTS if first in host_keys(host)]
    owner = " or ".join([host for host in owners if host in dialect.hosts] or owners)
    if first not in GOVERNED and owner:
        raise EditRefused(f"`{header((first,))}` belongs to the {owner} runtime: it is not ours")
    for place, host in _keys_of(dialect):
        is_inside = place[: len(route)] == route and document.has(place)
        if is_inside or route[: len(place)] == place:
            raise EditRefused(f"`{shown(place)}` belongs to the {host} runtime: it is not ours")


def _keys_of(dialect: Dialect) -> Iterator[tuple[Route, str]]:
    """Yield the keys of governed tables that a host reads for itself, and the name of the host."""
    for name in GOVERNED:
        yield from (((name, key), dialect.words) for key in sorted(host_keys(dialect, name)))
    for alias in ALIASES:
        if reading := alias.reading(dialect):
            yield alias.old, reading.host


def _refuse_deprecated(route: Route) -> None:
    if new := next((alias.new for alias in ALIASES if alias.old == route), None):
        raise EditRefused(f"`{shown(route)}` is deprecated: set `{shown(new)}`")


def _unknown(route: Route) -> str:
    if len(route) == 1 and route[0] in GOVERNED:
        return f"`{header(route)}` is a table: set its keys one by one"
    table = route[:-1]
    names = keys.known_keys(table)
    near = closest(str(route[-1]), names)
    if near:
        hint = f"did you mean `{shown((*table, near))}`?"
    elif names:
        hint = f"the keys of {header(table)} are {', '.join(names)}"
    else:
        hint = "see `corvus config show`"
    return f"no setting `{shown(route)}`: {hint}"


def _checked(change: Change, document: Document, text: str, expected: object) -> Change:
    """Finish a change whose text says what it should and has no new error."""
    new, problems = read_document(text.encode(), document.file)
    if new is None or not same(_pruned(new.data), _pruned(expected)):
        raise EditRefused(_no_place(change.routes[-1], document))
    old_found = load_documents((document,), want_settings=False).diagnostics
    found = load_documents((new,), want_settings=False).diagnostics
    added = (*problems, *_added(old_found, found))
    errors = tuple(diagnostic for diagnostic in added if diagnostic.is_error)
    if errors:
        hint = ""
        if any(error.code == "missing-key" for error in errors):
            hint = "; set keys that need each other together: corvus config set KEY=VALUE KEY=VALUE"
        raise ConfigError(
            f"nothing is written: {document.file} would have a new error{hint}", errors
        )
    after = (BOM if document.has_bom else b"") + text.encode()
    return change._replace(after=after, warnings=added)


def _added(before: Iterable[Diagnostic], after: Iterable[Diagnostic]) -> list[Diagnostic]:
    known = Counter(map(_identity, before))
    added: list[Diagnostic] = []
    for diagnostic in after:
        what = _identity(diagnostic)
        if known[what]:
            known[what] -= 1
        else:
            added.append(diagnostic)
    return added


def _identity(diagnostic: Diagnostic) -> tuple[object, ...]:
    return diagnostic.code, diagnostic.path, diagnostic.message


def _set(data: object, route: Route, value: object) -> object:
    """Return a copy of the data with one value set."""
    if not route:
        return value
    first, rest = route[0], route[1:]
    if isinstance(first, int):
        items = as_items(data)
        items[first] = _set(items[first], rest, value)
        return items
    table: Mapping[str, object] = data if is_table(data) else {}
    return {**table, first: _set(table.get(first), rest, value)}


def _cut(data: object, route: Route) -> object:
    """Return a copy of the data without one value."""
    first, rest = route[0], route[1:]
    if isinstance(first, int):
        items = as_items(data)
        items[first : first + 1] = [_cut(items[first], rest)] if rest else []
        return items
    table = dict(cast("Table", data))
    inner = table.pop(first)
    return {**table, first: _cut(inner, rest)} if rest else table


def _pruned(value: object) -> object:
    """Take away empty tables: a header without a key says nothing."""
    if is_table(value):
        inner = {key: _pruned(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item != {}}
    return [_pruned(item) for item in as_items(value)] if kind(value) == "array" else value
