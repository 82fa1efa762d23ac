"""What there is to know about one diagnostic code (DIA-4).

The codes themselves stand next to what reports them; ``corvus.config.check.codes`` is their
registry. Every check loads this module, so nothing here takes long to import.
"""

from __future__ import annotations

from enum import StrEnum

from corvus.base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Severity(StrEnum):
    """How much a diagnostic matters; ``rank`` orders them, errors first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for errors, 1 for warnings, 2 for notes."""
        return ("error", "warning", "note").index(self.value)


OFF: Final = "off"
SEVERITIES: Final = tuple(severity.value for severity in Severity)
"""Their words, most serious first."""
LEVELS: Final = (*SEVERITIES, OFF)
"""What a user may say of a code: how much its findings matter, or that there shall be none."""


class CodeInfo(Record):
    """One entry of ``corvus explain``.

    Attributes:
        code: Stable kebab-case name; never renamed once released.
        severity: Used when the place that finds the problem has no reason to say otherwise.
        title: A few words, no full stop.
        explanation: Why it is a problem, in whole sentences.
        bad: An input that yields exactly this code, or, when ``bad_is_text`` is false, the
            situation in words.
        good: An input that yields no diagnostic of this code.
        mend: What to do about it, in whole sentences.
        bad_is_text: Whether ``bad`` is the text of a file.
    """

    code: str
    severity: Severity
    title: str
    explanation: str
    bad: str
    good: str
    mend: str
    bad_is_text: bool = True
