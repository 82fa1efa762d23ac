"""What an import says to a person: how far it is, what is kept when it is stopped, its notes.

Each note is said once, with the files that it is about (IMP-1).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from corvus.cli.output import console
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.usage.importers.model import ImportProgress, Note, OnProgress

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


@contextmanager
def saying_when_stopped(kept: Callable[[], int] = lambda: 0) -> Generator[None]:
    """Say what is kept of an import that a signal ends: it is recorded whole, or not at all.

    Args:
        kept: Returns how many calls were recorded before.
    """
    try:
        yield
    except Exception:
        raise  # says itself what became of the import
    except BaseException:
        calls = kept()
        kept_words = f"{calls:,} calls are kept, and " if calls else ""
        print(
            f"stopped: {kept_words}what was not recorded yet is not; the same command reads the "
            "rest, and counts nothing twice",
            file=sys.stderr,
        )
        raise


@contextmanager
def progress() -> Generator[OnProgress | None]:
    """Show a bar on standard error while a person waits; elsewhere nothing."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(progress: ImportProgress) -> None:
            bar.update(
                task,
                description=progress.step,
                completed=progress.done_bytes,
                total=progress.total_bytes,
            )

        yield show
