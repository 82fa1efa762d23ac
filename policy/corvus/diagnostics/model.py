"""A diagnostic: one problem in one document, built once and rendered many ways (DIA-1).

It holds data only. It never prints, and it is never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from corvus.base.errors import PolicyError
from corvus.diagnostics.codes import Severity


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a document.

    Attributes:
        offset: Code points from the start of the text, a BOM not counted.
        byte_offset: Bytes from the start of the file, a BOM counted.
        line: 1-based.
        column: 1-based, in code points.
    """

    offset: int
    byte_offset: int
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a document, ``end`` exclusive."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains a diagnostic, and what it has to do with it."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a document and what to write in its place; an empty span inserts."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that would mend a diagnostic; ``corvus.config.edit.fixing`` proves and applies them.

    Attributes:
        description: What the edits do, one sentence without a full stop.
        edits: At least one, by place, without overlap, all in the file of the diagnostic.
        is_safe: Whether the meaning in force cannot change. A guess at what the author meant never
            is.
    """

    description: str
    edits: tuple[Edit, ...]
    is_safe: bool = False

    @property
    def applicability(self) -> str:
        """``safe`` or ``unsafe``, the word that reports have for it."""
        return "safe" if self.is_safe else "unsafe"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem.

    Attributes:
        code: Stable kebab-case code, an entry of ``corvus.config.check.codes``.
        message: One sentence that names the key and the value seen.
        file: The file as the user named it; ``<stdin>`` for standard input.
        span: The primary place; ``None`` only when the file has no text (missing, a directory, not
            UTF-8 at all).
        label: A few words at the caret.
        related: Other places, such as the first of two duplicate keys.
        help: What to do, one sentence each.
        path: Keys and indices that lead to the value: ``("cost", "budgets", 2, "limit_usd")``.
        fix: How a program could mend it, where that is certain enough to offer.
    """

    code: str
    severity: Severity
    message: str
    file: str
    span: Span | None
    label: str = ""
    related: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    path: tuple[str | int, ...] = ()
    fix: Fix | None = None

    @property
    def is_error(self) -> bool:
        """Whether it makes the document unusable."""
        return self.severity is Severity.ERROR


class ConfigError(PolicyError):
    """The author must edit a configuration file.

    Attributes:
        diagnostics: All problems found, in file order.
    """

    code = "config-error"

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)
