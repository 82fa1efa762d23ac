"""The list of mutants that no test needs to notice, each with the reason."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.mutate.mutants import Mutant


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that may live.

    Attributes:
        path: The file, below the root of the repository.
        before: The code that is replaced, as ``tools mutate`` prints it.
        after: What stands there instead.
        reason: Why no test notices it: what it changes has no effect, or costs too much to test.
    """

    path: str
    before: str
    after: str
    reason: str

    def is_of(self, mutant: Mutant) -> bool:
        """Return whether it is this mutant, wherever in the file its line is now."""
        own = self.path, self.before, self.after
        return own == (mutant.path.as_posix(), mutant.before, mutant.after)


def read_survivors(path: Path) -> list[Survivor]:
    """Read the list.

    Raises:
        TypeError: An entry has other keys than those of ``Survivor``.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    return [Survivor(**entry) for entry in entries]
