"""Codes of documents that other programs wrote, which ``corvus schema check`` judges (DIA-4)."""

from __future__ import annotations

from typing import Final

from corvus.diagnostics.codes import CodeInfo, Severity

OF_DOCUMENTS: Final = (
    CodeInfo(
        "not-json",
        Severity.ERROR,
        "a document that is not JSON",
        "Documents are read strictly: a name that stands twice in one object, NaN, or a number "
        "that no double holds would be understood in different ways by different readers. An "
        "empty file holds no document: what should have written it has failed.",
        '`corvus schema check usage-record` reads {"model": "a", "model": "b"}.',
        "It reads what `corvus usage export --format jsonl` writes.",
        "Mend the program that writes the document; the position is that of the first fault.",
        bad_is_text=False,
    ),
    CodeInfo(
        "schema-mismatch",
        Severity.ERROR,
        "a document that is not as its schema says",
        "A member is missing, is not known, or has another type or form than the published schema "
        "gives it. The finding names it as a JSON Pointer; values are never repeated, because they "
        "may be secrets.",
        '`corvus schema check audit-event` reads {"position": "1"}: a text where a number belongs.',
        "It reads what `corvus cost audit --format jsonl` writes.",
        "Mend the program that writes the document. `corvus schema show NAME` prints the schema.",
        bad_is_text=False,
    ),
)
"""Found by ``corvus schema check`` in documents that other programs wrote (SCH-4)."""
