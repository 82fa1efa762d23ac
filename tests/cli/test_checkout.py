"""A run knows what it works on without running git (CFG-10, SES-3)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from corvus.cli.agents.checkout import NO_CHECKOUT, checkout_of


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
    assert checkout_of(repository).branch == "main"
    git(repository, "switch", "-q", "-c", "fix/login-ü")
    inner = repository / "a" / "b"
    inner.mkdir(parents=True)
    assert checkout_of(inner).branch == "fix/login-ü"


def test_a_worktree_has_a_branch_of_its_own(repository: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "other", "../tree")
    assert checkout_of(repository.parent / "tree").branch == "other"
    assert checkout_of(repository).branch == "main"


def test_no_branch_is_no_branch(repository: Path, tmp_path: Path) -> None:
    git(repository, "switch", "-q", "--detach")
    assert checkout_of(repository).branch is None
    outside = tmp_path / "outside"
    outside.mkdir()
    assert checkout_of(outside).branch is None


@pytest.mark.parametrize("head", [b"", b"\xff\xfe", b"ref: refs/heads/.invalid", b"ref: refs/x/y"])
def test_what_cannot_be_read_is_no_branch(tmp_path: Path, head: bytes) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(head)
    assert checkout_of(tmp_path).branch is None


def test_a_file_that_names_no_place_is_no_branch(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    assert checkout_of(tmp_path).branch is None
    (tmp_path / ".git").write_text("nothing")
    assert checkout_of(tmp_path).branch is None


def head_of(folder: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_the_commit_is_that_which_is_checked_out(repository: Path) -> None:
    first = head_of(repository)
    assert checkout_of(repository).commit == first
    git(repository, "pack-refs", "--all")
    assert checkout_of(repository).commit == first
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    assert checkout_of(repository).commit == head_of(repository) != first
    git(repository, "switch", "-q", "--detach", first)
    assert (checkout_of(repository).commit, checkout_of(repository).branch) == (first, None)


def test_a_worktree_has_a_commit_of_its_own_and_the_remote_of_all(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://ada:ghs_secret@example.org/shop.git")
    git(repository, "worktree", "add", "-q", "-b", "other", "../tree")
    tree = repository.parent / "tree"
    git(tree, "commit", "-q", "--allow-empty", "-m", "elsewhere")
    git(repository, "pack-refs", "--all")
    found = checkout_of(tree)
    assert (found.branch, found.commit) == ("other", head_of(tree))
    assert found.repository == "https://example.org/shop.git"


def test_the_only_remote_stands_in_for_origin(repository: Path) -> None:
    git(repository, "remote", "add", "upstream", "git@example.org:acme/shop.git")
    assert checkout_of(repository).repository == "example.org:acme/shop.git"
    git(repository, "remote", "add", "fork", "git@example.org:ada/shop.git")
    assert checkout_of(repository).repository is None, "which of the two is not known"
    git(repository, "remote", "add", "origin", "ssh://git@example.org/acme/shop")
    assert checkout_of(repository).repository == "ssh://example.org/acme/shop"


@pytest.mark.parametrize(
    "config",
    [
        '[remote "origin"]\n  url = "https://example.org/shop" ; here\n',
        '# [remote "x"]\n[Remote "origin"]\nURL=https://example.org/shop\n[core]\nurl = other\n',
    ],
)
def test_a_config_is_read_as_git_reads_it(tmp_path: Path, config: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(config)
    assert checkout_of(tmp_path).repository == "https://example.org/shop"


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    assert checkout_of(tmp_path) == NO_CHECKOUT
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/../../../../etc/passwd")
    (tmp_path / ".git" / "config").write_bytes(b"\xff[remote")
    (tmp_path / ".git" / "packed-refs").mkdir()
    found = checkout_of(tmp_path)
    assert (found.commit, found.repository) == (None, None)
    assert dict(found.tags()).keys() <= {"git.branch"}
