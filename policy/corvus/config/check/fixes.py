"""Fixes for diagnostics about settings, as edits of the text (DIA-1).

A rule that knows what the author most likely meant asks here and puts the answer into its
``Finding``; where an edit could break the file or show a secret there is none. Nothing here decides
what was meant, and nothing applies a fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from corvus.config.check.reporter import Reporter
from corvus.config.toml.cut import cut_out
from corvus.config.toml.document import Document
from corvus.config.toml.tokens import Header, opened
from corvus.config.toml.values import Route, header, quoted, shown
from corvus.diagnostics.model import Edit, Fix, Span

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def rename(
    reporter: Reporter, route: Route, name: str, *, is_safe: bool = False, value: str | None = None
) -> Fix | None:
    """Offer another name for a key or table, wherever the file spells it.

    Args:
        reporter: Knows which document decides the route.
        route: The key as it stands in the file; its last part is a name.
        name: The name to write instead, without quotes.
        is_safe: Whether the meaning stays.
        value: What to write as its value, too, as TOML spells it; it holds nothing of the old one
            that may be a secret.

    Returns:
        The fix; ``None`` when the table has a key of that name already.
    """
    document = reporter.document(route)
    if not document.has(route) or document.has((*route[:-1], name)):
        return None
    written = name if _BARE.fullmatch(name) else quoted(name)
    edits = [(place, written) for place in document.mentions(route)]
    if value is None:
        return _fix(f"Rename it to {written}", edits, is_safe=is_safe)
    edits.append((document.value(route), value))
    return _fix(f"Write {written} = {value}", edits, is_safe=is_safe)


def prefix(reporter: Reporter, key: str, table: Route) -> Fix | None:
    """Offer to put a top-level key or table into a table, wherever the file spells it.

    Args:
        reporter: Knows which document decides the key.
        key: The key.
        table: The table, which has no such key yet.
    """
    document = reporter.document((key,))
    if not document.has((key,)) or document.has((*table, key)):
        return None
    written = f"{shown(table)}."
    starts = (place.start.offset for place in document.mentions((key,)))
    return _fix(f"Put it into {header(table)}", ((document.at(at, at), written) for at in starts))


def replace(reporter: Reporter, route: Route, text: str) -> Fix | None:
    """Offer another value, as TOML spells it; ``text`` must hold nothing of the old one."""
    document = reporter.document(route)
    if not document.has(route):
        return None
    return _fix(f"Write {text}", ((document.value(route), text),))


def unquote(reporter: Reporter, route: Route) -> Fix | None:
    """Offer to take the quotes off a string that reads as a number or a boolean.

    The fix names the quotes only, so it can show nothing of the value.
    """
    document = reporter.document(route)
    if not document.has(route):
        return None
    span = document.value(route)
    text = _text(document, span)
    width = 3 if text[:3] in {'"""', "'''"} else 1
    if text[:1] not in {'"', "'"} or len(text) < 2 * width or "\n" in text:
        return None
    start, end = span.start.offset, span.end.offset
    quotes = (document.at(start, start + width), document.at(end - width, end))
    return _fix("Remove the quotes", ((place, "") for place in quotes))


def remove(reporter: Reporter, route: Route, *, is_safe: bool = False) -> Fix | None:
    """Offer to take out a key with its line, a table, or an item of an array."""
    document = reporter.document(route)
    cuts = [document.at(*place) for place in cut_out(document, route)]
    if not document.has(route) or not cuts:
        return None
    return _fix("Remove it", ((place, "") for place in cuts), is_safe=is_safe)


def in_brackets(reporter: Reporter, route: Route) -> Fix | None:
    """Offer to make a value the only item of an array."""
    document = reporter.document(route)
    if not document.has(route):
        return None
    span = document.value(route)
    start, end = span.start.offset, span.end.offset
    edges = (document.at(start, start), "["), (document.at(end, end), "]")
    return _fix("Put it in square brackets", edges)


