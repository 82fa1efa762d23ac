"""Fixes for diagnostics about settings, as edits of the text (DIA-1).

A rule that knows what the author most likely meant asks here and puts the answer into its
``Finding``; where an edit could break the file or show a secret there is none. Nothing here decides
what was meant, and nothing applies a fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from corvus.config.check.reporter import Reporter
from corvus.config.toml.document import Document
from corvus.config.toml.values import Route, quoted
from corvus.diagnostics.model import Edit, Fix, Span

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def rename(reporter: Reporter, route: Route, name: str) -> Fix | None:
    """Offer another name for a key or table, wherever the file spells it.

    Args:
        reporter: Knows which document decides the route.
        route: The key as it stands in the file; its last part is a name.
        name: The name to write instead, without quotes.

    Returns:
        An unsafe fix; ``None`` when the table has a key of that name already.
    """
    document = reporter.document(route)
    if not document.has(route) or document.has((*route[:-1], name)):
        return None
    written = name if _BARE.fullmatch(name) else quoted(name)
    places = document.mentions(route)
    return _fix(f"Rename it to {written}", ((place, written) for place in places))


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


def _text(document: Document, span: Span) -> str:
    return document.text[span.start.offset : span.end.offset]


def _fix(description: str, edits: Iterable[tuple[Span, str]]) -> Fix:
    by_place = sorted(edits, key=lambda edit: edit[0].start.offset)
    return Fix(description, tuple(Edit(span, text) for span, text in by_place))
