"""What a check says of a mutant, beside what it says of the file without the mistake."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from corvus.cli.check import PRICE_FACTS
from corvus.config.check.check import CheckedFile, Options, check_text
from corvus.config.check.documents import load_documents
from corvus.config.edit.fixing import prove
from corvus.config.toml.document import read_document
from corvus.diagnostics.model import Diagnostic
from tools.fuzz.mistakes import Mutant

_SLOW_SECONDS = 5.0
_OPTIONS = Options(facts=PRICE_FACTS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a mutant fared.

    Attributes:
        is_one: Exactly one message is new.
        is_right: That, and it stands at the line of the mistake, or names it as related.
        fault: An exception, a slow check, or a disagreement with loading; empty without.
        lines: The new messages, and the fault, for people.
    """

    is_one: bool
    is_right: bool
    fault: str
    lines: tuple[str, ...]

    @property
    def is_fault(self) -> bool:
        """Whether something worse than a poor message happened."""
        return bool(self.fault)


def judge(mutant: Mutant) -> Verdict:
    """Check a mutant, and load it."""
    started = time.monotonic()
    try:
        checked = check_text(mutant.text.encode(), mutant.path.name, _OPTIONS)
        prove(checked, _OPTIONS)  # as every command that shows fixes does
        accepted = _loads(mutant.text.encode(), mutant.path.name)
    except Exception:
        return Verdict(False, False, "exception", tuple(traceback.format_exc().splitlines()[-8:]))
    new = _new(_before(mutant.path), checked)
    fault = ""
    if time.monotonic() - started > _SLOW_SECONDS:
        fault = f"took more than {_SLOW_SECONDS:g} seconds"
    if accepted is any(found.is_error for found in checked.diagnostics):
        fault = f"loading {'accepts' if accepted else 'refuses'} it, checking does not"
    is_right = not fault and len(new) == 1 and not _lines(new[0]).isdisjoint(mutant.lines)
    said = (f"{_line(found)}: {found.code}: {found.message}" for found in new)
    return Verdict(len(new) == 1, is_right, fault, tuple(filter(None, (fault, *said))))


@cache
def _before(path: Path) -> CheckedFile:
    return check_text(path.read_bytes(), path.name, _OPTIONS)


def _loads(raw: bytes, name: str) -> bool:
    """Return whether whoever loads the file gets settings."""
    document, errors = read_document(raw, name)
    if document is None or any(error.is_error for error in errors):
        return False
    return load_documents((document,)).settings is not None


def _new(before: CheckedFile, after: CheckedFile) -> list[Diagnostic]:
    """Return what is found only with the mistake: lines, and values in messages, may differ."""
    known = Counter(map(_identity, before.diagnostics))
    new: list[Diagnostic] = []
    for found in after.diagnostics:
        if known[_identity(found)]:
            known[_identity(found)] -= 1
        else:
            new.append(found)
    return new


def _identity(found: Diagnostic) -> tuple[object, ...]:
    return found.code, found.path


def _line(found: Diagnostic) -> str:
    return str(found.span.start.line) if found.span else "?"


def _lines(found: Diagnostic) -> set[int]:
    """Return the lines that a message points at."""
    spans = [found.span, *(related.span for related in found.related)]
    return {line for span in spans if span for line in range(span.start.line, span.end.line + 1)}
