"""Names findings so that a service can follow each from one version of a file to the next.

A finding is known by its code, its file and the route of its keys. Neither line numbers nor indices
count, so lines and tables added above change nothing. Where there is no route, as in a text that is
not TOML, the line itself counts, without what may be a secret. Equal ones are numbered in order.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Final

from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome, place_of
from corvus.diagnostics.secrets import secret_ranges

_LENGTH: Final = 32


def fingerprints(outcome: Outcome) -> list[str]:
    """Return 32 hexadecimal digits for each of ``outcome.diagnostics``, no two alike."""
    lines = {file.file: _lines(file.text) for file in outcome.inputs if _needs_lines(file)}
    seen: Counter[tuple[str, ...]] = Counter()
    found: list[str] = []
    for diagnostic in outcome.diagnostics:
        identity = (
            diagnostic.code,
            place_of(diagnostic.file, outcome).uri,
            *_what(diagnostic, lines.get(diagnostic.file, [])),
        )
        seen[identity] += 1
        found.append(_digest((*identity, str(seen[identity]))))
    return found


def _needs_lines(file: Input) -> bool:
    return any(diagnostic.span and not diagnostic.path for diagnostic in file.diagnostics)


def _what(diagnostic: Diagnostic, lines: list[str]) -> tuple[str, ...]:
    keys = tuple(part for part in diagnostic.path if isinstance(part, str))
    if keys or diagnostic.span is None:
        return keys
    line = diagnostic.span.start.line
    return ("", lines[line - 1].strip()) if line <= len(lines) else ()


def _lines(text: str | None) -> list[str]:
    """Split a text into lines, each possible secret replaced by one ``*`` for a line of it."""
    whole = text or ""
    parts: list[str] = []
    end = 0
    for start, stop in secret_ranges(whole):
        parts += [whole[end:start], "*" + "\n" * whole.count("\n", start, stop)]
        end = stop
    return "".join([*parts, whole[end:]]).split("\n")


def _digest(parts: tuple[str, ...]) -> str:
    # The length before each part keeps ("a", "bc") apart from ("ab", "c").
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]
