"""Which paths an agent may not touch, judged by their text alone.

Nothing looks at a file system: whoever asks may run elsewhere, and what a path leads to may
change between the question and the deed. So a path that climbs with ``..`` is refused, and links
inside the workspace are the business of whoever runs the agent. Letter case never tells two paths
apart. Whatever cannot be placed is refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from corvus.autonomy.shell import quoted

_URL = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SEPARATORS = re.compile(r"[=:,@]")
_LETTERS = re.compile(r"-[A-Za-z0-9]*")
LETTERS_MAX = 64
"""Longest run of single-letter options in one word: behind each of them a path may begin."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where an action takes place; both are absolute, ``None`` is unknown.

    Attributes:
        workspace: Folder that relative paths start at.
        home: Folder that ``~`` stands for.
    """

    workspace: str | None = None
    home: str | None = None


NOWHERE = Surroundings()
"""Neither is known: relative paths are taken to be in the workspace, absolute ones are not."""


def path_refusal(
    path: str, forbidden: Sequence[str], around: Surroundings, *, workspace_only: bool
) -> str | None:
    """Return why a path may not be touched; ``None`` when it may.

    A forbidden path forbids what is in it, and outside the workspace also what it is in; the
    workspace is exempt from a forbidden path around it (``/home`` and ``/home/ana/project``).

    Args:
        path: As it was written.
        forbidden: ``[autonomy] forbidden_paths``: absolute, under ``~``, or in the workspace.
        around: Where relative paths and ``~`` lead to.
        workspace_only: Whether everything outside the workspace is forbidden.
    """
    if ".." in path.split("/"):
        return f"{quoted(path)} climbs out of where it starts"
    if path.startswith("~") and path[1:2] not in ("", "/"):
        return f"{quoted(path)} is in the home of somebody else"
    place = _placed(path, around)
    workspace = _clean(around.workspace) if around.workspace else None
    is_inside = not place.startswith(("/", "~")) or _is_in(place, workspace)
    if workspace_only and not is_inside:
        return f"{quoted(path)} is outside the workspace"
    for each in forbidden:
        if _forbids(each, place, around, is_inside=is_inside):
            return f"{quoted(path)} is forbidden: {each!r} is in autonomy.forbidden_paths"
    return None


def paths_in(word: str) -> Iterator[str]:
    """Yield everything in a word of a command that a program may take for a path."""
    if _URL.match(word):
        return
    if not word.startswith("-"):
        yield word
    pieces = _SEPARATORS.split(word)
    yield from (piece for piece in pieces[1:] if piece)
    if word.startswith("-") and not word.startswith("--"):
        end = letters_of(word)
        yield from (word[start:] for start in {*range(2, min(end, LETTERS_MAX) + 1), end})


def letters_of(word: str) -> int:
    """Return where the single-letter options at the beginning of a word end, 1 or more."""
    match = _LETTERS.match(word)
    return match.end() if match else 1


def _placed(path: str, around: Surroundings) -> str:
    """Return a path as an absolute one as far as that is known, in the one form to compare."""
    if path.startswith("~") and around.home is not None:
        path = around.home + path[1:]
    elif around.workspace is not None and path and not path.startswith(("/", "~")):
        path = f"{around.workspace}/{path}"
    return _clean(path)


def _clean(path: str) -> str:
    clean = posixpath.normpath(path).casefold()
    return "/" + clean.lstrip("/") if clean.startswith("/") else clean


def _is_in(path: str, folder: str | None) -> bool:
    if folder is None:
        return False
    return path == folder or path.startswith(folder.rstrip("/") + "/")


@lru_cache(maxsize=1024)
def _forbidden(each: str, around: Surroundings) -> tuple[str, str | None]:
    """Return a forbidden path and the workspace, in the one form to compare."""
    return _placed(each, around), _clean(around.workspace) if around.workspace else None


def _forbids(each: str, place: str, around: Surroundings, *, is_inside: bool) -> bool:
    forbidden, workspace = _forbidden(each, around)
    if is_inside:
        surrounds = workspace is not None and _is_in(workspace, forbidden)
        return _is_in(place, forbidden) and (forbidden == workspace or not surrounds)
    if _is_in(place, forbidden) or _is_in(forbidden, place):
        return True
    # Whose home it is may not be known: ``~/.ssh`` forbids every absolute path through ``.ssh``.
    tail = _clean(each[1:]) if each.startswith("~/") else ""
    return bool(tail) and f"{tail}/" in f"{place}/"
