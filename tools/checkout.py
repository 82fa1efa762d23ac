"""A checkout of corvus, of today or of before the import package was renamed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
"""The checkout that these tools are of."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where the sources of a checkout are.

    Attributes:
        folder: The root of the repository.
        import_root: The folder that has the import package.
        package: The name of the import package.
    """

    folder: Path
    import_root: Path
    package: str

    @property
    def sources(self) -> Path:
        """The folder of the package itself."""
        return self.import_root / self.package

    @property
    def python(self) -> Path:
        """The interpreter of the checkout, else the one that runs."""
        own = self.folder / ".venv/bin/python"
        return own if own.exists() else Path(sys.executable)

    def environment(self) -> dict[str, str]:
        """Return the environment in which the interpreter imports this checkout."""
        return os.environ | {"PYTHONPATH": str(self.import_root)}


def checkout_at(folder: Path | str = HERE) -> Checkout:
    """Return the checkout in a folder.

    Raises:
        FileNotFoundError: There is no package of corvus.
    """
    root = Path(folder).resolve()
    for import_root, package in ((root / "policy", "corvus"), (root, "policy")):
        if (import_root / package / "__init__.py").is_file():
            return Checkout(root, import_root, package)
    raise FileNotFoundError(f"{root} has no package of corvus")
