"""``corvus check --watch``: checks again whenever a file that was checked, or a rule, changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence

from corvus.cli.exits import Exit

_CLEAR = "\x1b[2J\x1b[H"
_SUFFIXES = (".toml", ".gitignore")
_CALM_MILLISECONDS = 200
"""How long nothing must change: an editor writes a file in several steps."""


def watch(paths: Sequence[str], once: Callable[[], int], also: Sequence[str] = ()) -> int:
    """Check once, and again after each change below the folders of the paths.

    It ends with Ctrl-C, and with the exit code of any program that SIGINT ends.

    Args:
        paths: What is checked.
        once: Checks, and returns the exit code.
        also: Other files that the outcome depends on.
    """
    try:
        from watchfiles import watch as changes
    except ImportError:
        need = "'--watch' needs the package watchfiles: pip install 'corvus-policy[watch]'"
        print(f"error: {need}", file=sys.stderr)
        return Exit.USAGE
    _show(once)
    files = {os.path.realpath(path) for path in (*paths, *also)}

    def counts(_change: object, path: str) -> bool:
        return path.lower().endswith(_SUFFIXES) or os.path.realpath(path) in files

    folders = sorted({*map(_folder, (*paths, *also))})
    for _ in changes(
        *folders, watch_filter=counts, debounce=_CALM_MILLISECONDS, raise_interrupt=True
    ):
        _show(once)
    return Exit.CLEAN


def _show(once: Callable[[], int]) -> None:
    if sys.stdout.isatty():
        print(_CLEAR, end="")
    once()
    sys.stdout.flush()
    print("Watching for changes; Ctrl-C ends it.", file=sys.stderr, flush=True)


def _folder(path: str) -> str:
    """Return the folder to watch for a path; of a pattern, that before its first wildcard."""
    parts = path.split(os.sep)
    fixed = [*_until_wildcard(parts)]
    whole = os.sep.join(fixed) or (os.sep if path.startswith(os.sep) else os.curdir)
    while not os.path.isdir(whole):
        whole = os.path.dirname(whole) or os.curdir
    return whole


def _until_wildcard(parts: Iterable[str]) -> Iterable[str]:
    for part in parts:
        if set(part) & set("*?["):
            return
        yield part
