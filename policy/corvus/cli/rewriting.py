"""Rewrites of a user's file, and what else a person should know of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from corvus.base.files import count_hard_links, rewrite_file


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
    """Change a file as ``rewrite_file`` does, and say which names of it keep the old bytes.

    Raises:
        EditRefused: As for ``rewrite_file``.
    """
    links = count_hard_links(path)
    before, after = rewrite_file(path, change)
    if before != after:
        note_hard_links(path, links)
    return before, after


def note_hard_links(path: Path, links: int) -> None:
    """Say on standard error that other hard links to a file that was replaced keep the old bytes.

    Args:
        path: The file.
        links: How many there were.
    """
    if links:
        from corvus.diagnostics.plain import escape

        others = f"{links} other hard link{'s' * (links > 1)}"
        print(f"note: {others} to {escape(str(path))}: the old bytes stay there", file=sys.stderr)
