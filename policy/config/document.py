"""A configuration file as text, data and places, or the diagnostics that say why there is none.

``tomllib`` alone decides what a file means; this module guards it against hostile input and has its refusals
explained. It never raises for what a file holds, and it knows nothing of settings.

TOML is pinned to 1.0 on every Python: the ``tomllib`` of Python 3.15 also reads 1.1, so there a file that uses
the newer syntax is refused here.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

from policy.config import diagnose
from policy.config.guard import find_excess, may_be_too_deep
from policy.config.positions import LineIndex
from policy.config.spans import KeyPath, SpanIndex
from policy.config.toml_problems import DEEP, MODERN
from policy.config.toml_scan import scan
from policy.diagnostics.model import Diagnostic, Span

__all__ = [
    "MAX_BYTES",
    "Document",
    "KeyPath",
    "read_bytes",
    "read_document",
    "read_file",
    "source_text",
]

MAX_BYTES: Final = 1_048_576
"""Largest file that is read, in bytes."""

_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_READS_MODERN: Final = sys.hexversion >= 0x030F0000
_MODERN_HINT: Final = re.compile(r"\\[ex]|,\s*\}|\{[^}\n]*\n|[0-9]:[0-9]{2}(?!:?[0-9])")


@dataclass(slots=True, eq=False)
class Document:
    """A file that was read and parsed.

    Attributes:
        file: The file as the user named it.
        text: Its text without byte order mark, line ends as in the file.
        has_bom: Whether the file starts with a byte order mark.
        data: Its values; floats are ``Decimal``.
    """

    file: str
    text: str
    has_bom: bool
    data: dict[str, Any]
    _lines: LineIndex | None = field(default=None, init=False, repr=False)
    _spans: SpanIndex | None = field(default=None, init=False, repr=False)

    def has(self, path: KeyPath) -> bool:
        """Tell whether the document sets a path."""
        value: Any = self.data
        for part in path:
            if isinstance(part, str) and isinstance(value, dict) and part in value:
                value = cast("dict[str, Any]", value)[part]
            elif (
                isinstance(part, int)
                and isinstance(value, list)
                and 0 <= part < len(cast("list[Any]", value))
            ):
                value = cast("list[Any]", value)[part]
            else:
                return False
        return True

    def key(self, path: KeyPath) -> Span:
        """Return the last key token of a path.

        For an item of an array it is the item, for a table with a header the token inside the header, for
        ``()`` the start of the file. Of a path that the document does not set, the nearest ancestor counts.
        """
        return self.at(*self._index().key(path))

    def value(self, path: KeyPath) -> Span:
        """Return the value of a path.

        For a table with a header it is the header with its brackets, for an inline table its braces, for a
        table made by dotted keys its first key token. Of a path that is not set, the nearest ancestor counts.
        """
        return self.at(*self._index().value(path))

    def mentions(self, path: KeyPath) -> tuple[Span, ...]:
        """Return every key token that spells the last part of a path, in the order of the text."""
        return tuple(self.at(*place) for place in self._index().mentions(path))

    def at(self, offset_start: int, offset_end: int) -> Span:
        """Return the span between two offsets of the text, the end exclusive."""
        if self._lines is None:
            self._lines = LineIndex(self.text, has_bom=self.has_bom)
        return self._lines.span(offset_start, offset_end)

    def _index(self) -> SpanIndex:
        if self._spans is None:
            self._spans = SpanIndex(scan(self.text).statements)
        return self._spans


def read_document(raw: bytes, file: str) -> tuple[Document | None, list[Diagnostic]]:
    """Parse the bytes of a file.

    Args:
        raw: The whole file.
        file: The file as the user named it, for the diagnostics.

    Returns:
        The document, or ``None`` if an error stands in its way, and all that is wrong with it as TOML.
    """
    if len(raw) > MAX_BYTES:
        return None, [_too_large(file)]
    body, has_bom = (raw[len(_BOM) :], True) if raw.startswith(_BOM) else (raw, False)
    found = [diagnose.byte_order_mark(file)] if has_bom else []
    if _looks_like_utf16(body):
        return None, [*found, diagnose.utf16(file)]
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        shift = len(_BOM) if has_bom else 0
        return None, [*found, diagnose.not_utf8(body, file, error.start, shift)]
    document, errors = _parse(text, file, has_bom=has_bom)
    return document, found + errors


def read_file(path: Path, shown: str) -> tuple[Document | None, list[Diagnostic]]:
    """Read and parse a file; what stands in the way of reading it is a diagnostic, too.

    Args:
        path: Where the file is.
        shown: How the user named it.
    """
    raw, errors = read_bytes(path, shown)
    return (None, errors) if raw is None else read_document(raw, shown)


def read_bytes(path: Path, shown: str) -> tuple[bytes | None, list[Diagnostic]]:
    """Read a file of at most ``MAX_BYTES``; of a longer one no more than that is read."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        what = (
            "is a symbolic link to a file that is missing"
            if path.is_symlink()
            else "does not exist"
        )
        message = f"the file `{shown}` {what}"
        return None, [diagnose.without_text("file-missing", message, shown, "Check the path.")]
    except IsADirectoryError:
        return None, [_unreadable(shown, "is a directory", "Name the files in it.")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return None, [_unreadable(shown, f"cannot be read: {reason}", "Check its permissions.")]
    return (raw, []) if len(raw) <= MAX_BYTES else (None, [_too_large(shown)])


def source_text(raw: bytes) -> str:
    """Decode a file for the excerpts of its diagnostics; bytes that are not UTF-8 become ``U+FFFD``."""
    return raw.removeprefix(_BOM).decode(errors="replace")


def _parse(text: str, file: str, *, has_bom: bool) -> tuple[Document | None, list[Diagnostic]]:
    lines: LineIndex | None = None
    if may_be_too_deep(text) or (_READS_MODERN and _MODERN_HINT.search(text)):
        lines = LineIndex(text, has_bom=has_bom)
        refused = diagnose.explain_problems(scan(text), file, lines, {DEEP, MODERN})
        if refused:
            return None, refused
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as refusal:
        lines = lines or LineIndex(text, has_bom=has_bom)
        return None, diagnose.explain_refusal(text, file, lines, refusal)
    document = Document(file, text, has_bom, data)
    excess = find_excess(data)
    if not excess:
        return document, []
    found = [
        diagnose.explain_excess(one, file, document.key(one.path), document.value(one.path))
        for one in excess
    ]
    return None, sorted(
        found, key=lambda diagnostic: diagnostic.span.start.offset if diagnostic.span else 0
    )


def _looks_like_utf16(body: bytes) -> bool:
    return body.startswith(_UTF16) or body.count(0) * 4 > len(body)


def _too_large(file: str) -> Diagnostic:
    message = f"the file is larger than {MAX_BYTES} bytes"
    return diagnose.without_text("file-too-large", message, file, "Is this the right file?")


def _unreadable(file: str, what: str, help_: str) -> Diagnostic:
    return diagnose.without_text("file-unreadable", f"`{file}` {what}", file, help_)
