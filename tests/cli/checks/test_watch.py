"""``corvus check --watch`` as a process: it checks again, and ends with Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[3]


def lines_until(stream: IO[str], end: str) -> list[str]:
    lines: list[str] = []
    while not lines or not lines[-1].startswith(end):
        line = stream.readline()
        assert line, lines
        lines.append(line.rstrip("\n"))
    return lines


def test_a_change_is_checked_and_an_interrupt_ends_it(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    (tmp_path / "a.toml").write_text("[cost]\nenabled = true\n")
    with subprocess.Popen(
        [sys.executable, "-m", "corvus", "check", "--watch", "--format", "concise", "."],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT / 'policy'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines_until(process.stderr, "Watching")
        time.sleep(0.5)  # the watch begins behind the line that says so
        (tmp_path / "a.toml").write_text("[cost]\nzzz = 1\n")
        lines_until(process.stderr, "Watching")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        printed = process.stdout.read().splitlines()
        assert any(line.startswith("a.toml:2:1: error[unknown-key]") for line in printed)
        assert process.stderr.read() == ""


def test_without_watchfiles_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from corvus.cli.check import main

    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert main(["--watch", str(tmp_path)]) == 2
    assert "pip install 'corvus-policy[watch]'" in capsys.readouterr().err
