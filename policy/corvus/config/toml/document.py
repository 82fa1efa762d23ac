"""A configuration file as text, data and places, or the diagnostics that say why there is none.

``tomli`` alone decides what a file means; this module guards it against hostile input and has its
refusals explained. While it is not loaded, ``plain`` reads what is plain, as ``tomli`` would. This
module never raises for what a file holds, and it knows nothing of settings.

TOML is pinned to 1.0 on every Python: ``tomli`` also reads 1.1, so a file that uses the newer
syntax is refused here. It is ``tomllib`` compiled: the same parser, in a third of the time.
"""

from __future__ import annotations

import os
import sys
from decimal import Decimal

from corvus.config.toml.bounds import MAX_BYTES, find_excess, may_be_modern, may_be_too_deep
from corvus.config.toml.values import is_array, is_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Final

    from corvus.config.toml.finding import Place
    from corvus.config.toml.quotes import Quotes
    from corvus.config.toml.spans import LineIndex, SpanIndex
    from corvus.config.toml.tokens import Statement
    from corvus.config.toml.values import Route
    from corvus.diagnostics.model import Diagnostic, Span

# NOTE: A clean file needs neither positions nor diagnostics, and compiling the patterns of the
# scanner takes longer than reading it: whatever explains is imported where it is needed.

BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class Document:
    """A file that was read and parsed.

    Attributes:
        file: The file as the user named it.
        text: Its text without byte order mark, line ends as in the file.
        has_bom: Whether the file starts with a byte order mark.
        data: Its values; floats are ``Decimal``.
        lost: What it sets in lines that cannot be read; a table stands for anything in it.
    """

    __slots__ = (
        "_lines",
        "_quotes",
        "_spans",
        "_statements",
        "data",
        "file",
        "has_bom",
        "lost",
        "text",
    )

    def __init__(self, file: str, text: str, data: dict[str, Any], *, has_bom: bool) -> None:
        self.file = file
        self.text = text
        self.data = data
        self.has_bom = has_bom
        self._quotes: Quotes | None = None
        self._lines: LineIndex | None = None
        self._spans: SpanIndex | None = None
        self.lost: frozenset[Route] = frozenset()
        self._statements: tuple[Statement, ...] | None = None

    @property
    def folder(self) -> Path:
        """Where relative paths of the document start."""
        from pathlib import Path

        return Path(self.file).parent

    def has(self, path: Route) -> bool:
        """Return whether the document sets a path, be it in a line that cannot be read."""
        if path in self.lost:
            return True
        value: object = self.data
        for part in path:
            if isinstance(part, str):
                if not is_table(value) or part not in value:
                    return False
                value = value[part]
            elif is_array(value) and 0 <= part < len(value):
                value = value[part]
            else:
                return False
        return True

    def key(self, path: Route) -> Span:
        """Return the last key token of a path.

        For an item of an array it is the item, for a table with a header the token inside the
        header, for ``()`` the start of the file. Of a path that the document does not set, the
        nearest ancestor counts.
        """
        return self.at(*self._index().key(path))

    def value(self, path: Route) -> Span:
        """Return the value of a path.

        For a table with a header it is the header with its brackets, for an inline table its
        braces, for a table made by dotted keys its first key token. Of a path that is not set, the
        nearest ancestor counts.
        """
        return self.at(*self._index().value(path))

    def span(self, place: Place) -> Span:
        """Return the positions of a place that a finding names."""
        from corvus.config.toml.finding import KeyOf, Stretch

        if isinstance(place, Stretch):
            return self.at(*place)
        return self.key(place.route) if isinstance(place, KeyOf) else self.value(place.route)

    def mentions(self, path: Route) -> tuple[Span, ...]:
        """Return every key token that spells the last part of a path, in the order of the text."""
        return tuple(self.at(*place) for place in self._index().mentions(path))

    def quotes(self) -> Quotes:
        """Return what repeats pieces of the document in messages."""
        if self._quotes is None:
            from corvus.config.toml.quotes import Quotes

            self._quotes = Quotes(self.text)
        return self._quotes

    def at(self, offset_start: int, offset_end: int) -> Span:
        """Return the span between two offsets of the text, the end exclusive."""
        if self._lines is None:
            from corvus.config.toml.spans import LineIndex

            self._lines = LineIndex(self.text, has_bom=self.has_bom)
        return self._lines.span(offset_start, offset_end)

    def statements(self) -> tuple[Statement, ...]:
        """Return the entries and headers of the document in order, with their places."""
        if self._statements is None:
            from corvus.config.toml.scan import scan

            self._statements = scan(self.text).statements
        return self._statements

    def _index(self) -> SpanIndex:
        if self._spans is None:
            from corvus.config.toml.spans import SpanIndex

            self._spans = SpanIndex(self.statements())
        return self._spans


