"""The files below a directory, and what a search leaves out (DIA-6).

Left out are folders that hold what others wrote or what was built, what ``[governance.check]`` and
the command line exclude, and what git ignores. It opens no config but ``corvus.toml``.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from corvus.base.repository import repository_of
from corvus.config.check.rule_settings import absolute_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corvus.config.check.patterns import Patterns
    from corvus.config.check.rule_settings import SettingsFinder

_SUFFIX = ".toml"
USUAL = frozenset(
    {
        ".direnv", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".ruff_cache", ".svn", ".tox",
        ".venv", "__pycache__", "_build", "buck-out", "build", "dist", "node_modules",
        "site-packages", "target", "vendor", "venv",
    }
)  # fmt: skip
"""Folders of dependencies and of what was built: those of ruff, and those of Rust and Go."""
_OTHER_TOOLS = frozenset(
    {
        ".taplo.toml", "Cargo.toml", "clippy.toml", "pixi.toml", "poetry.toml", "pyproject.toml",
        "ruff.toml", ".ruff.toml", "rust-toolchain.toml", "rustfmt.toml", "taplo.toml", "uv.toml",
    }
)  # fmt: skip


def is_name_of_others(name: str) -> bool:
    """Return whether a file of this name always belongs to another tool."""
    return os.path.basename(name) in _OTHER_TOOLS


class Search(NamedTuple):
    """What a search leaves out.

    Attributes:
        exclude: Patterns in place of the usual folders and of those of the settings, relative to
            the working directory; ``None`` keeps both.
        extend_exclude: Patterns in addition.
        force_exclude: Whether files that the user named are left out, too.
        respect_gitignore: Whether what git ignores is left out.
    """

    exclude: tuple[str, ...] | None = None
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True


class Exclusion:
    """Decides what is excluded; what git ignores is not its business.

    Args:
        search: What the command line says.
        finder: Knows the settings of the checker.
        named: A folder that the user named, absolute: it is searched even if it is excluded.
    """

    def __init__(self, search: Search, finder: SettingsFinder, named: str | None = None) -> None:
        self._search = search
        self._finder = finder
        self._folder = named
        self._settings: dict[str, Patterns] = {}
        self._named: Patterns | None = None

    def has(self, folder: str, name: str, *, is_folder: bool) -> bool:
        """Return whether an entry of a folder is excluded; the folder itself is not asked about.

        Args:
            folder: Absolute, without links.
            name: The entry.
            is_folder: Whether it is a folder.
        """
        path = os.path.join(folder, name)
        for patterns in self._patterns_in(folder, path):
            verdict = patterns.verdict(path, is_folder=is_folder)
            if verdict is not None:
                return verdict
        return is_folder and name in USUAL and self._search.exclude is None

    def has_file(self, path: str) -> bool:
        """Return whether a file is excluded, or a folder on the way to it from where we are."""
        folder = absolute_folder(path)
        here = absolute_folder("")
        if not f"{folder}{os.sep}".startswith(here.rstrip(os.sep) + os.sep):
            here = repository_of(folder) or folder
        inner = os.path.relpath(folder, here)
        for name in inner.split(os.sep) if inner != os.curdir else ():
            if self.has(here, name, is_folder=True):
                return True
            here = os.path.join(here, name)
        return self.has(folder, os.path.basename(path), is_folder=False)

    def _patterns_in(self, folder: str, path: str) -> Iterator[Patterns]:
        """Yield the patterns that count for an entry of a folder, the command line's first.

        Settings never exclude the file that they stand in: its own mistakes would be hidden.
        """
        given = (*(self._search.exclude or ()), *self._search.extend_exclude)
        if given:
            self._named = self._named or self._patterns(given, absolute_folder(""))
            yield self._named
        if self._search.exclude is not None:
            return
        settings = self._finder.of_folder(folder)
        if settings.exclude and path != settings.file:
            if settings.file not in self._settings:
                patterns = self._patterns(settings.exclude, settings.folder)
                self._settings[settings.file] = patterns
            yield self._settings[settings.file]

    def _patterns(self, lines: tuple[str, ...], folder: str) -> Patterns:
        from corvus.config.check.patterns import Patterns

        patterns = Patterns(lines, folder)
        return patterns.inside(self._folder) if self._folder else patterns


class Found(NamedTuple):
    """What a search found.

    Attributes:
        names: The files, sorted, as the user would name them.
        unsearched: Folders that may not be searched, and why.
        left_out: How many entries were left out, folders and files.
    """

    names: tuple[str, ...]
    unsearched: tuple[tuple[str, str], ...]
    left_out: int = 0


def search_below(directory: str, search: Search, exclusion: Exclusion) -> Found:
    """Return the ``*.toml`` files below a directory; links to folders are not followed."""
    names: list[str] = []
    unsearched: list[tuple[str, str]] = []

    def note(fault: OSError) -> None:
        unsearched.append((str(fault.filename or directory), fault.strerror or str(fault)))

    left_out = _LeftOut(directory, search, exclusion)
    for parent, folders, files in os.walk(directory, onerror=note):
        left_out.enter(parent)
        folders[:] = sorted(name for name in folders if not left_out.has(name, is_folder=True))
        names += (
            os.path.join(parent, name)
            for name in files
            if name.lower().endswith(_SUFFIX)
            and name not in _OTHER_TOOLS
            and not left_out.has(name, is_folder=False)
            and _may_be_read(os.path.join(parent, name))
        )
    plain = (name.removeprefix(f".{os.sep}") for name in names)
    return Found(tuple(sorted(plain)), tuple(unsearched), left_out.count)


def _may_be_read(path: str) -> bool:
    """Return whether a file is no pipe or device; what is not there is for others to report."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


class _LeftOut:
    """What is left out of the folder that is being searched."""

    def __init__(self, directory: str, search: Search, exclusion: Exclusion) -> None:
        self.count = 0
        self._directory = directory
        self._real = absolute_folder(os.path.join(directory, ""))
        self._here = self._real
        self._exclusion = exclusion
        self._ignored = None
        if search.respect_gitignore:
            from corvus.config.check.gitignore import IgnoredPaths

            self._ignored = IgnoredPaths(self._real)

    def enter(self, folder: str) -> None:
        """Go on in a folder at or below the directory, named as the walk names it."""
        inner = folder[len(self._directory) :].strip(os.sep)
        self._here = os.path.join(self._real, inner) if inner else self._real
        if self._ignored is not None:
            self._ignored.enter(self._here)

    def has(self, name: str, *, is_folder: bool) -> bool:
        """Return whether an entry of the folder is left out."""
        is_out = self._exclusion.has(self._here, name, is_folder=is_folder) or (
            self._ignored is not None and self._ignored.has(self._here, name, is_folder=is_folder)
        )
        self.count += is_out
        return is_out
