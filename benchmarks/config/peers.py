"""The other tools of the comparisons, in an environment of their own, never in the project's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schemas" / "config.native.schema.json"
PACKAGES = ("taplo==0.9.3", "tombi==1.9.6", "check-jsonschema==0.39.0")


@contextmanager
def installed() -> Iterator[Path]:
    """Give the folder of the peers' programs: ``$PEERS`` if set, else a fresh environment."""
    if "PEERS" in os.environ:
        yield Path(os.environ["PEERS"])
        return
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        programs = Path(folder) / "bin"
        command = [programs / "python", "-m", "pip", "install", "--quiet", *PACKAGES]
        subprocess.run(command, check=True)
        yield programs


def corvus(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "corvus", "check", *arguments]