def as_header(reporter: Reporter, route: Route, *, is_array: bool) -> Fix | None:
    """Offer the other kind of header, ``[table]`` or ``[[table]]``, where there is one of it."""
    document = reporter.document(route)
    found = [header for table, header in _headers(document) if _names(table) == _names(route)]
    if len(found) != 1 or found[0].is_array == is_array:
        return None
    (header,) = found
    width = 2 if header.is_array else 1
    edges = (
        (document.at(header.start, header.start + width), "[[" if is_array else "["),
        (document.at(header.end - width, header.end), "]]" if is_array else "]"),
    )
    return _fix("Write two pairs of brackets" if is_array else "Write one pair of brackets", edges)


def join_names(reporter: Reporter, table: Route, route: Route, name: str) -> Fix | None:
    """Offer one quoted name for several parts of each header that opens a table.

    Args:
        reporter: Knows which document decides the route.
        table: The table above them.
        route: What the headers spell, or the beginning of it; longer than ``table``.
        name: The name to write, which holds no secret.
    """
    document = reporter.document(route)
    places = [
        document.at(header.keys[len(table)].start, header.keys[len(route) - 1].end)
        for opens, header in _headers(document)
        if opens[: len(route)] == route
    ]
    written = quoted(name)
    return _fix(f"Write {written}", ((place, written) for place in places)) if places else None


def without_code(document: Document, place: Span) -> Fix:
    """Offer to take out a comment that has no effect, or one of the codes that it names."""
    is_comment = document.text[place.start.offset] == "#"
    return _without_comment(document, place) if is_comment else _without_word(document, place)


def _without_comment(document: Document, comment: Span) -> Fix:
    """Take out a comment, with its line where nothing else is there."""
    text = document.text
    start, end = comment.start.offset, comment.end.offset
    line = text.rfind("\n", 0, start) + 1
    end = text.find("\n", end) if "\n" in text[end:] else len(text)
    if text[line:start].strip():  # it stands behind a value
        start -= len(text[line:start]) - len(text[line:start].rstrip())
        end -= text[start:end].endswith("\r")
    else:
        start, end = line, min(end + 1, len(text))
    return _fix("Remove the comment", [(document.at(start, end), "")], is_safe=True)


def _without_word(document: Document, word: Span) -> Fix:
    """Take out one of several words of a list, with the comma behind or before it."""
    text = document.text
    start, end = word.start.offset, word.end.offset
    if behind := re.compile(r"\s*,\s*").match(text, end):
        end = behind.end()
    else:
        start = len(text[:start].rstrip(" \t,"))
    return _fix("Remove it from the comment", [(document.at(start, end), "")], is_safe=True)


def join_keys(reporter: Reporter, route: Route, name: str) -> Fix | None:
    """Offer one quoted key for the last two of a dotted one, such as ``"tag.team"``."""
    document = reporter.document(route)
    first, last = document.mentions(route[:-1]), document.mentions(route)
    if len(first) != 1 or len(last) != 1:
        return None
    start, end = first[0].start.offset, last[0].end.offset
    if document.text[first[0].end.offset : last[0].start.offset].strip(" \t") != ".":
        return None
    return _fix(f"Write {quoted(name)}", [(document.at(start, end), quoted(name))])


def together(fixes: Sequence[Fix | None]) -> Fix | None:
    """Offer several fixes as one; ``None`` where one of them is missing."""
    known = [fix for fix in fixes if fix]
    if not known or len(known) < len(fixes):
        return None
    edits = ((edit.span, edit.replacement) for fix in known for edit in fix.edits)
    return _fix(known[0].description, edits, is_safe=all(fix.is_safe for fix in known))


def _headers(document: Document) -> list[tuple[Route, Header]]:
    sizes: dict[Route, int] = {}
    headers = (one for one in document.statements() if isinstance(one, Header))
    return [(opened(header, sizes), header) for header in headers]


def _names(route: Route) -> Route:
    return tuple(part for part in route if isinstance(part, str))


def _text(document: Document, span: Span) -> str:
    return document.text[span.start.offset : span.end.offset]


def _fix(description: str, edits: Iterable[tuple[Span, str]], *, is_safe: bool = False) -> Fix:
    by_place = sorted(edits, key=lambda edit: edit[0].start.offset)
    return Fix(description, tuple(Edit(span, text) for span, text in by_place), is_safe)
