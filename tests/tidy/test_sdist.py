"""What a packager gets: the source archive builds and tests the project like a checkout."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN_BY_THE_BUILD = {"PKG-INFO"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of the archive, without the folder that holds them all."""
    out = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(out)]
    result = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (archive,) = out.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        return {one.name.partition("/")[2] for one in opened.getmembers() if one.isfile()}


def listed_by_git(*options: str) -> set[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout knows its files: this is no git checkout")
    command = ["git", "ls-files", "-z", *options]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in result.stdout.split("\0") if name and (ROOT / name).exists()}


def test_every_tracked_file_is_in_the_source_archive(names: set[str]) -> None:
    tracked = listed_by_git()
    assert {"pyproject.toml", "uv.lock", ".ci/run", ".gitignore"} <= tracked
    assert tracked - names == set()


def test_the_source_archive_holds_no_file_that_git_ignores(names: set[str]) -> None:
    own = listed_by_git("--cached", "--others", "--exclude-standard")
    assert names - own == WRITTEN_BY_THE_BUILD
