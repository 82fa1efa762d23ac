"""A diagnostic: one problem in one document, built once and rendered many ways (DIA-1).

It holds data only. It never prints, and it is never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic matters; ``rank`` orders them, errors first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for errors, 1 for warnings, 2 for notes."""
        return ("error", "warning", "note").index(self.value)


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
class Diagnostic:
    """One problem.

    Attributes:
        code: Stable kebab-case code, an entry of ``policy.diagnostics.codes``.
        message: One sentence that names the key and the value seen.
        file: The file as the user named it; ``<stdin>`` for standard input.
        span: The primary place; ``None`` only when the file has no text (missing, a directory, not
            UTF-8 at all).
        label: A few words beside the caret.
        related: Other places, such as the first of two duplicate keys.
        help: What to do, one sentence each.
        path: Keys and indices that lead to the value: ``("cost", "budgets", 2, "limit_usd")``.
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

    @property
    def is_error(self) -> bool:
        """Whether it makes the document unusable."""
        return self.severity is Severity.ERROR
