"""Holds documents that other programs wrote against a published schema (SCH-4).

JSON and JSON Lines. Findings are diagnostics with the place in the file; no message repeats a
value of the document, which may be a secret. ``jsonschema`` judges; it is loaded here alone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, cast

from jsonschema import Draft202012Validator, FormatChecker, validators
from jsonschema.exceptions import ValidationError

from corvus.answers.json_text import JsonFault, Route, read
from corvus.answers.mismatch import leaves, mismatches
from corvus.answers.piece import Piece
from corvus.answers.published import PublishedSchema
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic, Span

LINES_SUFFIXES = (".jsonl", ".ndjson")
"""How names of files end that hold a document a line."""
_BOM = b"\xef\xbb\xbf"
_SPACE = " \t\r\n"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_instant(value: object) -> bool:
    """Return whether a text is an instant as RFC 3339 writes it; another type is not judged."""
    if not isinstance(value, str):
        return True
    if not _INSTANT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:
        return False
    return True


def _pattern(_validator: Any, pattern: str, value: object, _schema: Any) -> Iterator[Any]:
    """Judge a pattern as JSON Schema means it: ``$`` is the end, and not before a last newline."""
    ends = re.sub(r"(?<!\\)\$", r"\\Z", pattern)
    if isinstance(value, str) and not re.search(ends, value):
        yield ValidationError("pattern")


_extend = cast("Any", validators).extend
_Validator: Any = _extend(Draft202012Validator, {"pattern": _pattern})


@dataclass(frozen=True, slots=True)
class Judged:
    """What a file holds.

    Attributes:
        documents: How many were read and judged.
        diagnostics: By place.
    """

    documents: int
    diagnostics: tuple[Diagnostic, ...]


class _Finder:
    """Makes diagnostics of one file.

    Args:
        file: Its name.
        schema: What its documents should be; none for a file that is not read any further.
    """

    def __init__(self, file: str, schema: PublishedSchema | None = None) -> None:
        self._file = file
        self.known = frozenset(_names(schema.document) if schema else ())

    def find(
        self,
        code: str,
        message: str,
        span: Span | None,
        help_: Iterable[str] = (),
        path: Route = (),
    ) -> Diagnostic:
        return Diagnostic(
            code, Severity.ERROR, message, self._file, span, help=tuple(help_), path=path
        )


def judge(stream: BinaryIO, file: str, schema: PublishedSchema) -> Judged:
    """Hold every document of a file against a schema.

    A file whose name ends as in ``LINES_SUFFIXES`` has a document a line, as has one with several
    lines that are documents. An array of documents is judged item by item.

    Args:
        stream: Its bytes; read to the end.
        file: Its name, for the findings.
        schema: What the documents should be.

    Raises:
        OSError: It cannot be read.
    """
    validator = _Validator(schema.document, format_checker=_FORMATS)
    finder = _Finder(file, schema)
    documents = 0
    found: list[Diagnostic] = []
    for piece in _pieces(stream, file):
        if isinstance(piece, Diagnostic):
            found.append(piece)
            continue
        try:
            value = read(piece.text)
        except JsonFault as fault:
            span = piece.span(fault.offset, fault.offset)
            found.append(finder.find("not-json", f"this is not JSON: {fault}", span))
            continue
        items = _items(value)
        documents += len(items)
        for route, item in items:
            found += _mismatches(finder, piece, route, validator.iter_errors(item))
    if not documents and not found:
        message = f"there is no document here, where {schema.name} should be"
        found.append(finder.find("not-json", message, None))
    return Judged(documents, tuple(found))


def _items(value: object) -> list[tuple[Route, object]]:
    """Return the documents of a text, with their routes in it."""
    if not isinstance(value, list):
        return [((), value)]
    items = cast("list[object]", value)
    return [((index,), item) for index, item in enumerate(items)]


def _pieces(stream: BinaryIO, file: str) -> Iterator[Piece | Diagnostic]:
    if file.endswith(LINES_SUFFIXES):
        yield from _lines(stream, file)
        return
    data = stream.read()
    whole = next(_decoded(data, file, Piece("")))
    if isinstance(whole, Diagnostic) or not whole.text.strip(_SPACE):
        if isinstance(whole, Diagnostic):
            yield whole
        return
    yield from _lines(io.BytesIO(data), file) if _has_lines(whole.text) else (whole,)


def _has_lines(text: str) -> bool:
    """Return whether each line is a document: the first ends with its line, and more comes."""
    try:
        read(text)
    except JsonFault as fault:
        if not fault.is_extra:
            return False
    else:
        return False
    first = next(line for line in text.split("\n") if line.strip(_SPACE))
    try:
        read(first)
    except JsonFault:
        return False
    return True


def _lines(stream: BinaryIO, file: str) -> Iterator[Piece | Diagnostic]:
    offset = byte_offset = 0
    for number, line in enumerate(stream, start=1):
        content = line.rstrip(b"\r\n")  # a document that is cut off ends on its own line
        for piece in _decoded(content, file, Piece("", number, offset, byte_offset)):
            if isinstance(piece, Diagnostic) or piece.text.strip(_SPACE):
                yield piece
            is_read = isinstance(piece, Piece)
            text = piece.text if is_read else content.decode(errors="replace")  # a mark a byte
            offset += len(text) + len(line) - len(content)
        byte_offset += len(line)


def _decoded(data: bytes, file: str, start: Piece) -> Iterator[Piece | Diagnostic]:
    skipped = len(_BOM) if start.byte_offset == 0 and data.startswith(_BOM) else 0
    try:
        text = data[skipped:].decode()
    except UnicodeDecodeError as fault:
        before = data[skipped : skipped + fault.start].decode()
        piece = Piece(before, start.line, start.offset, start.byte_offset + skipped)
        span = piece.span(len(before), len(before))
        yield _Finder(file).find("not-json", "this is not JSON: a byte is not UTF-8", span)
        return
    yield Piece(text, start.line, start.offset, start.byte_offset + skipped)


def _mismatches(
    finder: _Finder, piece: Piece, route: Route, errors: Iterable[Any]
) -> Iterator[Diagnostic]:
    """Yield the findings of one document, by place, each mistake once."""
    found: dict[tuple[Route, str], Diagnostic] = {}
    for leaf in (leaf for error in errors for leaf in leaves(error)):
        at = (*route, *leaf.absolute_path)
        for name, words, help_ in mismatches(leaf):
            path = at if name is None else (*at, name)
            place = piece.places.of(path)
            span = piece.span(place.start if name is None else place.name, place.end)
            shown = piece.shown(path, finder.known)
            pointer = _pointer(shown)
            message = f"`{pointer}` {words}" if pointer else f"the document {words}"
            found[path, message] = finder.find("schema-mismatch", message, span, help_, shown)
    yield from sorted(found.values(), key=lambda one: one.span is not None and one.span.start)


def _pointer(route: Route) -> str:
    """Return a route as JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in route)


def _names(schema: object) -> Iterator[str]:
    """Yield the names of members that a schema speaks of."""
    if isinstance(schema, list):
        for inner in cast("list[object]", schema):
            yield from _names(inner)
    if isinstance(schema, dict):
        parts = cast("dict[str, object]", schema)
        named = parts.get("properties")
        yield from cast("dict[str, object]", named) if isinstance(named, dict) else ()
        for inner in parts.values():
            yield from _names(inner)
