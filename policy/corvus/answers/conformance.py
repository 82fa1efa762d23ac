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

from corvus.answers.json_text import JsonFault, Route, place_of, read
from corvus.answers.mismatch import leaves, mismatches
from corvus.answers.published import PublishedSchema
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic, Position, Span

LINES_SUFFIXES = (".jsonl", ".ndjson")
"""How names of files end that hold a document a line."""
_BOM = b"\xef\xbb\xbf"
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


@dataclass(frozen=True, slots=True)
class _Piece:
    """The text of one document, or of what should be one, and where in its file it starts."""

    text: str
    line: int = 1
    offset: int = 0
    byte_offset: int = 0


class _Finder:
    """Makes diagnostics of one file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def at(self, piece: _Piece, start: int, end: int) -> Span:
        """Return a stretch of a piece as one of the file."""
        return Span(self._position(piece, start), self._position(piece, end))

    def _position(self, piece: _Piece, offset: int) -> Position:
        before = piece.text[:offset]
        newline = before.rfind("\n")
        return Position(
            piece.offset + offset,
            piece.byte_offset + len(before.encode()),
            piece.line + before.count("\n"),
            offset - newline,
        )

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
    finder = _Finder(file)
    documents = 0
    found: list[Diagnostic] = []
    for piece in _pieces(stream, file):
        if isinstance(piece, Diagnostic):
            found.append(piece)
            continue
        try:
            value = read(piece.text)
        except JsonFault as fault:
            span = finder.at(piece, fault.offset, fault.offset)
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


def _pieces(stream: BinaryIO, file: str) -> Iterator[_Piece | Diagnostic]:
    if file.endswith(LINES_SUFFIXES):
        yield from _lines(stream, file)
        return
    data = stream.read()
    whole = next(_decoded(data, file, _Piece("")))
    if isinstance(whole, Diagnostic) or not whole.text.strip():
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
    first = next(line for line in text.splitlines() if line.strip())
    try:
        read(first)
    except JsonFault:
        return False
    return True


def _lines(stream: BinaryIO, file: str) -> Iterator[_Piece | Diagnostic]:
    offset = byte_offset = 0
    for number, line in enumerate(stream, start=1):
        for piece in _decoded(line, file, _Piece("", number, offset, byte_offset)):
            if isinstance(piece, Diagnostic) or piece.text.strip():
                yield piece
            offset += 0 if isinstance(piece, Diagnostic) else len(piece.text)
        byte_offset += len(line)


def _decoded(data: bytes, file: str, start: _Piece) -> Iterator[_Piece | Diagnostic]:
    skipped = len(_BOM) if start.byte_offset == 0 and data.startswith(_BOM) else 0
    try:
        text = data[skipped:].decode()
    except UnicodeDecodeError as fault:
        before = data[skipped : skipped + fault.start].decode()
        piece = _Piece(before, start.line, start.offset, start.byte_offset + skipped)
        finder = _Finder(file)
        span = finder.at(piece, len(before), len(before))
        yield finder.find("not-json", "this is not JSON: a byte is not UTF-8", span)
        return
    yield _Piece(text, start.line, start.offset, start.byte_offset + skipped)


def _mismatches(
    finder: _Finder, piece: _Piece, route: Route, errors: Iterable[Any]
) -> Iterator[Diagnostic]:
    """Yield the findings of one document, by place, each mistake once."""
    found: dict[tuple[Route, str], Diagnostic] = {}
    for leaf in (leaf for error in errors for leaf in leaves(error)):
        at = (*route, *leaf.absolute_path)
        for name, words, help_ in mismatches(leaf):
            path = at if name is None else (*at, name)
            place = place_of(piece.text, path)
            span = finder.at(piece, place.start if name is None else place.name, place.end)
            pointer = _pointer(path)
            message = f"`{pointer}` {words}" if pointer else f"the document {words}"
            found[path, message] = finder.find("schema-mismatch", message, span, help_, path)
    yield from sorted(found.values(), key=lambda one: one.span is not None and one.span.start)


def _pointer(route: Route) -> str:
    """Return a route as JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in route)