def read_document(raw: bytes, file: str) -> tuple[Document | None, list[Diagnostic]]:
    """Parse the bytes of a file.

    Args:
        raw: The whole file.
        file: The file as the user named it, for the diagnostics.

    Returns:
        The document, or ``None`` if an error stands in its way, and all that is wrong with it as
        TOML.
    """
    if len(raw) > MAX_BYTES:
        return None, [_too_large(file)]
    body, has_bom = raw.removeprefix(BOM), raw.startswith(BOM)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if _looks_like_utf16(body) or (body and not text):
        return None, _undecodable(raw, file)
    document, errors = _parse(text, file, has_bom=has_bom)
    if has_bom:
        from corvus.config.toml.explain import byte_order_mark

        errors.insert(0, byte_order_mark(file))
    return document, errors


def read_file(path: Path, shown: str) -> tuple[Document | None, list[Diagnostic]]:
    """Read and parse a file; what stands in the way of reading it is a diagnostic, too.

    Args:
        path: Where the file is.
        shown: How the user named it.
    """
    raw, errors = read_bytes(path, shown)
    return (None, errors) if raw is None else read_document(raw, shown)


def read_bytes(path: Path | str, shown: str) -> tuple[bytes | None, list[Diagnostic]]:
    """Read a file of at most ``MAX_BYTES``; of a longer one no more than that is read."""
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        what = (
            "is a symbolic link to a file that is missing"
            if os.path.islink(path)
            else "does not exist"
        )
        message = f"the file `{shown}` {what}"
        return None, [_no_text("file-missing", message, shown, "Check the path.")]
    except IsADirectoryError:
        return None, [_unreadable(shown, "is a directory", "Name the files in it.")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        is_barred = isinstance(error, PermissionError)
        help_ = "Check its permissions." if is_barred else "Check the path."
        return None, [_unreadable(shown, f"cannot be read: {reason}", help_)]
    return (raw, []) if len(raw) <= MAX_BYTES else (None, [_too_large(shown)])


def source_text(raw: bytes) -> str:
    """Decode a file for excerpts of its diagnostics; what is not UTF-8 becomes ``U+FFFD``."""
    return raw.removeprefix(BOM).decode(errors="replace")


def _parse(text: str, file: str, *, has_bom: bool) -> tuple[Document | None, list[Diagnostic]]:
    if "tomli" not in sys.modules:
        from corvus.config.toml.plain import read_plain

        data = read_plain(text)
        if data is not None:
            return Document(file, text, data, has_bom=has_bom), []
    import tomli

    if may_be_too_deep(text) or may_be_modern(text):
        from corvus.config.toml.explain import explain_problems

        refused = explain_problems(text, file, has_bom=has_bom)
        if refused:
            return None, refused
    try:
        data = tomli.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as refusal:
        from corvus.config.toml.explain import explain_refusal

        return None, explain_refusal(text, file, refusal, has_bom=has_bom)
    document = Document(file, text, data, has_bom=has_bom)
    excess = find_excess(data)
    if not excess:
        return document, []
    from corvus.config.toml.explain import explain_excess

    return None, explain_excess(excess, file, document.span, document.quotes())


def _looks_like_utf16(body: bytes) -> bool:
    """Return whether the bytes are UTF-16: marked, or every second one of plain words is 0."""
    if body.startswith(_UTF16):
        return True
    odd = body[1::2].count(0)
    return body.count(0) * 4 > len(body) and max(odd, body.count(0) - odd) * 10 > 9 * body.count(0)


def _undecodable(raw: bytes, file: str) -> list[Diagnostic]:
    from corvus.config.toml import explain

    body = raw.removeprefix(BOM)
    found = [explain.byte_order_mark(file)] if body is not raw else []
    if what := explain.binary(body):
        return [*found, explain.not_text(what, file)]
    if _looks_like_utf16(body):
        return [*found, explain.utf16(file)]
    return [*found, *explain.not_utf8(raw, file)]


def _too_large(file: str) -> Diagnostic:
    message = f"the file is larger than {MAX_BYTES} bytes"
    return _no_text("file-too-large", message, file, "Is this the right file?")


def _unreadable(file: str, what: str, advice: str) -> Diagnostic:
    return _no_text("file-unreadable", f"`{file}` {what}", file, advice)


def _no_text(code: str, message: str, file: str, advice: str) -> Diagnostic:
    from corvus.config.toml.explain import without_text

    return without_text(code, message, file, advice)
