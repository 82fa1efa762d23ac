"""Collects diagnostics about settings: turns routes into spans, and keys and values into words.

Rules name a route such as ``("cost", "budgets", 2, "limit_usd")`` and never a line number; this is
the one place that asks documents where it stands. Refuses to repeat a value that may hold a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from corvus.config.toml.limits import MAX_FINDINGS
from corvus.config.toml.values import Route, kind

if TYPE_CHECKING:
    from corvus.config.check.dialects import Dialect
    from corvus.config.toml.document import Document
    from corvus.diagnostics.model import Diagnostic, Fix, Span

# NOTE: a clean file has a reporter but nothing to report; what describes a problem is imported
# with the first one, and records are no dataclasses, whose import alone takes longer than a check.

_SECRETIVE = frozenset({"url", "base_url", "otlp_endpoint", "api_key_env"})
_LONGEST = 40


class Note(NamedTuple):
    """What accompanies a diagnostic: words at the caret, other places, what to do, and a fix."""

    label: str = ""
    related: tuple[tuple[Route, str], ...] = ()
    help: tuple[str, ...] = ()
    fix: Fix | None = None
    """Made by ``corvus.config.check.fixes``."""


_NO_NOTE = Note()


class Reporter:
    """Collects the diagnostics of one document, or of several layered ones.

    Args:
        documents: Lowest layer first; a route is looked for in the last one that has it.
        dialects: What each of them is checked as.
    """

    def __init__(self, documents: Sequence[Document], dialects: Sequence[Dialect]) -> None:
        self.found: list[Diagnostic] = []
        self._documents = documents
        self._dialects = dialects
        self._routes: set[Route] = set()

    def at_key(self, code: str, route: Route, message: str, note: Note = _NO_NOTE) -> None:
        """Report a key."""
        document = self.document(route)
        self._add(code, route, message, note, document.key(self._known(document, route)))

    def at_value(self, code: str, route: Route, message: str, note: Note = _NO_NOTE) -> None:
        """Report a value."""
        document = self.document(route)
        self._add(code, route, message, note, document.value(self._known(document, route)))

    def is_reported(self, route: Route) -> bool:
        """Tell whether this value, one that holds it or one inside it was reported already."""
        return any(route[: len(known)] == known[: len(route)] for known in self._routes)

    def is_full(self) -> bool:
        """Tell whether no more is reported, so that nothing need be looked up for it."""
        return len(self.found) >= MAX_FINDINGS

    def take(self, other: Reporter) -> None:
        """Take over what another reporter found."""
        self.found += other.found
        self._routes |= other._routes

    def in_order(self) -> tuple[Diagnostic, ...]:
        """Return what was found by file, in the order of the documents, then by place."""
        files = {document.file: index for index, document in enumerate(self._documents)}

        def place(diagnostic: Diagnostic) -> tuple[int, int]:
            offset = diagnostic.span.start.offset if diagnostic.span else -1
            return files.get(diagnostic.file, 0), offset

        return tuple(sorted(self.found, key=place))

    def document(self, route: Route) -> Document:
        """Return the document that decides a route: the last one that has it, or most of it."""
        for end in range(len(route), 0, -1):
            for document in reversed(self._documents):
                if document.has(route[:end]):
                    return document
        return self._documents[-1]

    def dialect(self, route: Route) -> Dialect:
        """Return what the document that decides a route is checked as."""
        return self._dialects[self._documents.index(self.document(route))]

    def seen(self, route: Route, value: object) -> str:
        """Name the value a user wrote: as it stands in the file; its type when long or secret."""
        from corvus.diagnostics.secrets import any_secret

        word = kind(value)
        if word in {"array", "table"}:
            return f"{'an' if word == 'array' else 'a'} {word}"
        if any(part in _SECRETIVE for part in route) or any_secret(route):
            return f"this {word}"
        document = self.document(route)
        span = document.value(route)
        text = document.text[span.start.offset : span.end.offset]
        if len(text) > _LONGEST or "\n" in text:
            return f"this {word}"
        return f"the {word} {text}"

    def _known(self, document: Document, route: Route) -> Route:
        while route and not document.has(route):
            route = route[:-1]
        return route

    def _add(self, code: str, route: Route, message: str, note: Note, span: Span) -> None:
        from corvus.diagnostics.codes import lookup
        from corvus.diagnostics.conceal import conceal
        from corvus.diagnostics.model import Diagnostic, Label

        document = self.document(route)
        related = tuple(
            Label(document.value(place), words)
            for place, words in note.related
            if document.has(place)
        )
        self._routes.add(route)
        if self.is_full():
            return
        if len(self.found) == MAX_FINDINGS - 1:
            cut = f"These are the first {MAX_FINDINGS} findings of the file; more follow."
            note = note._replace(help=(*note.help, cut))
        found = Diagnostic(
            code=code,
            severity=lookup(code).severity,
            message=message,
            file=document.file,
            span=span,
            label=note.label,
            related=related,
            help=note.help,
            path=route,
            fix=note.fix,
        )
        self.found.append(conceal(found, document.hidden()))
