"""Whatever may lie where a file is looked for: nobody waits for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from corvus.base.regular import read_regular


def test_a_file_is_read_and_a_pipe_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    assert read_regular(str(tmp_path / "a")) == b"x"
    assert read_regular(str(tmp_path / "pipe")) is None
    assert read_regular("/dev/null") is None
    with pytest.raises(FileNotFoundError):
        read_regular(str(tmp_path / "b"))
