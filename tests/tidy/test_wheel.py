"""What a user installs: the wheel holds every file that the program reads, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from corvus.version import __version__

ROOT = Path(__file__).parents[2]
SHIPPED = {"reports": "_reports", "schemas": "_schemas", "examples": "_examples"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(out),
        str(ROOT),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def tracked(folder: str) -> list[Path]:
    return [
        path
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not (folder == "examples" and path.suffix == ".py")  # programs to read, not to import
        and not (folder == "schemas" and path.parent.name != folder)  # for their addresses only
    ]


@pytest.mark.parametrize("folder", SHIPPED)
def test_a_top_level_folder_ships_inside_the_package(folder: str, names: set[str]) -> None:
    files = tracked(folder)
    assert files
    missing = [
        path
        for path in files
        if f"corvus/{SHIPPED[folder]}/{path.relative_to(ROOT / folder).as_posix()}" not in names
    ]
    assert not missing


def test_every_file_of_the_package_ships(names: set[str]) -> None:
    source = ROOT / "policy"
    missing = [
        path for path in tracked("policy") if path.relative_to(source).as_posix() not in names
    ]
    assert not missing


def test_the_wheel_says_that_the_package_is_typed(names: set[str]) -> None:
    assert "corvus/py.typed" in names


def test_nothing_else_ships(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == {
        "corvus",
        f"corvus_policy-{__version__}.dist-info",
    }
    assert not [name for name in names if name.endswith((".pyc", ".duckdb"))]
    assert not [name for name in names if "/_schemas/v" in name]
