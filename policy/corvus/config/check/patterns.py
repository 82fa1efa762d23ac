"""Patterns as ``.gitignore`` has them, relative to a folder.

pathspec knows their rules, down to brackets and escapes; it is imported when there is a pattern.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


_SPECIAL = re.compile(r"([][*?\\!# ])")
_ELSEWHERE = "\0"
"""No folder has this name."""


class Patterns:
    """Several patterns of one folder, in order: the last that matches decides.

    Args:
        patterns: Lines as in ``.gitignore``; what is none matches nothing.
        folder: Absolute folder that they start from.
    """

    def __init__(self, patterns: Sequence[str], folder: str) -> None:
        self._patterns = patterns
        self._root = folder.rstrip(os.sep) + os.sep

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """Return ``True`` for a match, ``False`` for one of a pattern with ``!``, else ``None``.

        Args:
            path: Absolute. Of one that is not below the folder, the last name alone counts.
            is_folder: Whether it is a folder, for patterns that end in a slash.
        """
        if not self._patterns:
            return None
        relative = path.removeprefix(self._root)
        if relative == path:
            relative = os.path.join(_ELSEWHERE, os.path.basename(path))
        if os.sep != "/":
            relative = relative.replace(os.sep, "/")
        return self._compiled.check_file(f"{relative}/" if is_folder else relative).include

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Return whether the last pattern that has to do with a path matches it."""
        return self.verdict(path, is_folder=is_folder) is True

    def inside(self, folder: str) -> Patterns:
        """Return the patterns that count below a folder which the user named.

        It is searched, whatever matches it or a folder that holds it: a name counts below it alone,
        and a place is passed over that is or holds the folder.
        """
        if not folder.startswith(self._root):
            return self
        below = _SPECIAL.sub(r"\\\1", folder.removeprefix(self._root).replace(os.sep, "/"))
        lines: list[str] = []
        for line in self._patterns:
            negation = "!" if line.startswith("!") else ""
            if "/" not in line.rstrip("/ "):
                lines.append(f"{negation}/{below}/**/{line.removeprefix('!')}")
            elif negation or not Patterns((line,), self._root).matches(folder, is_folder=True):
                lines.append(line)
        return Patterns(lines, self._root)

    @cached_property
    def _compiled(self) -> GitIgnoreSpec:
        patterns = [_relative(pattern, self._root) for pattern in self._patterns]
        return _compile(_sound(patterns))


def _relative(pattern: str, root: str) -> str:
    """Return a pattern that names a place in the folder by its full path, or with ``./``."""
    if pattern.startswith(root):
        return f"/{pattern[len(root) :]}"
    return pattern.removeprefix(".") if pattern.startswith("./") else pattern


def _sound(patterns: Iterable[str]) -> list[str]:
    return [pattern for pattern in patterns if fault_of(pattern) != _UNREADABLE]


_UNREADABLE = "it cannot be read"


def fault_of(pattern: str) -> str | None:
    """Return why a pattern can match nothing, in words; ``None`` for one that can."""
    try:
        compiled = _compile([pattern])
    except (ValueError, re.error):
        return _UNREADABLE
    if all(one.include is None for one in compiled.patterns):
        return "it is empty" if not pattern.strip() else "it matches nothing"
    return None


def _compile(patterns: Sequence[str]) -> GitIgnoreSpec:
    import warnings

    from pathspec import GitIgnoreSpec

    with warnings.catch_warnings():
        # Brackets become those of ``re``, which warns of ``[[]``.
        warnings.simplefilter("ignore", FutureWarning)
        return GitIgnoreSpec.from_lines(patterns)
