"""What a run works on: branch, commit and repository, read from the files of git (CFG-10, SES-3).

No program is started: ``git`` may be missing, and a repository's own settings could make it run
another one. Settings of git outside of the repository are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from corvus.base.repository import MARK, repository_of
from corvus.base.repository_url import public_url

_DIRECTORY = "gitdir:"
_REFERENCE = "ref:"
_BRANCHES = "refs/heads/"
_UNKNOWN = ".invalid"
"""What HEAD says where references are not kept in files (reftable)."""
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SECTION = re.compile(r'\[\s*remote\s+"((?:[^"\\]|\\.)*)"\s*\]', re.IGNORECASE)
_URL = re.compile(r'url\s*=\s*("?)([^"#;]*)\1\s*(?:[#;].*)?', re.IGNORECASE)
_MAIN_REMOTE = "origin"
_CHARACTERS_MAX = 200
"""The longest value that is kept; a longer one is none."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """What is checked out around a folder; ``None`` where it is unknown.

    Attributes:
        branch: Its branch.
        commit: Id of its commit, in hexadecimal digits.
        repository: Address of the remote ``origin``, else of the only one, without credentials.
    """

    branch: str | None = None
    commit: str | None = None
    repository: str | None = None

    def tags(self) -> tuple[tuple[str, str], ...]:
        """Return the tags of calls of a run."""
        found = {
            "git.branch": self.branch,
            "git.commit": self.commit,
            "git.repository": self.repository,
        }
        return tuple((key, value) for key, value in found.items() if value)


NO_CHECKOUT = Checkout()


def checkout_of(folder: Path, named: str | None = None) -> Checkout:
    """Return what is checked out around a folder; what cannot be read is unknown.

    Args:
        folder: Absolute, without links.
        named: The branch that the user names; it counts before what is found.
    """
    root = repository_of(str(folder))
    git = None if root is None else _git_folder(Path(root, MARK))
    found = NO_CHECKOUT if git is None else _checkout_in(git)
    return replace(found, branch=named or found.branch)


def _checkout_in(git: Path) -> Checkout:
    shared = _shared_folder(git)
    head = _text(git / "HEAD")
    is_named = head.startswith(_REFERENCE)
    name = head.removeprefix(_REFERENCE).strip() if is_named else ""
    branch = name.removeprefix(_BRANCHES) if name.startswith(_BRANCHES) else ""
    if branch == _UNKNOWN:
        branch = name = ""
    return Checkout(
        _kept(branch),
        _commit(_commit_text(git, shared, name) if is_named else head),
        _kept(public_url(_remote(shared)) or ""),
    )


def _git_folder(mark: Path) -> Path | None:
    if not mark.is_file():
        return mark
    text = _text(mark)  # a worktree or a submodule: it names where its own files are
    if not text.startswith(_DIRECTORY):
        return None
    return mark.parent / text.removeprefix(_DIRECTORY).strip()


def _shared_folder(git: Path) -> Path:
    """Return where what all worktrees share is."""
    named = _text(git / "commondir")
    return git / named if named else git


def _commit_text(git: Path, shared: Path, name: str) -> str:
    """Return the commit of a reference, as git has it in a file of its own or packed."""
    if not name or ".." in name:
        return ""
    for folder in (git, shared):
        if text := _text(folder / name):
            return text
    for line in _text(shared / "packed-refs").splitlines():
        commit, _, packed = line.partition(" ")
        if packed.strip() == name:
            return commit
    return ""


def _commit(text: str) -> str | None:
    return text if _COMMIT.fullmatch(text) else None


def _remote(shared: Path) -> str:
    remotes = dict(_remotes(_text(shared / "config")))
    if _MAIN_REMOTE in remotes or len(remotes) != 1:
        return remotes.get(_MAIN_REMOTE, "")
    return next(iter(remotes.values()))


def _remotes(config: str) -> Iterator[tuple[str, str]]:
    """Yield name and address of the remotes of a config."""
    name: str | None = None
    for line in config.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            section = _SECTION.match(stripped)
            name = section[1] if section else None
        elif name is not None and (stated := _URL.fullmatch(stripped)):
            yield name, stated[2].strip()


def _kept(text: str) -> str | None:
    return text if text.isprintable() and 0 < len(text) <= _CHARACTERS_MAX else None


def _text(path: Path) -> str:
    """Return the content of a file without space around it; empty where it cannot be read."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError):
        return ""
