"""Collects findings about settings as diagnostics, and puts the values that users wrote into words.

Rules name a route such as ``("cost", "budgets", 2, "limit_usd")`` and never a line number; this is
the one place that looks up where it stands. What a message repeats of a document goes through
``shown``, ``header``, ``quoted`` and ``seen``, which never repeat what may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from corvus.config.toml.bounds import MAX_FINDINGS
from corvus.config.toml.values import Route, kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.config.model.dialects import Dialect
    from corvus.config.toml.document import Document
    from corvus.config.toml.finding import Finding
    from corvus.config.toml.quotes import Quotes
    from corvus.diagnostics.codes import Severity
    from corvus.diagnostics.model import Diagnostic

# NOTE: a clean file has a reporter but nothing to report; what describes a problem is imported
# with the first one, and records are no dataclasses, whose import alone takes longer than a check.

_SECRETIVE = frozenset({"url", "base_url", "otlp_endpoint", "api_key_env"})
_LONGEST = 40


class Reporter:
    """Collects the diagnostics of one document, or of several layered ones.

    Args:
        documents: Lowest layer first; a route is looked for in the last one that has it.
        dialects: What each of them is checked as.
        severity: Returns how much a code matters.
    """

    def __init__(
        self,
        documents: Sequence[Document],
        dialects: Sequence[Dialect],
        severity: Callable[[str], Severity],
    ) -> None:
        self.found: list[Diagnostic] = []
        self._quoting: Quotes | None = None
        self._documents = documents
        self._dialects = dialects
        self._severity = severity
        self._routes: set[Route] = set()
        self.is_cut = False
        """Whether there are more findings than are reported."""

    def add(self, finding: Finding) -> None:
        """Report a finding about a key or value; related places that no file has are left out."""
        from corvus.config.toml.explain import to_diagnostic
        from corvus.config.toml.finding import Stretch

        document = self.document(finding.route)
        self._routes.add(finding.route)
        if self.is_full():
            self.cut()
            return
        help_ = finding.help
        related = tuple(
            (place, words)
            for place, words in finding.related
            if not isinstance(place, Stretch) and document.has(place.route)
        )
        fix = finding.fix
        if fix and any(self._quotes.hides(edit.replacement) for edit in fix.edits):
            fix = None  # it would show the secret, or write `***` in its place
        finding = finding._replace(help=help_, related=related, fix=fix)
        severity = self._severity(finding.code)
        found = to_diagnostic(finding, document.file, document.span, self._quotes, severity)
        self.found.append(found)

    def is_reported(self, route: Route) -> bool:
        """Return whether this value, one that holds it or one inside it was reported already."""
        return any(route[: len(reported)] == reported[: len(route)] for reported in self._routes)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the documents is lost, so that a key that is missing is missing."""
        return not any(document.lost for document in self._documents)

    def has_unknown_key(self, table: Route) -> bool:
        """Return whether an unknown key of a table was reported, so that no default is certain."""
        return any(found.code == "unknown-key" and found.path[:-1] == table for found in self.found)

    def is_full(self) -> bool:
        """Return whether no more is reported, so that nothing need be looked up for it."""
        return len(self.found) >= MAX_FINDINGS

    def cut(self) -> None:
        """Say with the last finding that more follow."""
        if self.is_cut or not self.found:
            return
        from dataclasses import replace

        self.is_cut = True
        last = self.found[-1]
        more = f"These are the first {len(self.found)} findings of the file; more follow."
        self.found[-1] = replace(last, help=(*last.help, more))

    def take(self, other: Reporter) -> None:
        """Take over what another reporter found."""
        self.found += other.found
        self._routes |= other._routes
        self.is_cut |= other.is_cut

    @property
    def _quotes(self) -> Quotes:
        if self._quoting is None:
            from corvus.config.toml.quotes import Quotes

            self._quoting = Quotes(*(document.text for document in self._documents))
        return self._quoting

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

    def shown(self, route: Route) -> str:
        """Write a route for a message, its parts quoted as TOML needs."""
        return self._quotes.shown(route)

    def header(self, route: Route) -> str:
        """Write a table as its header for a message."""
        return self._quotes.header(route)

    def quoted(self, text: str) -> str:
        """Write a string or name of the documents for a message, in the quotes of TOML."""
        return self._quotes.quoted(text)

    def value(self, text: str) -> str:
        """Write what stands in a document in place of a value, as it is."""
        return self._quotes.value(text)

    def hides(self, route: Route) -> bool:
        """Return whether a value may be a secret, so that nothing made of it may be shown."""
        document = self.document(route)
        span = document.value(route)
        return self._quotes.hides(document.text[span.start.offset : span.end.offset])

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
        if len(text) > _LONGEST or "\n" in text or self._quotes.hides(text):
            return f"this {word}"
        return f"the {word} {text}"
