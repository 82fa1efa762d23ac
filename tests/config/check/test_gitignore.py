"""What a search takes for ignored is what git ignores (DIA-6)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from corvus.config.check.discover import find
from corvus.config.check.walk import Search

_NO_USUAL = Search(exclude=())
_PLACES = (
    "a.toml", "b.toml", "keep.toml", "logs/a.toml", "logs/keep.toml", "sub/a.toml", "sub/b.toml",
    "sub/deep/a.toml", "sub/deep/b.toml", "sub/logs/a.toml", "x y.toml", "[odd].toml", "#a.toml",
    "!a.toml", "é.toml", "doc/frotz/a.toml", "doc/a.toml", "UP.TOML",
)  # fmt: skip


def git(*arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout


def searched(directory: str = ".", search: Search = _NO_USUAL) -> list[str]:
    return [*find(directory, search=search).names]


def fill(*places: str) -> None:
    for place in places:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).touch()


@pytest.fixture(autouse=True)
def in_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    git("init", "-q", ".")
    fill(*_PLACES)


@pytest.mark.parametrize(
    "files",
    [
        {".gitignore": "logs/\n"},
        {".gitignore": "/logs\nsub/*\n!sub/b.toml\n"},
        {".gitignore": "*.toml\n!keep.toml\n"},
        {".gitignore": "logs\n!logs/keep.toml\n"},
        {".gitignore": "logs/*\n!logs/keep.toml\n"},
        {
            ".gitignore": "*.toml\n",
            "sub/.gitignore": "!b.toml\n",
            "sub/deep/.gitignore": "b.toml\n",
        },
        {"sub/.gitignore": "/a.toml\n"},
        {".gitignore": "doc/frotz/\n"},
        {".gitignore": "frotz/\n**/deep/**\n"},
        {".gitignore": "sub/**/a.toml\n"},
        {".gitignore": "[[]odd].toml\n\\#a.toml\n\\!a.toml\nx\\ y.toml\n"},
        {".gitignore": "# a.toml\n\n   \na.toml   \n"},
        {".gitignore": "[ab].toml\r\n?p.toml\r\n"},
        {".gitignore": "é.toml\nUP.TOML\n"},
        {".gitignore": "\\\n!\n[\n[z-a]\na.toml\n"},
        {".git/info/exclude": "a.toml\nsub/\n"},
        {".git/info/exclude": "a.toml\n", ".gitignore": "!a.toml\n"},
        {".gitignore": "/sub\n!/sub\n"},
    ],
)
def test_the_verdict_is_that_of_git(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).write_text(text, newline="")
    ours = [name for name in searched() if name in _PLACES]
    listed = git("ls-files", "-z", "--others", "--exclude-standard").split("\0")
    assert ours == sorted(set(_PLACES) & set(listed))


def test_a_folder_that_is_named_is_searched_even_if_it_is_ignored() -> None:
    Path(".gitignore").write_text("sub/\nb.toml\n")
    left = ["sub/a.toml", "sub/deep/a.toml", "sub/logs/a.toml"]
    assert searched("sub") == left
    assert searched("sub/deep") == ["sub/deep/a.toml"]
    Path(".gitignore").write_text("sub\n")
    Path("sub/.gitignore").write_text("/deep\nb.toml\n")
    assert searched("sub") == ["sub/a.toml", "sub/logs/a.toml"]
    assert searched("sub/deep") == ["sub/deep/a.toml"]


def test_rules_above_the_searched_folder_count() -> None:
    Path(".gitignore").write_text("b.toml\n/sub/deep/\n")
    assert searched("sub") == ["sub/a.toml", "sub/logs/a.toml"]
    os.chdir("sub")
    assert searched() == ["a.toml", "logs/a.toml"]


def test_a_repository_inside_another_has_rules_of_its_own() -> None:
    Path(".gitignore").write_text("a.toml\n")
    git("init", "-q", "sub")
    Path("sub/.gitignore").write_text("b.toml\n")
    found = [name for name in searched() if name.startswith("sub/")]
    assert found == ["sub/a.toml", "sub/deep/a.toml", "sub/logs/a.toml"]


def test_a_worktree_has_the_excludes_of_its_repository(tmp_path: Path) -> None:
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a")
    git("worktree", "add", "-q", str(tmp_path / "tree"))
    Path(".git/info/exclude").write_text("a.toml\n")
    os.chdir(tmp_path / "tree")
    fill("a.toml", "b.toml")
    assert searched() == ["b.toml"]


def test_what_git_ignores_is_found_when_asked_for() -> None:
    Path(".gitignore").write_text("*\n")
    assert searched() == []
    assert len(searched(search=Search(exclude=(), respect_gitignore=False))) == len(_PLACES)


def test_without_a_repository_the_files_of_the_searched_folders_count(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("b.toml\n")
    plain = tmp_path / "plain"
    plain.mkdir()
    os.chdir(plain)
    fill("a.toml", "b.toml", "sub/c.toml")
    Path(".gitignore").write_text("sub/\n")
    assert searched() == ["a.toml", "b.toml"]


@pytest.mark.parametrize("kind", ["folder", "bytes", "pipe to nowhere"])
def test_an_ignore_file_that_cannot_be_read_ignores_nothing(kind: str) -> None:
    place = Path("sub/.gitignore")
    if kind == "folder":
        place.mkdir()
    elif kind == "bytes":
        place.write_bytes(b"\xff\xfe\0\n\xe9*\n")
    else:
        place.symlink_to("absent")
    assert searched("sub")[:2] == ["sub/a.toml", "sub/b.toml"]
