"""Whatever somebody has put where corvus keeps a file of its own: it is not touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from corvus.base.own_files import open_own


def test_a_file_of_our_own_is_never_opened_through_a_link(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_bytes(b"x")
    link.symlink_to(victim)
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "dangling", "pipe", "."):
        with pytest.raises(OSError, match=name):
            open_own(tmp_path / name, os.O_RDONLY)
        with pytest.raises(OSError, match=name):
            open_own(tmp_path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    assert sorted(os.listdir(tmp_path)) == ["dangling", "link", "pipe", "victim"]


def test_only_its_owner_may_read_a_file_of_our_own(tmp_path: Path) -> None:
    os.close(open_own(tmp_path / "a", os.O_WRONLY | os.O_CREAT))
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
