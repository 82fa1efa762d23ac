"""Record what every surface answers to the same inputs, to be compared before and after a change.

::

    python -m tools surfaces /tmp/before --tree ../before
    python -m tools surfaces /tmp/after
    diff -r /tmp/before /tmp/after

Each answer is a file: commands with exit code, stdout and stderr; responses of the gateway with
status, headers and body; rows of store and ledger. The clock stands still and ids are counted, so
that little has to be replaced (``tools.surfaces.normal``); inputs come from this checkout whichever
is recorded. Every command runs in a fork of one process that has imported the package, in a fixed
folder, because the length of paths decides how tables are laid out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from tools.checkout import HERE, checkout_at

_AREAS = ("commands", "terminal", "usage", "governing", "gateway", "pages", "python")


def main(arguments: list[str]) -> int:
    """Record the surfaces of a checkout."""
    parser = argparse.ArgumentParser(prog="python -m tools surfaces")
    parser.add_argument("folder", type=Path, help="where the answers go; emptied first")
    parser.add_argument("--tree", type=Path, default=HERE, help="the checkout to record")
    parser.add_argument("--configs", type=Path, help="a folder with further config files to check")
    parser.add_argument("--only", choices=_AREAS, action="append", help="record these areas alone")
    options = parser.parse_args(arguments)
    tree = checkout_at(options.tree)
    if os.environ.get("CORVUS_SURFACES") != str(tree.folder):
        return _again(tree.python, str(tree.folder), arguments)
    from tools.surfaces.record import record

    areas = tuple(options.only or _AREAS)
    record(tree, options.folder.resolve(), areas=areas, configs=options.configs)
    return 0


def _again(python: Path, folder: str, arguments: list[str]) -> int:
    """Start over in the interpreter of the checkout, with a fixed seed of hashes."""
    start = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); from tools import surfaces; "
        f"sys.path.remove({str(HERE)!r}); sys.exit(surfaces.main({arguments!r}))"
    )
    environment = {
        "CORVUS_SURFACES": folder,
        "PYTHONHASHSEED": "0",
        "PATH": os.environ["PATH"],
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
    }
    command = [python, "-P", "-c", start]
    return subprocess.run(command, env=environment, check=False).returncode
