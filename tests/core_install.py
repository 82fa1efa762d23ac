"""Environments with what ``pip install corvus-policy`` brings, and no extra but those named."""

from __future__ import annotations

import os
import tomllib
import venv
from collections.abc import Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def core_environment(folder: Path, *extras: str) -> Path:
    """Make a virtual environment of the core, from what is installed here.

    Args:
        folder: Where it lies.
        extras: What it has besides; by default nothing.

    Returns:
        Its interpreter; this checkout's package is on its path, as after an editable install.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    for package in _needed(extras):
        _link(package, site)
    (site / "corvus_policy.pth").write_text(str(ROOT / "policy"))
    return folder / "bin" / "python"


def _needed(extras: Sequence[str]) -> list[Distribution]:
    """Return the distributions that the core and some extras need, directly or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, Distribution] = {}
    optional = project["optional-dependencies"]
    wanted = [*map(Requirement, project["dependencies"])]
    wanted += (Requirement(one) for extra in extras for one in optional[extra])
    while wanted:
        requirement = wanted.pop()
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and requirement.name not in found:
            found[requirement.name] = distribution(requirement.name)
            wanted += map(Requirement, found[requirement.name].requires or ())
    return [*found.values()]


def _link(package: Distribution, site: Path) -> None:
    for name in {file.parts[0] for file in package.files or ()}:
        if name not in {"..", "__pycache__"} and not (site / name).exists():
            os.symlink(str(package.locate_file(name)), site / name)
