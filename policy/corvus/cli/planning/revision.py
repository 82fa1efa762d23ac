"""Reads files as they are at a revision of git.

The program ``git`` is asked, with everything switched off by which a repository could have it run
another program or fetch from a network.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corvus.base.errors import PlanRefused

_SECONDS = 30
_QUIET = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "diff.external=",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class FileAt:
    """A file at a revision.

    Attributes:
        path: Where it is in the work tree now.
        content: ``None`` where the revision has no such file.
        renamed_from: What it was called there, relative to the root; ``None`` as now.
    """

    path: Path
    content: bytes | None
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of the repository of a file.

    Attributes:
        root: Of the work tree.
        name: As the user named it.
        commit: Its id.
    """

    root: Path
    name: str
    commit: str

    def file(self, path: Path) -> FileAt:
        """Return a file of the work tree as it was at the revision.

        Raises:
            PlanRefused: It lies outside of the repository, or git cannot read it.
        """
        whole = Path(os.path.realpath(path))
        if not whole.is_relative_to(self.root):
            raise PlanRefused(
                f"{path} is not in the repository {self.root}, so it has no state at {self.name}; "
                "name a file as the base: --base OLD.toml"
            )
        inside = whole.relative_to(self.root).as_posix()
        content = self._content(inside)
        if content is not None:
            return FileAt(path, content)
        before = self._before(inside)
        if before is None:
            return FileAt(path, None)
        return FileAt(path, self._content(before), before)

    def _content(self, inside: str) -> bytes | None:
        kind = _git(self.root, "cat-file", "-t", f"{self.commit}:{inside}")
        if kind is None or kind.strip() != b"blob":
            return None
        return _git(self.root, "cat-file", "blob", f"{self.commit}:{inside}")

    def _before(self, inside: str) -> str | None:
        """Return what a file was called at the revision that has another name now."""
        listed = _git(
            self.root, "diff", "--no-ext-diff", "--no-textconv", "-z", "-M40%", "--name-status",
            "--diff-filter=R", self.commit, "--",
        )  # fmt: skip
        words = [] if listed is None else listed.decode("utf-8", "replace").split("\0")
        for old, new in zip(words[1::3], words[2::3], strict=False):
            if new == inside:
                return old
        return None


def revision_of(path: Path, name: str) -> Revision:
    """Return a revision of the repository that a file lies in.

    Args:
        path: The file; it need not exist.
        name: A branch, a tag or a commit.

    Raises:
        PlanRefused: There is no repository, it has no such revision, or ``git`` is missing.
    """
    root = root_of(path)
    if root is None:
        raise PlanRefused(
            f"{path} lies in no git repository, and there is no file {name}: "
            "name a file as the base, such as --base OLD.toml"
        )
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found is None:
        raise PlanRefused(
            f"{name} is no revision of the repository {root}, and no file: in CI, fetch it first "
            f"(git fetch origin; actions/checkout with fetch-depth: 0), or name a file"
        )
    return Revision(root, name, found.decode().strip())


def root_of(path: Path) -> Path | None:
    """Return the root of the work tree that a file lies in; ``None`` without one.

    Raises:
        PlanRefused: ``git`` is missing.
    """
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        return None
    found = _git(folder, "rev-parse", "--show-toplevel")
    text = "" if found is None else os.fsdecode(found).rstrip("\n")
    return Path(os.path.realpath(text)) if text else None


def has_at_head(path: Path) -> bool:
    """Return whether a file is known to the last commit of its repository."""
    try:
        root = root_of(path)
        if root is None:
            return False
        return revision_of(path, "HEAD").file(path).content is not None
    except PlanRefused:
        return False


def _git(folder: Path, *words: str) -> bytes | None:
    """Return what git says; ``None`` where it refuses.

    Raises:
        PlanRefused: It is missing, or does not answer.
    """
    command: Sequence[str] = ("git", *_QUIET, *words)
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise PlanRefused(
            "the program git is not there, which reads the base: install it, or name a file as "
            "the base, such as --base OLD.toml"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise PlanRefused(f"git cannot be asked about {folder}: {fault}") from None
    return done.stdout if done.returncode == 0 else None
