"""Runs tests on mutants, in a copy of the repository."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Self

from tools.checkout import Checkout
from tools.mutate.mutants import Mutant

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
_OPTIONS = ["-q", "-x", "-n", "0", "--no-header", "-p", "no:randomly", "-o", "addopts="]
_IMPORT_MODE = "--import-mode=importlib"
_NO_TESTS = 5


class Verdict(Enum):
    """What became of a mutant."""

    DIES = "dies"
    TAKES_LONG = "hangs"  # a test noticed by never ending
    LIVES = "LIVES"


class Laboratory:
    """A copy of a checkout, in which one file at a time is wrong.

    Args:
        checkout: What is copied.
        seconds: For the tests of one mutant, each time they are run.
    """

    def __init__(self, checkout: Checkout, seconds: int) -> None:
        self._checkout = checkout
        self._seconds = seconds
        self._folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        self._root = self._folder / "copy"
        self._moments = itertools.count(1)

    def __enter__(self) -> Self:
        """Make the copy."""
        shutil.copytree(self._checkout.folder, self._root, ignore=_LEFT_OUT, symlinks=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the copy."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def judge(self, mutant: Mutant, *, whole: bool = False) -> Verdict:
        """Run the tests nearest to a mutant, then wider ones, until one fails.

        Args:
            mutant: Of the checkout.
            whole: Whether all tests run when those of its room pass.
        """
        path = self._root / mutant.path
        sound = path.read_bytes()
        self._write(path, mutant.text.encode())
        try:
            place = self._place(mutant)
            for tests in circles(self._root / "tests", place, whole=whole):
                verdict = self._run(tests)
                if verdict is not Verdict.LIVES:
                    return verdict
            return Verdict.LIVES
        finally:
            self._write(path, sound)

    def _write(self, path: Path, text: bytes) -> None:
        """Write a module, with a time of its own: Python knows by it whether bytecode is of it."""
        path.write_bytes(text)
        moment = next(self._moments)
        os.utime(path, (moment, moment))

    def _place(self, mutant: Mutant) -> Path:
        sources = self._checkout.sources.relative_to(self._checkout.folder)
        return mutant.path.relative_to(sources)

    def _run(self, tests: Sequence[Path]) -> Verdict:
        command = [str(self._checkout.python), "-m", "pytest", *_OPTIONS, _IMPORT_MODE]
        command += ["-m", "not nightly and not slow", *map(str, tests)]
        root = self._root
        import_root = root / self._checkout.import_root.relative_to(self._checkout.folder)
        environment = os.environ | {"PYTHONPATH": f"{import_root}{os.pathsep}{root}"}
        try:
            done = subprocess.run(
                command,
                cwd=root,
                env=environment,
                capture_output=True,
                check=False,
                timeout=self._seconds,
            )
        except subprocess.TimeoutExpired:
            return Verdict.TAKES_LONG
        return Verdict.LIVES if done.returncode in (0, _NO_TESTS) else Verdict.DIES


def circles(tests: Path, module: Path, *, whole: bool = False) -> list[list[Path]]:
    """Return the tests of a module, then those of its room; all, where it has none of its own.

    Args:
        tests: The folder of all tests, which mirrors the package.
        module: The module's file, below the package.
        whole: Whether all tests come last in any case.
    """
    folders = [tests / parent for parent in module.parents if parent != Path(".")]
    found: list[list[Path]] = []
    for folder in filter(Path.is_dir, folders):
        found += [sorted(folder.glob(f"test_{module.stem}*.py")), [folder]]
    found.append(sorted(tests.glob(f"test_{module.stem}*.py")))
    found = [group for group in found if group]
    return [*found, [tests]] if whole or not found else found
