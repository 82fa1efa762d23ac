"""The pages of the diagnostic codes, made from what ``corvus explain`` prints (DIA-4)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from corvus.config.check.codes import CODES
from corvus.diagnostics.explanation import as_index, as_page
from tools.checkout import HERE

FOLDER: Final = Path("docs", "rules")
"""What ``corvus.base.links.RULES`` names on the web, from the root of the repository."""


def published() -> dict[Path, str]:
    """Return the text of the page of each code, and of the list of all."""
    pages = {HERE / FOLDER / f"{info.code}.md": as_page(info) for info in CODES.values()}
    return {HERE / FOLDER / "README.md": as_index(CODES.values()), **pages}


def orphans(checkout: Path, files: Collection[Path]) -> list[Path]:
    """Return the pages of a checkout whose code is gone, given every file that is generated."""
    return sorted(path for path in (checkout / FOLDER).glob("*.md") if path not in files)
