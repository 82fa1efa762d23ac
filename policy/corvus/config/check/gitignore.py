"""What git ignores below a folder: ``.gitignore`` of each folder and ``.git/info/exclude``.

The rules of ``gitignore(5)``: the nearest file that has a matching pattern decides, its last such
pattern counts, and what is below an ignored folder cannot be taken back. A repository inside
another one starts with its own files. Outside of a repository the files from the searched folder
down count, as in a checkout that was copied without its ``.git``.
"""

from __future__ import annotations

import os
from typing import TypeAlias

from corvus.base.regular import read_regular
from corvus.base.repository import MARK, repository_of
from corvus.config.check.patterns import Patterns

_Rules: TypeAlias = tuple[Patterns, ...]

_FILE = ".gitignore"


class IgnoredPaths:
    """Knows what is ignored below a folder, for a search that goes down from it.

    Args:
        folder: Absolute, without links. The user named it, so it is searched even if it is ignored.
    """

    def __init__(self, folder: str) -> None:
        self._rules: dict[str, _Rules] = {}
        root = repository_of(folder)
        above = _down_to(root, folder) if root is not None and root != folder else ()
        self._rules[folder] = _entered(folder, tuple(rule.inside(folder) for rule in above))

    def enter(self, folder: str) -> None:
        """Take in the files of a folder that is searched; the one that holds it was before."""
        if folder not in self._rules:
            self._rules[folder] = _entered(folder, self._rules[os.path.dirname(folder)])

    def has(self, folder: str, name: str, *, is_folder: bool) -> bool:
        """Return whether git ignores an entry of a folder that was entered."""
        return _is_ignored(os.path.join(folder, name), self._rules[folder], is_folder=is_folder)


def _down_to(root: str, folder: str) -> _Rules:
    """Return the rules between the root of the repository and a folder, which has its own."""
    rules, here = _entered(root, ()), root
    for name in os.path.relpath(os.path.dirname(folder), root).split(os.sep):
        if name != os.curdir:
            here = os.path.join(here, name)
            rules = _entered(here, rules)
    return rules


def _entered(folder: str, above: _Rules) -> _Rules:
    mark = os.path.join(folder, MARK)
    if os.path.lexists(mark):
        above = _globs(os.path.join(_git_folder(mark), "info", "exclude"), folder)
    return (*above, *_globs(os.path.join(folder, _FILE), folder))


def _globs(file: str, folder: str) -> _Rules:
    lines = [line for line in _lines(file) if line.strip() and not line.startswith("#")]
    return (Patterns(lines, folder),) if lines else ()


def _lines(file: str) -> list[str]:
    try:
        raw = read_regular(file) or b""
    except (OSError, ValueError):
        return []
    return raw.decode("utf-8-sig", "surrogateescape").split("\n")


def _git_folder(mark: str) -> str:
    """Return the folder of git itself; in a worktree and a submodule a file says where it is."""
    first = next(iter(_lines(mark)), "")
    if not first.startswith("gitdir:"):
        return mark
    folder = os.path.join(os.path.dirname(mark), first.removeprefix("gitdir:").strip())
    shared = next(iter(_lines(os.path.join(folder, "commondir"))), "").strip()
    return os.path.join(folder, shared)


def _is_ignored(path: str, rules: _Rules, *, is_folder: bool) -> bool:
    for globs in reversed(rules):
        verdict = globs.verdict(path, is_folder=is_folder)
        if verdict is not None:
            return verdict
    return False
