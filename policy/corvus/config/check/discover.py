"""Which files the arguments of a check stand for (DIA-6), and which are of other tools.

It opens none of them.

NOTE: it asks ``os.path`` and not ``Path``, whose questions raise where the answer is no: below a
folder one may not enter, for a name that is too long, in a directory that was removed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from corvus.base.record import Record
from corvus.config.model.aliases import ALIASES
from corvus.config.model.dialects import GOVERNED, Dialect, host_keys

STDIN = "-"
_PATTERN = frozenset("*?[")
_SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".nox", ".tox", ".venv", "__pycache__", "node_modules", "target", "venv"}
)
_OTHER_TOOLS = frozenset(
    {
        ".taplo.toml", "Cargo.toml", "clippy.toml", "pixi.toml", "poetry.toml", "pyproject.toml",
        "ruff.toml", ".ruff.toml", "rust-toolchain.toml", "rustfmt.toml", "taplo.toml", "uv.toml",
    }
)  # fmt: skip


class FileMatch(Record):
    """What one argument stands for.

    Attributes:
        names: Files, sorted; a missing file stands for itself.
        walked: Whether they were found below a directory, where other tools keep theirs, too.
        unsearched: Folders that may not be searched, and why.
    """

    names: tuple[str, ...]
    walked: bool = False
    unsearched: tuple[tuple[str, str], ...] = ()


def find(argument: str) -> FileMatch:
    """Return the files of a path, a directory, a pattern or ``-``; nothing where none matches."""
    if not argument:
        return FileMatch(())
    if argument != STDIN and os.path.isdir(argument):
        return _below(argument)
    if os.path.lexists(argument) or not _PATTERN & set(argument):
        return FileMatch((argument,))
    from glob import glob

    matching = sorted(glob(argument, recursive=True))
    return FileMatch(tuple(name for name in matching if not os.path.isdir(name)))


def same_file(name: str) -> str | tuple[int, int]:
    """Return what is equal for two names of one file."""
    if name == STDIN:
        return name
    try:
        status = os.stat(name)
    except (OSError, ValueError):  # it does not exist, or has a NUL in its name
        return name
    return status.st_dev, status.st_ino


def is_foreign(data: Mapping[str, object]) -> bool:
    """Return whether a document is of another tool: not even a misspelt table is ours."""
    from corvus.config.check.suggest import closest

    ours = {*GOVERNED, *host_keys(Dialect.CORVUS), *host_keys(Dialect.ZEROCLAW)}
    return not any(
        key in ours or closest(key, GOVERNED) or any(alias.old[-1] == key for alias in ALIASES)
        for key in data
    )


def _below(directory: str) -> FileMatch:
    names: list[str] = []
    unsearched: list[tuple[str, str]] = []

    def note(fault: OSError) -> None:
        unsearched.append((str(fault.filename or directory), fault.strerror or str(fault)))

    for parent, folders, files in os.walk(directory, onerror=note):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        names += (
            os.path.join(parent, name)
            for name in files
            if name.endswith(".toml") and name not in _OTHER_TOOLS
        )
    plain = (name.removeprefix(f".{os.sep}") for name in names)
    return FileMatch(tuple(sorted(plain)), True, tuple(unsearched))
