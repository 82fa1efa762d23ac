"""The branch of the repository that a run works on, read from the files of git (CFG-10).

No program is started: ``git`` may be missing, and a repository's own settings could make it run
another one.
"""

from __future__ import annotations

from pathlib import Path

_DIRECTORY = "gitdir:"
_HEAD = "ref: refs/heads/"
_UNKNOWN = ".invalid"
"""What HEAD says where references are not kept in files (reftable)."""


def current_branch(folder: Path) -> str | None:
    """Return the branch that is checked out around a folder.

    Returns:
        ``None`` outside of a repository, on no branch, and where that cannot be read.
    """
    try:
        for place in (folder, *folder.parents):
            if (place / ".git").exists():
                return _branch_of(place / ".git")
    except (OSError, UnicodeDecodeError):
        return None
    return None


def _branch_of(git: Path) -> str | None:
    if git.is_file():  # a worktree or a submodule: it names where its own files are
        text = git.read_text("utf-8").strip()
        if not text.startswith(_DIRECTORY):
            return None
        git = git.parent / text.removeprefix(_DIRECTORY).strip()
    head = (git / "HEAD").read_text("utf-8").strip()
    name = head.removeprefix(_HEAD) if head.startswith(_HEAD) else ""
    return name if name and name != _UNKNOWN else None
