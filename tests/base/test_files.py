"""A file is replaced whole or not at all, whatever goes wrong; rewrites take turns."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from corvus.base import files
from corvus.base.errors import EditRefused
from corvus.base.files import count_hard_links, hold_file, replace_file, rewrite_file

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


def counted(raw: bytes) -> bytes:
    return b"%d\n" % (int(raw) + 1)


def test_rewrites_at_once_come_one_after_the_other(file: Path) -> None:
    """CFG-12: what each process acknowledges is in the file, and no file of a lock is left."""
    file.write_bytes(b"0\n")
    program = (
        "from pathlib import Path\nfrom corvus.base.files import rewrite_file\n"
        "def counted(raw): return b'%d' % (int(raw) + 1)\n"
        f"for _ in range(25):\n rewrite_file(Path({str(file)!r}), counted)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert file.read_bytes() == b"100"
    assert names(file.parent) == ["corvus.toml"]


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_one_may_not_read_is_no_reason_to_lose_a_change(tmp_path: Path) -> None:
    """CFG-12: the file is locked, and whoever waited for the replaced one takes the new one."""
    folder = tmp_path / "drop"
    folder.mkdir()
    file = folder / "corvus.toml"
    file.write_bytes(b"0\n")
    folder.chmod(0o300)
    try:
        threads = [
            threading.Thread(target=lambda: [rewrite_file(file, counted) for _ in range(20)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert file.read_bytes() == b"80\n"
    finally:
        folder.chmod(0o700)


def test_links_to_one_file_from_several_folders_take_turns(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "corvus.toml"
    link.symlink_to(file)
    with hold_file(link), pytest.raises(EditRefused, match="by another program for all of"):
        rewrite_file(file, lambda _: NEW, wait_seconds=0.05)
    assert rewrite_file(link, lambda _: NEW) == (OLD, NEW)
    assert link.is_symlink()
    assert file.read_bytes() == NEW


def test_a_link_that_moves_while_we_wait_is_followed(file: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "corvus.toml").write_bytes(name.encode())
    link = tmp_path / "link.toml"
    link.symlink_to("one/corvus.toml")
    del file

    def wait() -> None:
        rewrite_file(link, lambda raw: raw + b"!")

    waiting = threading.Thread(target=wait)
    with hold_file(tmp_path / "one" / "corvus.toml"):
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        link.unlink()
        link.symlink_to("two/corvus.toml")
    waiting.join()
    assert (tmp_path / "one" / "corvus.toml").read_bytes() == b"one"
    assert (tmp_path / "two" / "corvus.toml").read_bytes() == b"two!"


def test_a_change_that_fails_leaves_the_file_and_lets_the_next_one_in(file: Path) -> None:
    def fail(_: bytes) -> bytes:
        raise KeyError

    with pytest.raises(KeyError):
        rewrite_file(file, fail)
    assert file.read_bytes() == OLD
    assert rewrite_file(file, lambda _: NEW, wait_seconds=0) == (OLD, NEW)


def test_what_is_as_it_should_be_is_not_written(file: Path) -> None:
    before = file.stat()
    assert rewrite_file(file, lambda raw: raw) == (OLD, OLD)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_held_file_can_be_put_back(file: Path) -> None:
    with hold_file(file) as held:
        held.replace(NEW)
        held.replace(OLD)
    assert file.read_bytes() == OLD


@pytest.mark.parametrize("what", ["missing", "folder", "pipe"])
def test_only_a_file_that_is_there_is_rewritten(tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    with pytest.raises(EditRefused):
        rewrite_file(path, lambda _: NEW)


def test_a_file_system_without_locks_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(EditRefused, match="cannot be locked"):
        rewrite_file(file, lambda _: NEW)
    assert file.read_bytes() == OLD


def test_the_death_of_the_holder_frees_the_file(file: Path) -> None:
    program = (
        "import os, signal\nfrom pathlib import Path\nfrom corvus.base.files import hold_file\n"
        f"with hold_file(Path({str(file)!r})):\n os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert rewrite_file(file, lambda _: NEW, wait_seconds=0) == (OLD, NEW)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="there are no such attributes here")
def test_extended_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.origin", b"a template")
    except OSError:
        pytest.skip("the file system has no such attributes")
    rewrite_file(file, lambda _: NEW)
    assert os.getxattr(file, "user.origin") == b"a template"


def test_other_names_of_a_file_are_counted(file: Path, tmp_path: Path) -> None:
    assert (count_hard_links(file), count_hard_links(tmp_path / "gone")) == (0, 0)
    os.link(file, tmp_path / "second.toml")
    assert count_hard_links(file) == 1
