"""Words the notes of an import: each text once, with the files that it is about (IMP-1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.usage.importers.model import Note

_SHOWN = 20


def note_texts(notes: Sequence[Note]) -> Iterator[str]:
    """Yield a line for each different text, at most twenty, and one for what is left."""
    by_text: dict[str, list[Note]] = {}
    for note in notes:
        by_text.setdefault(note.text, []).append(note)
    for text, same in list(by_text.items())[:_SHOWN]:
        yield escape(_line(text, same))
    if len(by_text) > _SHOWN:
        yield f"... and {len(by_text) - _SHOWN:,} other notes; --format json has them all"


def _line(text: str, notes: Sequence[Note]) -> str:
    files = [str(note.file) for note in notes if note.file is not None]
    lines = sum(note.lines for note in notes)
    about = files[0] if files else ""
    if len(files) > 1:
        about += f" and {len(files) - 1:,} more"
    counted = f" ({lines:,})" if lines else ""
    return f"{about}: {text}{counted}" if about else f"{text}{counted}"
