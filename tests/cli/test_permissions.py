"""What may not be read is said, and never taken for what is not there (CFG-6, DIA-5)."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from corvus.base.files import replace_file

CONFIG = "[cost]\nenabled = true\ndaily_limit_usd = 1\n"
_CAPABILITIES = "--bounding-set=-dac_override,-dac_read_search"


@pytest.fixture
def plain_user() -> list[str]:
    """Return what makes of a command one that permissions hold for, whoever runs the tests."""
    if os.getuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv to stop that")
    return ["setpriv", _CAPABILITIES, _CAPABILITIES.replace("bounding-set", "inh-caps")]


def corvus(
    plain_user: list[str], *words: str, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*plain_user, sys.executable, "-m", "corvus", *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def barred(tmp_path: Path) -> Path:
    """Return a folder with a config below it in one that nobody may search."""
    inner = tmp_path / "corvus"
    inner.mkdir()
    (inner / "config.toml").write_text(CONFIG)
    (tmp_path / "corvus.toml").write_text(CONFIG)
    inner.chmod(0)
    return tmp_path


@pytest.mark.parametrize("words", [["config", "show"], ["status"], ["policy", "show"]])
def test_a_config_that_may_not_be_read_loosens_no_budget(
    words: list[str], plain_user: list[str], barred: Path
) -> None:
    empty = barred / "empty"
    empty.mkdir()
    (empty / ".git").mkdir()
    done = corvus(plain_user, *words, folder=empty, XDG_CONFIG_HOME=str(barred))
    assert done.returncode == 2
    assert "config.toml` cannot be read: Permission denied" in done.stderr
    (barred / "corvus").chmod(0o700)


@pytest.mark.parametrize("pattern", ["**/*.toml", "*/config.toml"])
def test_a_pattern_does_not_pass_over_a_folder_in_silence(
    pattern: str, plain_user: list[str], barred: Path
) -> None:
    done = corvus(plain_user, "check", pattern, folder=barred)
    assert done.returncode == 2
    assert "the directory `corvus` cannot be searched: Permission denied" in done.stdout
    above = corvus(plain_user, "check", "*.toml", folder=barred)
    assert above.returncode == 0
    (barred / "corvus").chmod(0o700)


def test_the_group_of_a_file_stays_where_the_owner_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "corvus.toml"
    path.write_text(CONFIG)
    path.chmod(0o660)
    asked: list[tuple[int, int]] = []

    def chown(_: object, user: int, group: int) -> None:
        asked.append((user, group))
        if user != -1:
            raise PermissionError

    monkeypatch.setattr(os, "chown", chown)
    replace_file(path, b"")
    status = path.stat()
    assert asked == [(status.st_uid, status.st_gid), (-1, status.st_gid)]
    assert stat.S_IMODE(status.st_mode) == 0o660


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = (
        "import os, sys; os.rmdir(os.getcwd())\n"
        "from corvus.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    for words in (["check", "."], ["check", "--force-exclude", "x.toml"]):
        gone.mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            cwd=gone,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "1 input was not checked: this is no pass" in done.stdout


def test_a_pipe_where_rules_are_looked_for_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "a.toml").write_text(CONFIG)
    os.mkfifo(tmp_path / ".gitignore")
    os.mkfifo(tmp_path / "corvus.toml")
    for words in (["check", "inner"], ["check", "inner/a.toml"], ["check", "inner/*.toml"]):
        done = subprocess.run(
            [sys.executable, "-m", "corvus", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stdout
