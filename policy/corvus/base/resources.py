"""Finds the directories that stand at the top of the repository and ship inside the wheel."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from corvus.base.errors import ResourceMissing

_CHECKOUT = Path(__file__).resolve().parents[3]


def shipped(name: Literal["reports", "schemas", "examples"]) -> Traversable:
    """Return a shipped directory, from the wheel or from the checkout around the package.

    Raises:
        ResourceMissing: Neither holds it.
    """
    packaged = files("corvus").joinpath(f"_{name}")
    if packaged.is_dir():
        return packaged
    folder = _CHECKOUT / name
    if folder.is_dir() and (_CHECKOUT / "pyproject.toml").is_file():
        return folder
    raise ResourceMissing(f"corvus was installed without its {name}/ directory; install it again")
