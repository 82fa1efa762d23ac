"""Which files the arguments of a check stand for (DIA-6), and which are of other tools.

It opens none of them.

NOTE: it asks ``os.path`` and not ``Path``, whose questions raise where the answer is no: below a
folder one may not enter, for a name that is too long, in a directory that was removed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping

from corvus.base.record import Record
from corvus.config.model.aliases import ALIASES
from corvus.config.model.dialects import GOVERNED, Dialect, host_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.config.check.rule_settings import SettingsFinder
    from corvus.config.check.walk import Search

STDIN = "-"
_PATTERN = frozenset("*?[")


class FileMatch(Record):
    """What one argument stands for.

    Attributes:
        names: Files, sorted; a missing file stands for itself.
        walked: Whether they were found below a directory, where other tools keep theirs, too.
        unsearched: Folders that may not be searched, and why.
        excluded: Files that the user named and excluded.
        left_out: How many entries below a directory were left out.
    """

    names: tuple[str, ...]
    walked: bool = False
    unsearched: tuple[tuple[str, str], ...] = ()
    excluded: tuple[str, ...] = ()
    left_out: int = 0


def find(
    argument: str, finder: SettingsFinder | None = None, search: Search | None = None
) -> FileMatch:
    """Return the files of a path, a directory, a pattern or ``-``; nothing where none matches.

    Args:
        argument: As the user gave it.
        finder: Knows the settings of the checker; ``None`` looks for them.
        search: What is left out; ``None`` leaves out the usual.
    """
    if not argument:
        return FileMatch(())
    is_folder = argument != STDIN and os.path.isdir(argument)
    if not is_folder and (search is None or not search.force_exclude):
        return FileMatch(_named(argument), unsearched=_unsearched(argument))
    from corvus.config.check.rule_settings import SettingsFinder, absolute_folder
    from corvus.config.check.walk import Exclusion, Search, search_below

    search = search or Search()
    named = absolute_folder(os.path.join(argument, "")) if is_folder else None
    exclusion = Exclusion(search, finder or SettingsFinder(), named)
    if is_folder:
        below = search_below(argument, search, exclusion)
        return FileMatch(below.names, True, below.unsearched, left_out=below.left_out)
    files = _named(argument)
    excluded = {name for name in files if name != STDIN and exclusion.has_file(name)}
    kept = tuple(name for name in files if name not in excluded)
    return FileMatch(kept, unsearched=_unsearched(argument), excluded=tuple(sorted(excluded)))


def _named(argument: str) -> tuple[str, ...]:
    if os.path.lexists(argument) or not _PATTERN & set(argument):
        return (argument,)
    from glob import glob

    matching = sorted(glob(argument, recursive=True))
    return tuple(name for name in matching if not os.path.isdir(name))


def _unsearched(argument: str) -> tuple[tuple[str, str], ...]:
    """Return the folders that a pattern may lead into and nobody may search, and why.

    ``glob`` passes over them, and what is below them would pass unseen.
    """
    if os.path.lexists(argument) or not _PATTERN & set(argument):
        return ()
    parts = argument.split(os.sep)
    fixed = list(itertools.takewhile(lambda part: not _PATTERN & set(part), parts))
    top = os.sep.join(fixed) or (os.sep if argument.startswith(os.sep) else os.curdir)
    depth = None if "**" in parts else len(parts) - len(fixed) - 1
    found: list[tuple[str, str]] = []

    def note(fault: OSError) -> None:
        if isinstance(fault, PermissionError):
            folder = str(fault.filename or top).removeprefix(f".{os.sep}")
            found.append((folder, fault.strerror or str(fault)))

    base = top.rstrip(os.sep).count(os.sep)
    for parent, folders, _ in os.walk(top, onerror=note):
        is_deep = depth is not None and parent.count(os.sep) - base >= depth
        folders[:] = [] if is_deep else [name for name in folders if not name.startswith(".")]
    return tuple(found)


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

    ours = {*GOVERNED, *host_keys(Dialect.UNDECIDED)}
    return not any(
        key in ours or closest(key, GOVERNED) or any(alias.old[-1] == key for alias in ALIASES)
        for key in data
    )
