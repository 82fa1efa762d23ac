"""We take one name on the import path, so the modules of a user never replace ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMON_NAMES = ("policy", "config", "store", "model", "base", "calls", "ledger")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in COMMON_NAMES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is the module of the user')\n")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [["-c", "import corvus; corvus.open_runtime"], ["-m", "corvus", "demo"]],
    ids=["import", "demo"],
)
def test_modules_of_the_user_with_common_names_are_left_alone(
    folder: Path, words: list[str]
) -> None:
    environment = os.environ | {"HOME": str(folder)}
    result = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
