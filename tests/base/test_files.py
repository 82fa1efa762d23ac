"""``replace_file``: the old file or the new one, whatever goes wrong in between."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from corvus.base import files
from corvus.base.errors import EditRefused
from corvus.base.files import replace_file

OLD, NEW = b"old = 1\n", b"new = 22\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "corvus.toml"
    path.write_bytes(OLD)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_bytes_are_replaced_and_the_mode_stays(file: Path) -> None:
    file.chmod(0o640)
    replace_file(file, NEW, before=OLD)
    assert file.read_bytes() == NEW
    assert file.stat().st_mode & 0o7777 == 0o640
    assert names(file.parent) == ["corvus.toml"]


def test_a_new_file_gets_the_usual_mode(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        replace_file(tmp_path / "new.toml", NEW)
    finally:
        os.umask(mask)
    assert (tmp_path / "new.toml").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_survives_and_its_file_is_written(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.toml"
    link.symlink_to(Path("..") / "corvus.toml")
    replace_file(link, NEW, before=OLD)
    assert link.is_symlink()
    assert file.read_bytes() == NEW
    assert names(link.parent) == ["link.toml"]


def test_a_file_that_changed_since_it_was_read_is_left_alone(file: Path) -> None:
    """CFG-12."""
    file.write_bytes(b"theirs\n")
    with pytest.raises(EditRefused, match="changed since it was read"):
        replace_file(file, NEW, before=OLD)
    assert file.read_bytes() == b"theirs\n"
    assert names(file.parent) == ["corvus.toml"]


def test_a_file_that_went_away_since_it_was_read_does_not_come_back(tmp_path: Path) -> None:
    with pytest.raises(EditRefused):
        replace_file(tmp_path / "gone.toml", NEW, before=OLD)
    assert names(tmp_path) == []


@pytest.mark.usefixtures("unprivileged")
def test_a_read_only_file_is_refused_though_the_folder_would_allow_it(file: Path) -> None:
    file.chmod(0o444)
    with pytest.raises(EditRefused, match="read-only"):
        replace_file(file, NEW, before=OLD)
    assert file.read_bytes() == OLD


@pytest.mark.usefixtures("unprivileged")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "corvus.toml").write_bytes(OLD)
    folder.chmod(0o555)
    try:
        with pytest.raises(EditRefused, match="Permission denied"):
            replace_file(folder / "corvus.toml", NEW, before=OLD)
        assert names(folder) == ["corvus.toml"]
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("what", ["folder", "pipe", "nowhere"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path = tmp_path / "missing" / "corvus.toml"
    with pytest.raises(EditRefused):
        replace_file(path, NEW)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    file: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"{files.__name__}.os.{step}", full)
    with pytest.raises(EditRefused, match="No space left"):
        replace_file(file, NEW, before=OLD)
    assert file.read_bytes() == OLD
    assert names(file.parent) == ["corvus.toml"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_process_killed_before_the_rename_leaves_the_old_file(file: Path, step: str) -> None:
    killed = (
        "import os, signal\nfrom pathlib import Path\nfrom corvus.base import files\n"
        f"files.os.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"files.replace_file(Path({str(file)!r}), {NEW!r}, before={OLD!r})\n"
    )
    result = subprocess.run([sys.executable, "-c", killed], check=False, capture_output=True)
    assert result.returncode == -9
    assert file.read_bytes() == OLD
    replace_file(file, NEW, before=OLD)  # what the dead process left is in nobody's way
    assert file.read_bytes() == NEW


def test_the_file_and_then_the_folder_are_synced(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def note_replace(source: str, target: Path) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(f"{files.__name__}.os.fsync", note_sync)
    monkeypatch.setattr(f"{files.__name__}.os.replace", note_replace)
    replace_file(file, NEW, before=OLD)
    assert steps == ["file", "rename", "folder"]
