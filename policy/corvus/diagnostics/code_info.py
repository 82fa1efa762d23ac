"""What the registry knows about one diagnostic code (DIA-4).

The type stands alone so that each group of codes can live beside the code that raises them without
importing the registry that merges the groups.
"""

from __future__ import annotations

from dataclasses import dataclass

from corvus.diagnostics.model import Severity


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """One entry of ``corvus explain``.

    Attributes:
        code: Stable kebab-case name; never renamed once released.
        severity: Used when the place that finds the problem has no reason to say otherwise.
        title: A few words, no full stop.
        explanation: Why it is a problem, in whole sentences.
        bad: An input that yields exactly this code, or, when ``bad_is_text`` is false, the
            situation
            in words.
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
