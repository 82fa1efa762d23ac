"""A run knows the branch that it works on without running git (CFG-10)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from corvus.cli.agents.branch import current_branch


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not there")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def test_the_branch_is_that_which_is_checked_out(repository: Path) -> None:
    assert current_branch(repository) == "main"
    git(repository, "switch", "-q", "-c", "fix/login-ü")
    inner = repository / "a" / "b"
    inner.mkdir(parents=True)
    assert current_branch(inner) == "fix/login-ü"


def test_a_worktree_has_a_branch_of_its_own(repository: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "other", "../tree")
    assert current_branch(repository.parent / "tree") == "other"
    assert current_branch(repository) == "main"


def test_no_branch_is_no_branch(repository: Path, tmp_path: Path) -> None:
    git(repository, "switch", "-q", "--detach")
    assert current_branch(repository) is None
    outside = tmp_path / "outside"
    outside.mkdir()
    assert current_branch(outside) is None


@pytest.mark.parametrize("head", [b"", b"\xff\xfe", b"ref: refs/heads/.invalid", b"ref: refs/x/y"])
def test_what_cannot_be_read_is_no_branch(tmp_path: Path, head: bytes) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(head)
    assert current_branch(tmp_path) is None


def test_a_file_that_names_no_place_is_no_branch(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    assert current_branch(tmp_path) is None
    (tmp_path / ".git").write_text("nothing")
    assert current_branch(tmp_path) is None
